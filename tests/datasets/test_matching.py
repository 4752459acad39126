import pytest
from hypothesis import given
from hypothesis import strategies as st

from salkit.datasets.matching import match_frames, match_videos
from salkit.errors import DataError


class Names:
    """A stack of nothing but names."""

    def __init__(self, names, named=True):
        self.names, self.named, self.path = names, named, 'v'

    def __len__(self):
        return len(self.names)


@given(
    numbers=st.sets(st.integers(0, 3000), min_size=1, max_size=60),
    gone=st.data(),
    width=st.integers(1, 5),
)
def test_frames_pair_by_number_whatever_the_zeros(numbers, gone, width):
    kept = gone.draw(st.sets(st.sampled_from(sorted(numbers)), min_size=1))
    wanted = [f'frame_{n:04d}' for n in sorted(numbers)]
    found = sorted(f'{n:0{width}d}' for n in kept)
    match = match_frames(Names(found), Names(wanted))
    paired = {(int(found[a]), int(wanted[b][6:])) for a, b in match.pairs}
    assert paired == {(n, n) for n in kept}
    assert {int(wanted[i][6:]) for i in match.missing} == numbers - kept


def test_more_than_999_frames_pair_as_numbers():
    found = sorted(str(n) for n in range(1, 1201))
    wanted = [f'{n:03d}' for n in range(1, 1201)]
    assert all(
        int(found[a]) == int(wanted[b]) for a, b in match_frames(Names(found), Names(wanted)).pairs
    )


def test_frames_counted_from_0_pair_in_order():
    match = match_frames(Names(['0', '1', '2']), Names(['0001', '0002', '0003']))
    assert match.pairs == [(0, 0), (1, 1), (2, 2)] and 'numbered from 0' in match.note
    match = match_frames(Names(['1', '2']), Names(['shot_00041', 'shot_00042']))
    assert match.pairs == [(0, 0), (1, 1)]


def test_maps_without_names_pair_in_order():
    match = match_frames(Names(['0001', '0002'], False), Names(['7', '8', '9']))
    assert match.pairs == [(0, 0), (1, 1)] and match.missing == [2]
    match = match_frames(Names(['a', 'b', 'c']), Names(['1', '2']))
    assert match.pairs == [(0, 0), (1, 1)] and match.extra == [2]


def test_frames_that_cannot_be_paired():
    with pytest.raises(DataError, match=r'3 frames numbered 1 to 3, .* 2 numbered 41 to 42'):
        match_frames(Names(['1', '2', '3']), Names(['41', '42']))


def test_videos_pair_by_number():
    assert match_videos(['701', '702'], ['0702', '0701']) == {'0701': '701', '0702': '702'}
    assert match_videos(['anything'], ['0701']) == {'0701': 'anything'}
    assert match_videos(['v1', 'v01'][:1], ['v1', 'v01']) == {'v1': 'v1'}
    with pytest.raises(DataError, match='two predictions of one video: 701 and 0701'):
        match_videos(['701', '0701'], ['0701', '0702'])
    with pytest.raises(DataError, match=r'no prediction has the name .*: x, y against 0701, 0702'):
        match_videos(['x', 'y'], ['0701', '0702'])
