"""What runs exported files: without PyTorch, without mmengine, and with clear errors."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from export_models import CLIP_LEN, SIZE, assert_agrees
from make_video import encode_video, truncate

from salkit import SaliencyPredictor
from salkit.errors import CheckpointError, ConfigError, ShapeError
from salkit.inference.backends.exported import ExportedBackend
from salkit.inference.backends.exported_file import ExportMetadata
from salkit.inference.backends.onnx import OnnxBackend


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


@pytest.mark.parametrize('kind', ['onnx', 'pt2'])
def test_windows(small, onnx_file, program_file, kind):
    backend = OnnxBackend(onnx_file) if kind == 'onnx' else ExportedBackend(program_file, 'cpu')
    assert backend.device == 'cpu' and backend.batch_size is None
    frames = [backend.prepare(frame) for frame in random_frames(CLIP_LEN + 2)]
    windows = [frames[start : start + CLIP_LEN] for start in range(3)]
    found = backend.predict(windows)
    clip = torch.from_numpy(np.stack([np.stack(window, axis=1) for window in windows]))
    wanted = small.model(clip).numpy()
    assert found.shape == (3, *SIZE) and found.dtype == np.float32
    assert np.ptp(wanted) > 0.05 and np.abs(wanted[0] - wanted[2]).max() > 0.01
    np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=0)
    with pytest.raises(ShapeError, match='clips of 4 frames, got 3'):
        backend.predict([windows[0][1:]])
    with pytest.raises(ShapeError, match=r'a frame \(32, 48, 3\), got \(48, 32, 3\)'):
        backend.prepare(random_frames(1, SIZE[::-1])[0])


def test_a_batch_that_is_not_full(onnx_file):
    backend = OnnxBackend(onnx_file)
    frames = [backend.prepare(frame) for frame in random_frames(CLIP_LEN + 4)]
    windows = [frames[start : start + CLIP_LEN] for start in range(5)]
    wanted = backend.predict(windows)
    backend.batch_size, sizes, run = 2, [], backend.run
    backend.run = lambda clip: sizes.append(len(clip)) or run(clip)
    np.testing.assert_allclose(backend.predict(windows), wanted, atol=1e-6, rtol=0)
    assert sizes == [2, 2, 2]


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


PROGRAM_SCRIPT = """
import sys
for name in ('salkit', 'mmengine', 'mmcv', 'timm', 'torchvision', 'einops'):
    sys.modules[name] = None
import torch
clip = torch.load(sys.argv[2])
maps = torch.export.load(sys.argv[1]).module()(clip)
torch.save(maps.detach(), sys.argv[2])
"""


def test_a_program_needs_pytorch_alone(small, program_file, tmp_path):
    shared = tmp_path / 'tensor.pt'

    def run(clip):
        torch.save(torch.from_numpy(clip), shared)
        argv = [sys.executable, '-c', PROGRAM_SCRIPT, str(program_file), str(shared)]
        done = subprocess.run(argv, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return torch.load(shared).numpy()

    assert_agrees(small.model, run, batches=[3])


def test_predictors_of_all_kinds_agree(small, onnx_file, program_file):
    frames = random_frames(6, (50, 70))
    of_torch, *others = (
        SaliencyPredictor(*source, device='cpu')
        for source in [(small.config, small.checkpoint), (onnx_file,), (program_file,)]
    )
    wanted = np.asarray(of_torch.predict(frames))
    assert wanted.shape == (6, 50, 70) and np.ptp(wanted) > 0.05
    for predictor in others:
        assert predictor.settings == of_torch.settings and predictor.name == 'tiny.py'
        np.testing.assert_allclose(np.asarray(predictor.predict(frames)), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        (dict(salkit=None), "no model that salkit exported.*no entry 'salkit'"),
        (dict(salkit='{"clip": 3}'), "entry 'salkit' is broken or of another salkit"),
        (dict(salkit='[' * 5000), "entry 'salkit' is broken"),
        (dict(size=None), "entry 'salkit' is broken"),
        (dict(pixel_mean=['a', 'b', 'c']), "entry 'salkit' is broken"),
        (dict(clip_len=7), r"takes clips of shape \('batch', 3, 4, 32, 48\), but its metadata"),
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


@pytest.mark.parametrize('suffix', ['.onnx', '.pt2'])
def test_files_that_cannot_be_read(onnx_file, program_file, tmp_path, suffix):
    whole = onnx_file if suffix == '.onnx' else program_file
    backend = OnnxBackend if suffix == '.onnx' else ExportedBackend
    text = tmp_path / f'text{suffix}'
    text.write_text('not a model')
    half = truncate(whole, tmp_path / f'half{suffix}', 0.5)
    empty = tmp_path / f'empty{suffix}'
    empty.touch()
    for path in (text, half, empty):
        with pytest.raises(CheckpointError, match='cannot be read as') as raised:
            backend(path)
        assert str(path) in str(raised.value)
    with pytest.raises(CheckpointError, match='does not exist'):
        backend(tmp_path / f'none{suffix}')
    with pytest.raises(CheckpointError, match='is a folder'):
        backend(tmp_path)


def test_a_program_of_somebody_else(tmp_path):
    path = tmp_path / 'other.pt2'
    torch.export.save(torch.export.export(torch.nn.ReLU(), (torch.zeros(2),)), path)
    with pytest.raises(CheckpointError, match='no model that salkit exported'):
        ExportedBackend(path)


def test_devices(onnx_file, program_file):
    import onnxruntime

    for device in ('tpu', 'cuda:x'):
        with pytest.raises(ConfigError, match=device):
            OnnxBackend(onnx_file, device)
        with pytest.raises(ConfigError, match=device):
            ExportedBackend(program_file, device)
    if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
        with pytest.raises(ConfigError, match='onnxruntime-gpu'):
            OnnxBackend(onnx_file, 'cuda:0')


def test_onnxruntime_not_installed(onnx_file, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ConfigError, match=r"pip install 'salkit\[onnx\]'"):
        OnnxBackend(onnx_file)
