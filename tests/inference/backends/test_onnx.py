"""ONNX files run without PyTorch, and errors are clear."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from export_models import (
    CLIP_LEN,
    SIZE,
    external,
    longer_clip,
    of_another_domain,
    output_renamed,
    remade,
)
from make_video import encode_video, truncate
from onnx import helper

from salkit import SaliencyPredictor
from salkit.errors import CheckpointError, ConfigError, ShapeError
from salkit.inference.backends.exported import ExportMetadata
from salkit.inference.backends.onnx import OnnxBackend
from salkit.media.clips import ClipSettings
from salkit.utils.parallel import usable_cores

BOOL, FLOAT, INT64 = onnx.TensorProto.BOOL, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def random_frames(count, size=SIZE):
    return np.random.default_rng(0).integers(0, 256, (count, *size, 3), np.uint8)


def with_metadata(onnx_file, path, **changes):
    """A copy of the file that tells something else about itself; None leaves the entry out."""
    model = onnx.load(onnx_file)
    told = json.loads(model.metadata_props[0].value)
    del model.metadata_props[:]
    if changes.get('salkit', '') is not None:
        told['clip'].update(changes)
        text = changes.get('salkit') or json.dumps(told)
        model.metadata_props.add(key='salkit', value=text)
    onnx.save(model, path)
    return path


def test_frames_are_normalised_to_the_bit(small, onnx_file):
    (frame,) = random_frames(1)
    frame.reshape(-1)[:256] = np.arange(256)
    clip = torch.from_numpy(frame).permute(2, 0, 1)[None, :, None]
    wanted = small.model.data_preprocessor.normalise(clip)[0, :, 0].numpy()
    found = OnnxBackend(onnx_file).prepare(frame)
    assert found.dtype == np.float32 and np.array_equal(found, wanted)


def test_windows(small, onnx_file):
    backend = OnnxBackend(onnx_file)
    assert backend.device == 'cpu' and backend.batch_size is None
    frames = [backend.prepare(frame) for frame in random_frames(CLIP_LEN + 2)]
    windows = [frames[start : start + CLIP_LEN] for start in range(3)]
    found = backend.predict(windows)
    clip = torch.from_numpy(np.stack([np.stack(window, axis=1) for window in windows]))
    wanted = small.model(clip).numpy()
    assert found.shape == (3, *SIZE) and found.dtype == np.float32
    assert np.ptp(wanted) > 0.05 and np.abs(wanted[0] - wanted[2]).max() > 0.01
    np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=0)
    with pytest.raises(ShapeError, match=r'a frame \(32, 48, 3\), got \(48, 32, 3\)'):
        backend.prepare(random_frames(1, SIZE[::-1])[0])


ONNX_SCRIPT = """
import sys
for name in ('torch', 'torchvision', 'mmengine', 'mmcv', 'timm'):
    sys.modules[name] = None
import numpy as np
from salkit import SaliencyPredictor
predictor = SaliencyPredictor(sys.argv[1])
np.save(sys.argv[3], np.asarray(predictor.predict(sys.argv[2])))
"""


def test_a_video_where_pytorch_cannot_be_imported(small, onnx_file, tmp_path):
    video = encode_video(tmp_path / 'clip.mp4', frames=9)
    found = tmp_path / 'found.npy'
    argv = [sys.executable, '-c', ONNX_SCRIPT, str(onnx_file), str(video), str(found)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with_torch = SaliencyPredictor(small.config, small.checkpoint, device='cpu')
    wanted = np.asarray(with_torch.predict(video))
    assert wanted.shape == (9, 48, 80) and np.ptp(wanted, axis=0).max() > 0.01
    np.testing.assert_allclose(np.load(found), wanted, atol=1e-4, rtol=0)


COMMAND = """
import sys


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('torch', 'torchvision', 'mmengine', 'mmcv', 'timm'):
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)


sys.meta_path.insert(0, Refuse())
from salkit.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_command_where_pytorch_is_not_installed(small, onnx_file, tmp_path):
    encode_video(tmp_path / 'clip.mp4', frames=5)

    def run(*argv):
        argv = [sys.executable, '-c', COMMAND, *map(str, argv)]
        return subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path)

    done = run('predict', 'clip.mp4', '--model', onnx_file, '--overlay', '--out', 'out')
    assert done.returncode == 0 and done.stdout.startswith('1 predicted: 5 frames'), done.stderr
    assert len(list((tmp_path / 'out' / 'clip').glob('*.png'))) == 5
    assert (tmp_path / 'out' / 'clip_overlay.mp4').stat().st_size > 500
    for argv in (
        ['predict', 'clip.mp4', '--out', 'other'],
        ['predict', 'clip.mp4', '--out', 'other', '--model', 'lite0'],
        ['export', '--out', 'x.onnx'],
        ['train', 'demo/umt-tiny_cc-kl'],
    ):
        done = run(*argv)
        assert done.returncode == 2 and done.stderr.count('\n') == 1, done.stderr
        assert 'needs PyTorch and mmengine' in done.stderr and 'pip install' in done.stderr


def test_predictors_of_both_kinds_agree(small, onnx_file):
    frames = random_frames(6, (50, 70))
    of_torch = SaliencyPredictor(small.config, small.checkpoint, device='cpu')
    of_onnx = SaliencyPredictor(onnx_file, device='cpu')
    assert of_onnx.settings == of_torch.settings and of_onnx.name == 'tiny.py'
    wanted = np.asarray(of_torch.predict(frames))
    assert wanted.shape == (6, 50, 70) and np.ptp(wanted) > 0.05
    np.testing.assert_allclose(np.asarray(of_onnx.predict(frames)), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        (dict(salkit=None), "expected a model that salkit exported.*no entry 'salkit'"),
        (dict(salkit='{"clip": 3}'), "entry 'salkit' is broken"),
        (dict(salkit='[' * 5000), "entry 'salkit' is broken"),
        (dict(size=None), "entry 'salkit' is broken"),
        (dict(clip_len=0), "entry 'salkit' is broken"),
    ],
)
def test_metadata_that_is_not_salkits(onnx_file, tmp_path, changes, expected):
    path = with_metadata(onnx_file, tmp_path / 'other.onnx', **changes)
    with pytest.raises(CheckpointError, match=expected) as raised:
        OnnxBackend(path)
    assert str(path) in str(raised.value) and '\n' not in str(raised.value)


def test_a_later_salkit_may_tell_more(onnx_file):
    text = OnnxBackend(onnx_file).metadata.to_text()
    assert ExportMetadata.from_text(text[:-1] + ', "more": 1}', 'file').clip.clip_len == CLIP_LEN


def test_files_that_cannot_be_read(onnx_file, tmp_path):
    text = tmp_path / 'text.onnx'
    text.write_text('not a model')
    half = truncate(onnx_file, tmp_path / 'half.onnx', 0.5)
    empty = tmp_path / 'empty.onnx'
    empty.touch()
    for path in (text, half, empty):
        with pytest.raises(CheckpointError, match='cannot be read as') as raised:
            OnnxBackend(path)
        assert str(path) in str(raised.value)
    with pytest.raises(CheckpointError, match='does not exist'):
        OnnxBackend(tmp_path / 'none.onnx')


def test_devices(onnx_file):
    import onnxruntime

    for device in ('tpu', 'cuda:x'):
        with pytest.raises(ConfigError, match=device):
            OnnxBackend(onnx_file, device)
    if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
        with pytest.raises(ConfigError, match='onnxruntime-gpu'):
            OnnxBackend(onnx_file, 'cuda:0')


def test_threads_are_those_that_the_user_names(onnx_file, monkeypatch):
    for name in ('MKL_NUM_THREADS', 'LOCAL_WORLD_SIZE'):
        monkeypatch.delenv(name, raising=False)
    for named, wanted in (('3', 3), ('', usable_cores())):
        monkeypatch.setenv('OMP_NUM_THREADS', named)
        options = OnnxBackend(onnx_file).session.get_session_options()
        assert options.intra_op_num_threads == wanted


def test_onnxruntime_not_installed(onnx_file, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ConfigError, match=r"pip install 'salkit\[onnx\]'"):
        OnnxBackend(onnx_file)


@pytest.mark.parametrize(
    'change',
    [
        external('../secret.bin'),
        external('/etc/passwd'),
        external('/dev/zero'),
        external('pipe.bin'),
        external('none.bin'),
        output_renamed,
        longer_clip,
        of_another_domain,
    ],
)
def test_graphs_of_strangers(onnx_file, tmp_path, change):
    (tmp_path / 'secret.bin').write_bytes(bytes(10**6))
    (tmp_path / 'in').mkdir()
    os.mkfifo(tmp_path / 'in' / 'pipe.bin')
    path = remade(onnx_file, tmp_path / 'in' / 'a.onnx', change)
    with pytest.raises(CheckpointError) as raised:
        OnnxBackend(path)
    assert str(raised.value).startswith(f'{path}: ') and '\n' not in str(raised.value)


@pytest.mark.parametrize(
    'told',
    [
        dict(clip_len=10**9),
        dict(clip_len=CLIP_LEN + 1),
        dict(clip_stride=10**9),
        dict(size=[10**6, 10**6]),
        dict(size='ab'),
        dict(blur_kernel=10**9),
        dict(pixel_mean='abc'),
        dict(pixel_std=[0, 0, 0]),
        dict(head=[1]),
        dict(name=['x']),
    ],
)
def test_metadata_that_no_graph_takes(onnx_file, tmp_path, told):
    path = with_metadata(onnx_file, tmp_path / 'other.onnx', **told)
    with pytest.raises(
        CheckpointError, match=r"other\.onnx: expected .*('salkit' is broken|input)"
    ):
        OnnxBackend(path)


def test_pipes_and_devices(tmp_path):
    os.mkfifo(tmp_path / 'pipe.onnx')
    (tmp_path / 'device.onnx').symlink_to('/dev/zero')
    (tmp_path / 'folder.onnx').mkdir()
    for name, kind in (('pipe', 'pipe'), ('device', 'device'), ('folder', 'folder')):
        with pytest.raises(CheckpointError, match=f'is a {kind}, expected a regular file'):
            SaliencyPredictor(tmp_path / f'{name}.onnx')


def test_a_graph_that_fails_while_it_runs(onnx_file):
    backend = OnnxBackend(onnx_file)
    with pytest.raises(CheckpointError, match=r'model\.onnx: onnxruntime cannot run this model'):
        backend.run(np.zeros((1, 3, CLIP_LEN, 5, 7), np.float32))


def test_random_weights_are_told(onnx_file, tmp_path):
    model = onnx.load(onnx_file)
    told = json.loads(model.metadata_props[0].value)
    path = with_metadata(
        onnx_file, tmp_path / 'a.onnx', salkit=json.dumps({**told, 'checkpoint': None})
    )
    with pytest.warns(UserWarning, match='was exported with random weights'):
        SaliencyPredictor(path)


def endless(path):
    """A model that salkit might have exported, whose graph has a loop without an end."""
    tensor, node = helper.make_tensor_value_info, helper.make_node
    body = helper.make_graph(
        [node('Identity', ['go'], ['go_on']), node('Add', ['x', 'x'], ['y'])],
        'body',
        [tensor('i', INT64, []), tensor('go', BOOL, []), tensor('x', FLOAT, [])],
        [tensor('go_on', BOOL, []), tensor('y', FLOAT, [])],
    )
    nodes = [
        node('ReduceMean', ['clip', 'axes'], ['mean'], keepdims=0),
        node('Loop', ['', 'go', 'x'], ['end'], body=body),
        node('Add', ['mean', 'end'], ['saliency_map']),
    ]
    graph = helper.make_graph(
        nodes,
        'endless',
        [tensor('clip', FLOAT, [1, 3, CLIP_LEN, *SIZE])],
        [tensor('saliency_map', FLOAT, [1, *SIZE])],
        [
            helper.make_tensor('axes', INT64, [2], [1, 2]),
            helper.make_tensor('go', BOOL, [], [True]),
            helper.make_tensor('x', FLOAT, [], [0.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)], ir_version=10)
    settings = ClipSettings(CLIP_LEN, SIZE, pixel_mean=(0.5,) * 3, pixel_std=(0.5,) * 3)
    metadata = ExportMetadata(settings, 'endless', 'a.pth', '', '0')
    helper.set_model_props(model, dict(salkit=metadata.to_text()))
    onnx.save(model, path)
    return path


def test_nobody_is_told_of_a_prediction(tmp_path):
    path = endless(tmp_path / 'endless.onnx')
    code = f'from salkit import SaliencyPredictor; SaliencyPredictor({str(path)!r})'
    (tmp_path / 'tmp').mkdir()
    # Where onnxruntime would note whom it tells of.
    env = {**os.environ, 'TMPDIR': str(tmp_path / 'tmp')}
    env.pop('ORT_DISABLE_TELEMETRY', None)
    subprocess.run([sys.executable, '-c', code], check=True, env=env)
    assert not any((tmp_path / 'tmp').iterdir())


@pytest.mark.parametrize('overlay', [(), ('--overlay',)])
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_graph_without_an_end(tmp_path, number, overlay):
    video, out = encode_video(tmp_path / 'clip.mp4', frames=3), tmp_path / 'out'
    argv = ['predict', video, '--model', endless(tmp_path / 'a.onnx'), '--out', out, *overlay]
    process = subprocess.Popen(
        [sys.executable, '-c', PREDICT_SCRIPT, *map(str, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == 'running\n'
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and 'salkit predict: interrupted' in told
    assert 'Traceback' not in told and os.listdir(out) == []


PREDICT_SCRIPT = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from salkit.inference.backends.onnx import OnnxBackend
run = OnnxBackend.run
def told(self, clip):
    threading.Timer(0.5, print, ['running'], dict(file=sys.__stdout__, flush=True)).start()
    return run(self, clip)
OnnxBackend.run = told
from salkit.cli import main
sys.exit(main(sys.argv[1:]))
"""
