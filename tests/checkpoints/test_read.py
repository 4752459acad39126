import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from salkit.checkpoints import (
    Checkpoint,
    load_weights,
    read_checkpoint,
    write_checkpoint,
    write_safetensors,
)
from salkit.errors import CheckpointError


class Harmful:
    def __reduce__(self):
        return os.mkdir, (os.environ['SALKIT_TEST_TRAP'],)


def test_round_trip(tmp_path):
    content = dict(meta=dict(epoch=3), state_dict=dict(w=torch.arange(4.0)))
    write_checkpoint(content, tmp_path / 'deep' / 'a.pth')
    read = read_checkpoint(tmp_path / 'deep' / 'a.pth')
    assert read.meta == dict(epoch=3) and torch.equal(read.weights['w'], torch.arange(4.0))
    assert read.path == tmp_path / 'deep' / 'a.pth' and list(read.rest) == ['meta']
    assert os.listdir(tmp_path / 'deep') == ['a.pth']


def test_files_are_as_readable_as_any_other(tmp_path):
    (tmp_path / 'plain').touch()
    write_checkpoint(dict(state_dict=dict(w=torch.zeros(1))), tmp_path / 'a.pth')
    write_safetensors(dict(w=torch.zeros(1)), tmp_path / 'a.safetensors')
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'a.pth'
    write_checkpoint(dict(state_dict=dict(w=torch.zeros(1))), path)

    def full_disk(content, file):
        file.write(b'half')
        raise OSError('No space left on device')

    monkeypatch.setattr(torch, 'save', full_disk)
    with pytest.raises(OSError, match='No space'):
        write_checkpoint(dict(state_dict={}), path)
    assert os.listdir(tmp_path) == ['a.pth']
    assert torch.equal(read_checkpoint(path).weights['w'], torch.zeros(1))


def test_bare_state_dicts_and_safetensors(tmp_path):
    weights = dict(w=torch.ones(2))
    torch.save(weights, tmp_path / 'bare.pth')
    torch.save(weights, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    save_file(weights, tmp_path / 'a.safetensors')
    for name in ('bare.pth', 'old.pth', 'a.safetensors'):
        assert torch.equal(read_checkpoint(tmp_path / name).weights['w'], torch.ones(2))


@pytest.mark.parametrize('name', ['a.pth', 'a.safetensors'])
@pytest.mark.parametrize('content', [b'', b'hello\nworld', b'PK\x03\x04broken'])
def test_what_is_no_checkpoint(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match='cannot be read as a checkpoint') as error:
        read_checkpoint(tmp_path / name)
    assert '\n' not in str(error.value)


def test_a_truncated_file(tmp_path):
    write_checkpoint(dict(state_dict=dict(w=torch.zeros(10_000))), tmp_path / 'a.pth')
    whole = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r'a\.pth'):
        read_checkpoint(tmp_path / 'a.pth')


@pytest.mark.parametrize('content', [[1, 2], dict(epoch=3), dict(state_dict=[1])])
def test_content_without_weights(tmp_path, content):
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='state_dict'):
        read_checkpoint(tmp_path / 'a.pth')


def test_code_in_a_file_is_never_run(tmp_path, monkeypatch):
    trap = tmp_path / 'trap'
    monkeypatch.setenv('SALKIT_TEST_TRAP', str(trap))
    torch.save(dict(state_dict=Harmful()), tmp_path / 'a.pth')
    (tmp_path / 'b.pth').write_bytes(pickle.dumps(Harmful()))
    for name in ('a.pth', 'b.pth'):
        with pytest.raises(CheckpointError, match='cannot be read'):
            read_checkpoint(tmp_path / name)
    assert not trap.exists()


def test_a_file_that_does_not_exist(tmp_path):
    with pytest.raises(CheckpointError, match='does not exist'):
        read_checkpoint(tmp_path / 'a.pth')


def test_weights_must_fit_in_every_entry():
    model = nn.Linear(2, 3)
    before = model.weight.clone()
    good = dict(weight=torch.ones(3, 2), bias=torch.ones(3))
    for state, message in (
        (dict(weight=good['weight']), '1 missing entries, such as bias'),
        (dict(good, more=torch.ones(1)), '1 unexpected entries, such as more'),
        (dict(good, weight=torch.ones(2, 2)), r'weight has shape \(2, 2\), expected \(3, 2\)'),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_weights(model, Checkpoint(state, 'file.pth'))
        assert torch.equal(model.weight, before)
    load_weights(model, Checkpoint(good, 'file.pth'))
    assert torch.equal(model.weight, torch.ones(3, 2))
