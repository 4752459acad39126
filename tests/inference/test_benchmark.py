"""What a benchmark of prediction measures and says; never how long it took."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_model import write_tiny_model

from salkit.cli import main
from salkit.inference.backends.torch import TorchBackend
from salkit.inference.benchmark import benchmark_inference, plain_backend
from salkit.layers import DotProductAttention
from salkit.models.load import find_model
from salkit.models.profile import profile
from salkit.utils.benchmark_options import InferenceOptions

PARTS = ['read', 'encoder', 'swin3d', 'dfd', 'sfd', 'fusion', 'model', 'finish']


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('tiny'))


def short(pictures):
    return dict(video=pictures, baseline=True, repeats=1, device='cpu')


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp('pictures')
    for number in range(5):
        picture = np.full((20, 30, 3), 40 * number, np.uint8)
        Image.fromarray(picture).save(folder / f'{number}.png')
    return folder


def test_the_command(tiny, pictures, tmp_path, capsys):
    config, checkpoint = map(str, tiny)
    file = tmp_path / 'out.json'
    argv = ['benchmark', 'infer', config, '--checkpoint', checkpoint, '--batch', '2']
    argv += [
        '--video',
        str(pictures),
        '--baseline',
        '--repeats',
        '2',
        '--device',
        'cpu',
        '--json',
        str(file),
    ]
    assert main(argv) == 0
    out = capsys.readouterr().out
    found = json.loads(file.read_text())
    figures, plain, settings = found['figures'], found['baseline'], found['settings']
    assert list(figures['parts_ms']) == list(plain['parts_ms']) == PARTS
    assert figures['model']['times'] == plain['model']['times'] == 2
    assert settings['weights'] == checkpoint and settings['clip'] == [4, 32, 48]
    assert settings['frames'] == pictures.name and settings['frame'] == [20, 30]
    assert settings['batch'] == 2 and settings['precision'] == 'exact'
    assert found['speedup'] == pytest.approx(figures['clips_per_s'] / plain['clips_per_s'])
    assert 0 <= found['difference']['max_abs'] < 1e-4 and found['difference']['CC'] > 0.9999
    flops = profile(find_model(config)[0]).flops
    assert figures['gflops_per_s'] == pytest.approx(figures['clips_per_s'] * flops / 1e9)
    share = figures['gflops_per_s'] / found['matrix']['gflops_per_s']
    assert found['matrix_share'] == pytest.approx(share)
    # The MLP of the encoder, twice 4 x 2 x 3 tokens.
    assert found['matrix']['shape'][0] == 48
    assert {'cpu', 'cores', 'threads', 'instructions', 'gpu', 'torch'} <= set(found['machine'])
    assert 'times the baseline' in out and f'weights: {checkpoint}' in out
    assert all(f' {name} ' in out for name in PARTS[1:6])


def test_random_weights_are_those_of_the_baseline_too(tiny, pictures):
    options = InferenceOptions(
        video=pictures, baseline=True, repeats=1, device='cpu', size=(16, 16)
    )
    found = benchmark_inference(str(tiny[0]), options)
    assert found.settings.weights == 'random' and found.settings.clip == (4, 16, 16)
    assert found.difference is not None and found.difference['max_abs'] < 1e-4


def test_half_the_precision_is_seen_in_the_maps(tiny, pictures):
    options = InferenceOptions(
        video=pictures, baseline=True, repeats=1, device='cpu', precision='bf16'
    )
    found = benchmark_inference(str(tiny[0]), options, checkpoint=str(tiny[1]))
    assert (found.settings.precision, found.matrix.precision) == ('bf16', 'bfloat16')
    assert found.difference is not None and 1e-6 < found.difference['max_abs'] < 0.1


def test_the_plain_path_is_nothing_but_plain():
    cfg, checkpoint = find_model('lite0')
    fast = TorchBackend(cfg, checkpoint, 'cpu', 'bf16')
    plain = plain_backend(fast, cfg, checkpoint)
    assert plain.precision == 'exact' and fast.precision == 'bf16'
    norms = [
        sum(isinstance(m, torch.nn.BatchNorm2d) for m in backend.model.modules())
        for backend in (fast, plain)
    ]
    assert norms[0] == 0 and norms[1] > 20


def test_attention_is_written_out_in_the_plain_path_alone(tiny):
    cfg, checkpoint = find_model(*map(str, tiny))
    fast = TorchBackend(cfg, checkpoint, 'cpu')
    plain = plain_backend(fast, cfg, checkpoint)
    for backend, explicit in ((fast, False), (plain, True)):
        found = [m for m in backend.model.modules() if isinstance(m, DotProductAttention)]
        assert found and all(m.explicit is explicit for m in found)


def test_photographs_are_read_where_no_video_is_named(tiny):
    found = benchmark_inference(str(tiny[0]), InferenceOptions(repeats=1, device='cpu', batch=3))
    assert found.settings.frame == (360, 640)
    assert found.settings.frames == 'photographs in memory'
    assert found.baseline is None and found.speedup is None and found.difference is None


@pytest.mark.parametrize(
    ('argv', 'told'),
    [
        (['infer', 'lite0', '--checkpointing', 'on'], '--checkpointing is not for infer'),
        (['train', 'lite0', '--baseline'], '--baseline is not for train'),
        (['train', 'lite0', '--checkpoint', 'lite0'], '--checkpoint is not for train'),
        (['infer', 'lite0', '--repeats', '0'], 'repeats must be at least 1, got 0'),
        (['infer', 'lite0', '--size', '9'], '--size must be two whole numbers'),
    ],
)
def test_what_does_not_go_together(argv, told, capsys):
    assert main(['benchmark', *argv]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_benchmark_on_a_gpu(tiny):
    options = InferenceOptions(baseline=True, repeats=2, device='cuda:0', precision='bf16')
    found = benchmark_inference(str(tiny[0]), options, checkpoint=str(tiny[1]))
    assert found.machine.gpu and found.figures.peak_mib and list(found.figures.parts_ms) == PARTS
    assert found.difference is not None and found.difference['max_abs'] < 0.1
