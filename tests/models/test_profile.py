"""Counting and measuring, through the functions and the command."""

import json

import pytest
import torch

from salkit.cli import main
from salkit.config.load import load_config
from salkit.models.profile import clip_size, count_flops, profile

TINY = 'demo/umt-tiny_cc-kl'


def run(capsys, *argv):
    assert main(['profile', *argv]) == 0
    return capsys.readouterr().out


def test_the_paper_counts_what_nothing_reads():
    found = profile(load_config('salfom/umt-l16_cc-kl'), with_flops=False)
    assert found.params_constant == 16 * 14 * 14 * 1024
    assert sum(found.dead_entries.values()) == 425_075
    assert found.dead_entries['encoder.head.weight'] == 400 * 1024
    assert found.params_paper == 402_945_443
    assert found.checkpoint_mb == pytest.approx(1574.0, abs=0.05)


@pytest.mark.parametrize(
    ('name', 'size'),
    [('umt-b8-d6', 360.0), ('umt-l8', 1482.1), ('umt-l16-d18', 1278.8), ('umt-l16', 1574.0)],
)
def test_checkpoint_sizes_in_the_papers_unit(name, size):
    found = profile(load_config(f'salfom/{name}_cc-kl'), with_flops=False)
    assert found.checkpoint_mb == pytest.approx(size, abs=0.05)


def test_flops_count_a_multiplication_and_an_addition():
    class Linear(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(6, 5, bias=False, device='meta')

        def forward(self, clip):
            return self.layer(clip.flatten())

    # 3 x 1 x 1 x 2 values in, 5 out.
    assert count_flops(Linear(), (1, 1, 2)) == 2 * 6 * 5


def test_flops_of_the_encoder_follow_from_its_shape():
    cfg = load_config('salfom/umt-l16_cc-kl')
    found = profile(cfg).flops
    tokens, dim, depth = 16 * 14 * 14, 1024, 24
    linear = 2 * tokens * 12 * dim * dim * depth
    attention = 2 * 2 * tokens**2 * dim * depth
    patches = 2 * tokens * dim * 3 * 16 * 16
    encoder = linear + attention + patches
    assert encoder < found < 1.1 * encoder
    more = load_config('salfom/umt-l16_cc-kl', {'+model.encoder.depth': 23})
    assert found - profile(more).flops == (linear + attention) // depth


def test_frozen_blocks_are_constant():
    cfg = load_config(TINY)
    free = profile(cfg)
    frozen = profile(load_config(TINY, {'+model.encoder.frozen_stages': 4}))
    moved = frozen.params_constant - free.params_constant
    assert moved == free.params_trainable - frozen.params_trainable > 0
    assert frozen.params_paper == free.params_paper


def test_the_clip_is_that_of_the_pipelines():
    assert clip_size(load_config(TINY)) == (64, 96)
    cfg = load_config(TINY)
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'] = None
    assert clip_size(cfg) == (224, 224)


def test_the_command_prints_a_table_and_the_dead_entries(capsys):
    out = run(capsys, 'salfom/umt-l16_cc-kl', 'salfom/umt-b8_cc-kl')
    assert '402,945,443' in out and '134,681,155' in out and '1574.0' in out
    assert 'conv_t3_3 12,352' in out and 'final_map 3' in out
    assert ' ms' not in out


def test_the_command_as_json(capsys):
    (found,) = json.loads(run(capsys, TINY, '--json'))
    assert found['config'] == TINY and found['clip'] == [8, 64, 96]
    keys = {'params_trainable', 'params_constant', 'params_paper', 'checkpoint_mb', 'flops'}
    assert keys <= set(found) and 'latency_ms' not in found


def test_overrides_count(capsys):
    (found,) = json.loads(
        run(capsys, TINY, '--json', '--cfg-options', 'model.decoder.branches.dfd=None')
    )
    (whole,) = json.loads(run(capsys, TINY, '--json'))
    assert found['params_trainable'] < whole['params_trainable']


@pytest.mark.slow
def test_measuring_on_this_device(capsys):
    (found,) = json.loads(run(capsys, TINY, '--run', '--json', '--device', 'cpu', '--seconds', '1'))
    assert found['latency_ms'] > 0 and found['device'].startswith('cpu')
    # An interpreter with torch in it, and not the whole machine.
    assert 100 < found['peak_mib'] < 4000


def test_a_config_that_does_not_exist(capsys):
    assert main(['profile', 'no/such']) == 2
    assert 'no/such' in capsys.readouterr().err
