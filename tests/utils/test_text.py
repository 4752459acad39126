"""Hints, checked choices, short lists and tables."""

import pytest

from salkit.errors import ConfigError
from salkit.utils.text import aligned, check_choice, in_units, listed, nearest_names

NAMES = ['KLDiv', 'CC', 'SIM', 'NSS']


def test_nearest_names():
    assert nearest_names('KLDivv', NAMES) == 'did you mean KLDiv?'
    assert nearest_names('SM', ['SIM', 'SEM']) in (
        'did you mean SIM or SEM?',
        'did you mean SEM or SIM?',
    )
    assert nearest_names('xyz', NAMES, there='there are') == 'there are KLDiv, CC, SIM, NSS'
    assert nearest_names('xyz', []) == 'known: none'


def test_choices():
    check_choice('FlipClip', 'axis', 'x', ('x', 'y'))
    with pytest.raises(ConfigError, match=r"FlipClip: axis must be one of x, y, got 'z'"):
        check_choice('FlipClip', 'axis', 'z', ('x', 'y'))
    with pytest.raises(ConfigError, match=r'^axis must be one of'):
        check_choice('', 'axis', 'z', ('x', 'y'))


def test_short_lists():
    assert listed(['a', 'b']) == 'a, b'
    assert listed(list('abcdefg'), most=2) == 'a, b and 5 more'


@pytest.mark.parametrize(
    ('count', 'text'),
    [
        (0, '0 bytes'),
        (999, '999 bytes'),
        (1234, '1.2 kB'),
        (56_789, '57 kB'),
        (1.5e9, '1.5 GB'),
        (2e15, '2000.0 TB'),
    ],
)
def test_bytes_for_readers(count, text):
    assert in_units(count) == text


def test_tables():
    rows = [['name', 'CC'], ['a', '0.5'], ['longer', '12']]
    assert aligned(rows) == ['name     CC', 'a       0.5', 'longer   12']
    assert aligned([['a', 'b'], ['cc', 'd']], left=(0, 1)) == ['a   b', 'cc  d']
