"""`salkit export`: what it writes, that it checks it, and that nothing is left when it fails."""

import hashlib
import json
import math
import os
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from export_models import CLIP_LEN, SIZE, assert_agrees, export, write_config, write_weights

from salkit.cli import main
from salkit.errors import CheckpointError
from salkit.inference.backends.onnx import OnnxBackend
from salkit.inference.export import export_model, exporting
from salkit.inference.export.agreement import Bounds, compare, panned_clips, random_clips
from salkit.media.clips import ClipSettings
from salkit.models.load import build_model
from salkit.testing.smoke import BUILT_INS


def test_onnx_is_the_model_in_any_batch(small, onnx_file):
    session = onnxruntime.InferenceSession(str(onnx_file), providers=['CPUExecutionProvider'])
    (clip,), (saliency_map,) = session.get_inputs(), session.get_outputs()
    assert (clip.name, clip.shape) == ('clip', ['batch', 3, CLIP_LEN, *SIZE])
    assert (saliency_map.name, saliency_map.shape) == ('saliency_map', ['batch', *SIZE])
    assert_agrees(small.model, lambda clip: session.run(None, {'clip': clip})[0])
    onnx.checker.check_model(onnx.load(onnx_file), full_check=True)


def test_metadata(small, onnx_file):
    stored = {p.key: p.value for p in onnx.load(onnx_file).metadata_props}
    told = json.loads(stored['salkit'])
    clip = told.pop('clip')
    assert clip == dict(
        clip_len=CLIP_LEN,
        clip_stride=1,
        size=list(SIZE),
        head='reverse-time',
        blur_kernel=11,
        pixel_mean=[0.485, 0.456, 0.406],
        pixel_std=[0.229, 0.224, 0.225],
        name='tiny.py',
        keep_shape=0,
        smooth_s=0.0,
    )
    assert told.pop('salkit_version')
    digest = hashlib.sha256(small.checkpoint.read_bytes()).hexdigest()
    assert told == dict(
        config='tiny.py',
        checkpoint='tiny.pth',
        checkpoint_sha256=digest,
        precision='float32',
        dynamic_batch=True,
        plugins={},
        options={},
    )


def test_random_weights_and_options_are_told(small, tmp_path, capsys):
    out = tmp_path / 'new' / 'model.onnx'
    argv = ['export', str(small.config), '--random', '--out', str(out), '--size', '48x32']
    assert main([*argv, '--cfg-options', '+model.blur_kernel=0']) == 0
    printed = capsys.readouterr().out
    assert 'random weights' in printed and 'largest difference' in printed and str(out) in printed
    told = OnnxBackend(out).metadata
    assert told.checkpoint is told.checkpoint_sha256 is None
    assert told.options == {'+model.blur_kernel': 0}
    assert (told.clip.size, told.clip.blur_kernel) == ((32, 48), 0)


def test_half_precision(small, tmp_path, onnx_file):
    done = export_model(small.config, small.checkpoint, tmp_path / 'half.onnx', precision='float16')
    assert done.size < 0.75 * onnx_file.stat().st_size
    backend = OnnxBackend(done.path)
    assert backend.metadata.precision == 'float16' and backend.batch_size == 1
    kinds = {i.data_type for i in onnx.load(done.path).graph.initializer if np.prod(i.dims) > 9}
    assert onnx.TensorProto.FLOAT not in kinds
    # Both ends stay float32.
    assert_agrees(small.model, backend.run, batches=[1], tolerance=0.02)


def test_large_weights_lie_beside(small, tmp_path, monkeypatch):
    monkeypatch.setattr('salkit.inference.export.exporting.LARGEST_FILE', 1000)
    out = tmp_path / 'out' / 'model.onnx'
    out.parent.mkdir()
    out.write_text('an earlier file')
    done = export_model(small.config, small.checkpoint, out)
    assert [path.name for path in done.files] == ['model.onnx.data', 'model.onnx']
    assert sorted(os.listdir(out.parent)) == ['model.onnx', 'model.onnx.data']
    # Found from anywhere, by its place beside the graph.
    monkeypatch.chdir('/')
    assert_agrees(small.model, OnnxBackend(out).run, batches=[1])
    (out.parent / 'model.onnx.data').unlink()
    with pytest.raises(CheckpointError, match=r'model\.onnx\.data'):
        OnnxBackend(out)


@pytest.fixture
def ready(onnx_file, monkeypatch):
    """Exports whose translating, seconds of work, is done already."""
    model = SimpleNamespace(opset_imports={'': 20})
    monkeypatch.setattr(exporting, 'to_onnx', lambda *_: SimpleNamespace(model=model))
    monkeypatch.setattr(
        exporting, 'write_onnx', lambda _, path, metadata: [Path(shutil.copy(onnx_file, path))]
    )


def test_no_file_where_it_does_not_agree(ready, small, tmp_path, capsys):
    out = tmp_path / 'model.onnx'
    out.write_text('an earlier file')
    assert export(small, out, '--tolerance', '1e-12') == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f'{out}: not written' in error and 'largest difference' in error and '1e-12' in error
    assert out.read_text() == 'an earlier file'
    assert os.listdir(tmp_path) == ['model.onnx']


def test_nothing_is_left_when_interrupted(ready, small, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, 'compare', interrupt)
    assert export(small, tmp_path / 'model.onnx') == 130
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (['--out', 'model.pth'], 'model.pth: expected the name of a file that ends in .onnx'),
        (['--out', 'a.onnx', '--opset', '9'], '--opset must be 18 to'),
        (['--out', 'a.onnx', '--size', '48x30'], 'divisible by 16, got 30 x 48'),
        (['--out', 'a.onnx', '--size', '30'], '--size'),
        (['--out', 'a.onnx', '--tolerance', 'nan'], '--tolerance must be above 0'),
        (['--out', 'a.onnx', '--checkpoint', 'none.pth'], 'none.pth: the checkpoint does not'),
        (['--out', 'a.onnx', '--cfg-options', 'test_dataloader=None'], 'give --size'),
    ],
)
def test_arguments_that_do_not_fit(small, tmp_path, monkeypatch, capsys, options, expected):
    monkeypatch.chdir(tmp_path)
    argv = ['export', str(small.config), '--checkpoint', str(small.checkpoint), *options]
    assert main(argv) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith('salkit export: error: ') and expected in error
    assert os.listdir(tmp_path) == []


def test_weights_must_be_named(small, capsys):
    assert main(['export', str(small.config), '--out', 'a.onnx']) == 2
    assert 'expected either its weights (--checkpoint' in capsys.readouterr().err
    assert main(['export', str(small.checkpoint), '--random', '--out', 'a.onnx']) == 2
    assert 'has its weights, which --random does not go with' in capsys.readouterr().err


def test_without_a_model_the_one_that_comes_with_salkit_is_exported(tmp_path, capsys):
    """In int8: its convolutions have ranges of values of the photographs."""
    out = tmp_path / 'lite0.onnx'
    argv = ['export', '--out', str(out), '--size', '128x96', '--precision', 'int8']
    assert main(argv) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines()[0].startswith('no model is named, so lite0 is used: ')
    first, second, _ = printed.out.splitlines()
    assert first == 'lite/lite0_cc-kl: clips of 1 frames, 96 x 128, one at once, int8'
    told = re.search(r'mean CC (\S+) \(at least (\S+)\) on 3 clips of photographs', second)
    cc, allowed = map(float, told.groups())
    assert allowed == 0.998 <= cc < 1
    assert OnnxBackend(out).metadata.checkpoint == 'lite0.safetensors'
    graph = onnx.load(out).graph
    scaled = {n.input[0] for n in graph.node if n.op_type == 'DequantizeLinear'}
    weights = {w.name for w in graph.initializer if w.data_type == onnx.TensorProto.INT8}
    # Both scales of the model share them.
    assert len(weights & scaled) == 48 and out.stat().st_size < 5e6
    assert main([*argv, 'lite0', '--model', 'lite0']) == 2
    assert 'lite0 and --model lite0: name one model' in capsys.readouterr().err


def test_a_model_that_cannot_be_traced(small, tmp_path, monkeypatch, capsys):
    from salkit.models import SaliencyModel

    def forward(self, clip):
        saliency_map = clip.mean(dim=(1, 2))
        return saliency_map * 2 if saliency_map.sum() > 0 else saliency_map

    monkeypatch.setattr(SaliencyModel, 'forward', forward)
    assert export(small, tmp_path / 'model.onnx') == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert (
        'tiny.py: PyTorch' in error
        and 'cannot export this model' in error
        and '--traceback' in error
    )
    assert os.listdir(tmp_path) == []


def test_onnxscript_not_installed(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    assert export(small, tmp_path / 'model.onnx') == 2
    assert "pip install 'salkit[onnx]'" in capsys.readouterr().err


def test_a_difference_that_is_no_number():
    settings = ClipSettings(clip_len=2, size=(4, 6))
    clips = list(random_clips(settings, (1, 2)))
    assert [clip.shape for clip in clips] == [(1, 3, 2, 4, 6), (2, 3, 2, 4, 6)]
    assert np.ptp(clips[0]) > 0 and not np.array_equal(clips[1][0], clips[1][1])
    reference = [clip.mean(axis=(1, 2)) for clip in clips]

    def found(first=0.0, second=0.0):
        return [reference[0] + np.float32(first), reference[1] + np.float32(second)]

    same = compare(reference, found(), Bounds(1e-4))
    assert same.holds and same.difference == 0 and same.batch_sizes == (1, 2)
    for wrong in (dict(first=2e-4), dict(second=-2e-4), dict(first=math.nan)):
        assert not compare(reference, found(**wrong), Bounds(1e-4)).holds
    assert not compare(reference, [maps[:1] for maps in found()], Bounds(1e-4)).holds
    share = compare(reference, found(0.01, 0.01), Bounds(0.02, relative=True))
    assert share.holds == (0.02 * (share.high - share.low) >= 0.01)


def test_maps_that_correlate_too_little():
    random = np.random.default_rng(0)
    reference = [random.random((2, 8, 9), np.float32)]
    noise = random.standard_normal((2, 8, 9)).astype(np.float32)
    for strength in (0.001, 0.05):
        others = [reference[0] + np.float32([[[0]], [[strength]]]) * noise]
        pairs = zip(reference[0], others[0], strict=True)
        wanted = np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs])
        found = compare(reference, others, Bounds(1.0, cc=0.998))
        assert found.cc == pytest.approx(wanted, abs=1e-6)
        assert found.holds == (wanted >= 0.998) == (strength < 0.01)
    flat = compare(reference, [np.zeros_like(reference[0])], Bounds(2.0, cc=0.998))
    assert not flat.holds


def test_clips_of_photographs():
    settings = ClipSettings(3, (24, 32), 2, pixel_mean=(0.5,) * 3, pixel_std=(0.25,) * 3)
    first, second = panned_clips(settings, (1, 2), slice(0, 2))
    assert first.shape == (1, 3, 3, 24, 32) and second.shape == (2, 3, 3, 24, 32)
    assert first.dtype == np.float32 and -2 <= first.min() < -1 and 1 < first.max() <= 2
    # The camera moves, slowly; another clip shows something else.
    moved = np.abs(second[0, :, 0] - second[0, :, 2]).mean()
    assert 0 < moved < np.abs(second[0] - second[1]).mean()
    (other,) = panned_clips(settings, (1,), slice(2, 4))
    assert np.abs(other - first).mean() > moved


def test_int8_in_the_encoder_alone(small, tmp_path, onnx_file):
    done = export_model(small.config, small.checkpoint, tmp_path / 'int8.onnx', precision='int8')
    assert os.listdir(tmp_path) == ['int8.onnx'] and done.agreement.cc >= 0.998
    backend = OnnxBackend(done.path)
    assert backend.metadata.precision == 'int8' and backend.batch_size == 1
    graph = onnx.load(done.path).graph
    kinds = Counter(node.op_type for node in graph.node)
    # Four products in each block; attention's own have no weights.
    assert kinds['MatMulInteger'] == 4 * len(small.model.encoder.blocks)
    weights = {weight.name: weight.data_type for weight in graph.initializer}
    in_float = [n for n in graph.node if n.op_type == 'Conv']
    assert in_float and all(weights[n.input[1]] == onnx.TensorProto.FLOAT for n in in_float)
    (clip,) = panned_clips(backend.settings, (1,), slice(1, 3))
    wanted = small.model(torch.from_numpy(clip)).numpy()
    found = backend.run(clip)
    assert np.ptp(wanted) > 0.05 and np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.998
    assert np.abs(found - wanted).max() > 1e-6


def test_int8_of_a_model_without_such_operators(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exporting, 'encoder_nodes', lambda program: set())
    assert export(small, tmp_path / 'model.onnx', '--precision', 'int8') == 2
    assert 'precision int8: expected an encoder with' in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_no_folder_of_this_machine_is_told(onnx_file):
    assert str(Path(exporting.__file__).parents[2]).encode() not in onnx_file.read_bytes()


ENCODERS = {
    f'{kind} {number}': (kind, arguments)
    for kind in ('TorchvisionVideoEncoder', 'TimmFrameEncoder')
    for number, arguments in enumerate(BUILT_INS['encoder', kind])
    # A video transformer and an image model; the others are made of the same operators.
    if number == 0
}


@pytest.mark.slow
@pytest.mark.parametrize('name', ENCODERS)
def test_other_encoders(tmp_path, name):
    kind, arguments = ENCODERS[name]
    size = (64, 96)
    branches = dict(dfd=dict(type='DFDBranch', layers='fewer', width=0.0625))
    config = write_config(tmp_path, dict(arguments, type=kind), branches, size=size)
    checkpoint = write_weights(config, tmp_path / 'weights.pth')
    # So narrow layers that one pixel's norm can magnify what is lost by rounding.
    done = export_model(
        config, checkpoint, tmp_path / 'model.onnx', dynamic_batch=True, tolerance=1e-3
    )
    model = build_model(config, checkpoint)
    assert_agrees(model, OnnxBackend(done.path).run, batches=[2], tolerance=1e-3, size=size)


@pytest.mark.slow
def test_other_decoders(tmp_path):
    """16 frames, shifted windows that are cut short, every other choice of layers."""
    branches = dict(
        swin3d=dict(type='Swin3DBranch', depth=2, width=0.125, num_heads=2),
        dfd=dict(type='DFDBranch', layers='extra', separable=True, width=0.0625),
        sfd=dict(type='SFDBranch', layers='fewer', separable=True, width=0.0625),
    )
    arch = dict(embed_dim=24, depth=1, num_heads=2)
    encoder = dict(type='UMTEncoder', arch=arch, clip_len=16)
    config = write_config(tmp_path, encoder, branches, clip_len=16)
    checkpoint = write_weights(config, tmp_path / 'weights.pth')
    done = export_model(config, checkpoint, tmp_path / 'model.onnx', dynamic_batch=True, opset=18)
    assert done.opset == 18
    model = build_model(config, checkpoint)
    assert_agrees(model, OnnxBackend(done.path).run, batches=[1, 3], clip_len=16)
