"""What a benchmark of training measures and says; never how long it took."""

import json

import pytest
import torch

from salkit.cli import main
from salkit.engine import step_benchmark
from salkit.engine.step_benchmark import benchmark_training, synthetic_batch
from salkit.utils.benchmark_options import TrainingOptions

TINY = 'demo/umt-tiny_cc-kl'
PARTS = ['data', 'forward', 'backward', 'optimizer']
SMALL = {'+model.encoder.depth': 1}


def options(**more):
    return TrainingOptions(**dict(batch=2, repeats=1, device='cpu', size=(16, 32)) | more)


def test_the_command(tmp_path, capsys):
    file = tmp_path / 'out.json'
    argv = ['benchmark', 'train', TINY, '--batch', '2', '--repeats', '2', '--size', '32x16']
    argv += ['--checkpointing', 'on', '--precision', 'bf16', '--device', 'cpu']
    argv += ['--json', str(file), '--cfg-options', '+model.encoder.depth=1']
    assert main(argv) == 0
    out = capsys.readouterr().out
    found = json.loads(file.read_text())
    assert list(found['figures']['parts_ms']) == PARTS
    assert found['figures']['step']['times'] == 2
    settings = found['settings']
    assert settings['clip'] == [8, 16, 32] and settings['checkpointing'] is True
    assert settings['optim_wrapper'] == 'BFloat16OptimWrapper'
    assert settings['weights'] == 'random' and settings['data'].startswith('synthetic')
    assert 'activation checkpointing on; data: synthetic' in out
    assert all(f'  {name} ' in out for name in PARTS)


def test_every_step_changes_the_weights(monkeypatch):
    built = []
    build = step_benchmark.build

    def noted(*args):
        built.append(build(*args))
        if len(built) == 1:
            before.update({k: v.clone() for k, v in built[0].named_parameters()})
        return built[-1]

    before = {}
    monkeypatch.setattr(step_benchmark, 'build', noted)
    overrides = SMALL | {'+optim_wrapper.accumulative_counts': 100}
    found = benchmark_training(TINY, options(repeats=1), overrides)
    changed = [not torch.equal(before[k], v) for k, v in built[0].named_parameters()]
    # All but the position table, and without one update in a hundred batches.
    assert sum(changed) >= 0.9 * len(changed)
    assert found.settings.checkpointing is False


def test_a_config_whose_data_are_there_trains_on_them():
    found = benchmark_training(TINY, options(size=None), SMALL)
    assert found.settings.data == "the config's training set"
    assert found.settings.clip == (8, 64, 96)


def test_where_no_data_are_it_says_so(tmp_path):
    overrides = SMALL | {'train_dataloader.dataset.data_root': str(tmp_path / 'none')}
    found = benchmark_training(TINY, options(size=None), overrides)
    assert found.settings.data == f'synthetic, as {tmp_path / "none"} does not exist'
    assert found.settings.clip == (8, 64, 96)


def test_a_synthetic_batch_is_one_that_a_data_set_gives():
    batch = synthetic_batch(3, 4, (16, 24))
    assert [clip.shape for clip in batch['clip']] == [(3, 4, 16, 24)] * 3
    assert batch['clip'][0].dtype == torch.uint8
    assert not torch.equal(batch['clip'][0], batch['clip'][1])
    assert all(each.shape == (16, 24) and each.max() <= 1 for each in batch['density_map'])
    assert all(set(each.unique().tolist()) == {0, 1} for each in batch['fixation_map'])


def test_a_config_that_trains_nothing(capsys):
    argv = ['benchmark', 'train', TINY, '--cfg-options', 'optim_wrapper=None']
    assert main(argv) == 2
    assert 'the config has no optim_wrapper' in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_step_on_a_gpu():
    found = benchmark_training(TINY, options(device='cuda:0', precision='bf16'), SMALL)
    assert found.machine.gpu and found.figures.peak_mib and list(found.figures.parts_ms) == PARTS
