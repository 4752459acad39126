"""Memory of a step of training, counted on tensors that do not exist."""

import json

import pytest
import torch

from salkit.cli import main
from salkit.config import load_config
from salkit.engine.training_memory import GIB, _LiveMemory, training_memory
from salkit.models.profile import clip_size, profile

MODERN = 'demo/umt-tiny_cc-kl_modern'
# One branch: the counts are those of the encoder, and quick.
SMALL = {'model.decoder.branches.swin3d': None, 'model.decoder.branches.sfd': None}


def memory_of(name=MODERN, **options):
    options = {key.replace('__', '.'): value for key, value in options.items()}
    return training_memory(load_config(name, SMALL | options))


def test_what_lives_is_counted_until_it_is_gone():
    weight = torch.nn.Parameter(torch.ones(4, 4))
    with _LiveMemory([weight]) as live:
        first = torch.ones(8, dtype=torch.float64)
        view = first[2:].view(2, 3)
        assert live.now == 64
        second = weight.detach() + 1
        assert live.now == 64 + 64
        del second
        del first
        assert live.now == 64 and live.most == 128
        del view
        assert live.now == 0


def test_the_parts_follow_from_the_parameters():
    found = memory_of()
    counted = profile(load_config(MODERN, SMALL), with_flops=False)
    trained = counted.params_trainable * 4 / GIB
    # AdamW keeps two numbers a parameter, and counts its steps.
    assert found.gradients == pytest.approx(trained, rel=1e-3)
    assert found.optimizer == pytest.approx(2 * trained, rel=1e-3)
    assert found.averaged == found.parameters >= trained
    assert found.precision == 'bfloat16'
    # At the end of the first block to be trained everything is there but most activations.
    fixed = found.parameters + found.averaged + found.gradients + found.optimizer
    assert fixed < found.peak < fixed + 1.5 * found.activations


def test_batches_precision_and_checkpoints_change_what_is_kept():
    batch = 'train_dataloader__batch_size'
    plain = memory_of('demo/umt-tiny_cc-kl', **{batch: 4})
    twice = memory_of('demo/umt-tiny_cc-kl', **{batch: 8})
    assert twice.activations == pytest.approx(2 * plain.activations, rel=0.01)
    assert twice.averaged == 0 and twice.optimizer == plain.optimizer
    half = memory_of('demo/umt-tiny_cc-kl', optim_wrapper__type='BFloat16OptimWrapper')
    assert 0.5 * twice.activations < half.activations < 0.9 * twice.activations
    options = {'+model.encoder.activation_checkpointing': True}
    less = memory_of('demo/umt-tiny_cc-kl', **options)
    assert less.activations < 0.8 * twice.activations and less.peak < twice.peak


def test_what_cut_clips_is_their_size():
    cfg = load_config('salfom/umt-l16_cc-kl_modern')
    assert clip_size(cfg, ('train_dataloader',)) == (224, 224)


def test_the_command(capsys):
    options = ['--cfg-options', *(f'{key}=None' for key in SMALL)]
    assert main(['profile', MODERN, '--training-memory', *options]) == 0
    out = capsys.readouterr().out
    assert MODERN in out and 'bfloat16' in out and 'computed from shapes' in out
    assert main(['profile', MODERN, '--training-memory', '--json', *options]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found['batch_size'] == 8 and found['estimate'] > found['peak'] > 0
    assert main(['profile', MODERN, '--training-memory', '--run']) == 2
    assert 'not both' in capsys.readouterr().err
