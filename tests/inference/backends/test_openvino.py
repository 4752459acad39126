"""OpenVINO gives what PyTorch gives, opens nothing that a file names, and ends when it is told."""

import importlib
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from export_models import (
    CLIP_LEN,
    SIZE,
    assert_agrees,
    external,
    longer_clip,
    of_another_domain,
    output_renamed,
    remade,
)
from make_video import encode_video, truncate
from onnx import helper

from salkit import SaliencyPredictor
from salkit.cli import main
from salkit.errors import CheckpointError, ConfigError
from salkit.inference.backends.exported import ExportMetadata
from salkit.inference.backends.onnx import OnnxBackend
from salkit.inference.backends.openvino import (
    ConvertedBackend,
    OpenVINOBackend,
    enlarge_by_products,
    import_openvino,
)
from salkit.inference.backends.torch import TorchBackend
from salkit.inference.export import export_model
from salkit.media.clips import ClipSettings
from salkit.utils.threads import run_interruptibly

pytestmark = pytest.mark.skipif(
    find_spec('openvino') is None, reason="openvino is not installed (pip install 'salkit[dev]')"
)


def test_an_exported_model(small, onnx_file):
    backend = OpenVINOBackend(onnx_file)
    assert (backend.device, backend.batch_size, backend.precision) == ('cpu', None, 'exact')
    assert backend.metadata == OnnxBackend(onnx_file).metadata
    assert_agrees(small.model, backend.run)


def test_a_model_of_a_config_for_clips_of_any_size(small):
    backend = ConvertedBackend(TorchBackend(small.config, small.checkpoint, 'cpu'))
    for size in (SIZE, (48, 32)):
        assert_agrees(small.model, backend.run, batches=[1], size=size)
    with pytest.raises(ConfigError, match='openvino cannot convert this model for clips'):
        backend.run(np.zeros((1, 3, CLIP_LEN, 30, 48), np.float32))


def test_threads_that_convert_at_once(small):
    """Of one predictor and of several, for clips of other sizes."""
    backends = [
        ConvertedBackend(TorchBackend(small.config, small.checkpoint, 'cpu')) for _ in range(2)
    ]
    begin = threading.Barrier(4)

    def agrees(number):
        begin.wait()
        size = (SIZE, (48, 32))[number % 2]
        assert_agrees(small.model, backends[number // 2].run, batches=[1], size=size)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(agrees, range(4)))


def test_predictors_agree(small, onnx_file):
    frames = np.random.default_rng(0).integers(0, 256, (6, 50, 70, 3), np.uint8)
    wanted = np.asarray(SaliencyPredictor(small.config, small.checkpoint, 'cpu').predict(frames))
    assert np.ptp(wanted) > 0.05
    for model in ((onnx_file,), (small.config, small.checkpoint)):
        predictor = SaliencyPredictor(*model, engine='openvino')
        np.testing.assert_allclose(np.asarray(predictor.predict(frames)), wanted, atol=1e-4, rtol=0)


def test_bfloat16_where_the_processor_has_it(small, onnx_file):
    try:
        backend = OpenVINOBackend(onnx_file, precision='bf16')
    except ConfigError as error:
        assert 'this processor has no instructions for bfloat16' in str(error)
        return
    assert_agrees(small.model, backend.run, tolerance=0.05)
    clip = np.random.default_rng(1).standard_normal((1, 3, CLIP_LEN, *SIZE), np.float32)
    assert np.abs(backend.run(clip) - small.model(torch.from_numpy(clip)).numpy()).max() > 1e-5


def test_int8(small, tmp_path):
    done = export_model(small.config, small.checkpoint, tmp_path / 'int8.onnx', precision='int8')
    clip = np.random.default_rng(1).standard_normal((1, 3, CLIP_LEN, *SIZE), np.float32)
    wanted = OnnxBackend(done.path).run(clip)
    np.testing.assert_allclose(OpenVINOBackend(done.path).run(clip), wanted, atol=0.02, rtol=0)


@pytest.mark.parametrize('shape', [(2, 1, 5, 7), (1, 1, 9, 4), (1, 3, 5, 7)])
@pytest.mark.parametrize('size', [(40, 56), (13, 29), (3, 5)])
def test_maps_are_resized_by_products(shape, size):
    backend = import_openvino()
    opset = importlib.import_module('openvino.opset13')
    maps = opset.parameter([-1, *shape[1:]], np.float32)
    resized = opset.interpolate(
        maps,
        opset.constant(np.array(size)),
        'linear_onnx',
        'sizes',
        coordinate_transformation_mode='half_pixel',
        axes=opset.constant(np.array([2, 3])),
    )
    graph = backend.Model([resized], [maps])
    assert enlarge_by_products(graph) == (shape[1] == 1)
    values = np.random.default_rng(0).standard_normal(shape, np.float32)
    options = dict(INFERENCE_PRECISION_HINT='f32')
    # See `_Compiler` for the thread.
    compiled = run_interruptibly(lambda: backend.Core().compile_model(graph, 'CPU', options))
    found = compiled(values)[0]
    wanted = F.interpolate(torch.from_numpy(values).double(), size, mode='bilinear')
    np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    'told',
    [
        dict(mode='nearest'),
        dict(mode='cubic'),
        dict(coordinate_transformation_mode='asymmetric'),
        dict(coordinate_transformation_mode='align_corners'),
        dict(pads_begin=[0, 0, 1, 0]),
    ],
)
def test_what_is_resized_otherwise_stays(told):
    backend = import_openvino()
    opset = importlib.import_module('openvino.opset13')
    maps = opset.parameter([1, 1, 5, 7], np.float32)
    told = dict(mode='linear_onnx', coordinate_transformation_mode='half_pixel') | told
    resized = opset.interpolate(
        maps,
        opset.constant(np.array([10, 14])),
        told.pop('mode'),
        'sizes',
        axes=opset.constant(np.array([2, 3])),
        **told,
    )
    assert enlarge_by_products(backend.Model([resized], [maps])) == 0


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (dict(device='cuda:0'), "device must be 'auto' or 'cpu' for openvino"),
        (dict(precision='float16'), 'precision'),
    ],
)
def test_arguments_that_do_not_fit(onnx_file, arguments, expected):
    with pytest.raises(ConfigError, match=expected):
        SaliencyPredictor(onnx_file, engine='openvino', **arguments)


def test_a_model_of_a_config_takes_one_clip_at_once(small):
    options = dict(device='cpu', engine='openvino')
    assert SaliencyPredictor(small.config, small.checkpoint, batch_size=1, **options)
    with pytest.raises(ConfigError, match=r'runs this model on 1 clip at once, got .* 4;'):
        SaliencyPredictor(small.config, small.checkpoint, batch_size=4, **options)


def test_not_installed(onnx_file, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    with pytest.raises(ConfigError, match=r"pip install 'salkit\[openvino\]'"):
        OpenVINOBackend(onnx_file)


def test_the_command(small, onnx_file, tmp_path, capsys):
    video = encode_video(tmp_path / 'clip.mp4', frames=3)
    for number, engine in enumerate(('onnxruntime', 'openvino')):
        out = tmp_path / str(number)
        argv = ['predict', video, '--model', onnx_file, '--engine', engine, '--out', out]
        assert main([*map(str, argv), '--format', 'npz']) == 0
    first, second = (np.load(tmp_path / str(n) / 'clip.npz') for n in range(2))
    for name in first.files:
        np.testing.assert_allclose(first[name], second[name], atol=1e-3)
    argv = ['predict', video, '--model', small.config, '--checkpoint', small.checkpoint]
    assert main([*map(str, argv), '--engine', 'onnxruntime', '--out', str(tmp_path / 'x')]) == 2
    assert 'engine onnxruntime runs models that `salkit export` wrote' in capsys.readouterr().err


def external_in_a_constant(model):
    tensor = onnx.TensorProto(dims=[1], data_type=1, name='x', data_location=1)
    tensor.external_data.add(key='location', value='secret.bin')
    model.graph.node.insert(0, helper.make_node('Constant', [], ['unused'], value=tensor))


def a_graph_inside(model):
    body = helper.make_graph([], 'body', [], [])
    model.graph.node.insert(0, helper.make_node('If', ['clip'], ['unused'], then_branch=body))


def a_function(model):
    opset = [helper.make_opsetid('', 20)]
    model.functions.append(helper.make_function('com.stranger', 'f', [], [], [], opset))


def an_attribute_too_many(model):
    model.graph.node[0].attribute.append(helper.make_attribute('stranger', 1))


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (external('../secret.bin'), 'weights in another file'),
        (external('/dev/zero'), 'weights in another file'),
        (external('a.onnx.data'), 'weights in another file'),
        (external_in_a_constant, 'weights in another file'),
        (a_graph_inside, 'a graph inside of the operator If'),
        (of_another_domain, r'the operator com\.stranger\.Run'),
        (a_function, 'has functions'),
        (an_attribute_too_many, 'cannot be read as an ONNX model'),
        (output_renamed, 'expected|cannot'),
        (longer_clip, 'expected|cannot'),
    ],
)
def test_graphs_of_strangers(onnx_file, tmp_path, change, expected):
    path = remade(onnx_file, tmp_path / 'a.onnx', change)
    with pytest.raises(CheckpointError, match=expected) as raised:
        OpenVINOBackend(path)
    assert str(raised.value).startswith(f'{path}: ') and '\n' not in str(raised.value)


def test_files_that_cannot_be_read(onnx_file, tmp_path):
    (tmp_path / 'text.onnx').write_text('not a model')
    truncate(onnx_file, tmp_path / 'half.onnx', 0.5)
    os.mkfifo(tmp_path / 'pipe.onnx')
    for name in ('text', 'half', 'pipe', 'none'):
        with pytest.raises(CheckpointError, match=f'{name}.onnx: (cannot|is a pipe|the file)'):
            OpenVINOBackend(tmp_path / f'{name}.onnx')


SCRIPT = """
import faulthandler, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from salkit.inference.backends.openvino import OpenVINOBackend
if sys.argv[1] == 'alone':
    # Gives signals a stack, as pytest does. A backend may be dropped by any thread.
    faulthandler.enable()
    dropped = [OpenVINOBackend(sys.argv[2])]
    dropping = threading.Thread(target=dropped.clear)
    dropping.start()
    dropping.join()
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.raise_signal(signal.SIGTERM)
    told = 'openvino_telemetry', 'torch'
    sys.exit([name for name in told if sys.modules.get(name)] or 0)
run = OpenVINOBackend._run
def told(self, clip):
    threading.Timer(0.5, print, ['running'], dict(file=sys.__stdout__, flush=True)).start()
    return run(self, clip)
OpenVINOBackend._run = told
from salkit.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_nobody_is_told_pytorch_is_not_needed_and_signals_are_taken(onnx_file, tmp_path):
    argv = [sys.executable, '-c', SCRIPT, 'alone', str(onnx_file)]
    env = {**os.environ, 'HOME': str(tmp_path)}
    done = subprocess.run(argv, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    # Where it would note whom it tells of.
    assert os.listdir(tmp_path) == []


def slow(path):
    """A model that salkit might have exported, which takes minutes."""
    tensor, node, side, steps = helper.make_tensor_value_info, helper.make_node, 4000, 300
    nodes = [
        node('ReduceMean', ['clip'], ['mean'], keepdims=0),
        node('Expand', ['mean', 'square'], ['x0']),
        *(node('MatMul', [f'x{i}', 'x0'], [f'x{i + 1}']) for i in range(steps)),
        node('ReduceMean', [f'x{steps}'], ['end'], keepdims=0),
        node('Expand', ['end', 'size'], ['saliency_map']),
    ]
    graph = helper.make_graph(
        nodes,
        'slow',
        [tensor('clip', onnx.TensorProto.FLOAT, [1, 3, CLIP_LEN, *SIZE])],
        [tensor('saliency_map', onnx.TensorProto.FLOAT, [1, *SIZE])],
        [
            helper.make_tensor('square', onnx.TensorProto.INT64, [2], [side, side]),
            helper.make_tensor('size', onnx.TensorProto.INT64, [3], [1, *SIZE]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)], ir_version=10)
    settings = ClipSettings(CLIP_LEN, SIZE, pixel_mean=(0.5,) * 3, pixel_std=(0.5,) * 3)
    helper.set_model_props(
        model, dict(salkit=ExportMetadata(settings, 'slow', 'a.pth', '', '0').to_text())
    )
    onnx.save(model, path)
    return path


def test_ctrl_c_ends_a_graph(tmp_path):
    video, out = encode_video(tmp_path / 'clip.mp4', frames=3), tmp_path / 'out'
    model = slow(tmp_path / 'slow.onnx')
    argv = ['predict', video, '--model', model, '--engine', 'openvino', '--out', out]
    process = subprocess.Popen(
        [sys.executable, '-c', SCRIPT, *map(str, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == 'running\n'
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and 'salkit predict: interrupted' in told
    assert 'Traceback' not in told and os.listdir(out) == []
