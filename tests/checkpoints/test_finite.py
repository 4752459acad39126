"""Weights that are no numbers are never written, and what is wrong with them is counted."""

import math

import pytest
import torch

from salkit.checkpoints import check_finite, read_checkpoint, write_checkpoint
from salkit.errors import CheckpointError


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_an_entry_is_named_and_counted(dtype, value):
    spoilt = torch.arange(6, dtype=dtype).view(2, 3)
    spoilt[0, 1:] = value
    content = dict(state={3: [torch.ones(2), dict(exp_avg=spoilt)]}, lr=value)
    with pytest.raises(CheckpointError, match=r'^here: state\.3\.1\.exp_avg holds .*: 2 of 6$'):
        check_finite(content, 'here')


def test_what_has_no_such_values():
    whole = (torch.tensor([7]), torch.empty(0), torch.tensor([True]), torch.tensor(3e38))
    check_finite(dict(a=whole, b=None, c='nan', d=[1j]), 'here')


def test_a_file_stays_where_its_successor_would_be_no_numbers(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    write_checkpoint(dict(state_dict=dict(w=torch.ones(2))), path)
    spoilt = torch.tensor([1, math.nan])
    for content in (dict(w=spoilt), dict(state_dict=dict(w=spoilt)), dict(ema=[spoilt])):
        with pytest.raises(CheckpointError, match=r'epoch_1\.pth: not written: .*: 1 of 2'):
            write_checkpoint(content, path)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert torch.equal(read_checkpoint(path).weights['w'], torch.ones(2))


def test_a_log_may_hold_any_number(tmp_path):
    """That of a run with skipped steps has losses that are NaN."""
    log = dict(log_scalars={'train/loss': torch.tensor([0.5, math.nan])})
    content = dict(state_dict=dict(w=torch.ones(2)), message_hub=log, meta=dict(seen=math.nan))
    write_checkpoint(content, tmp_path / 'a.pth')
    assert read_checkpoint(tmp_path / 'a.pth').rest['message_hub'].keys() == log.keys()
