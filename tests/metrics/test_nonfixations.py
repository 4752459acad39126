import itertools

import numpy as np
import pytest

from salkit.errors import ConfigError, DataError
from salkit.metrics import nonfixation_pool, rescale_points
from salkit.metrics.nonfixations import OtherVideos, TenFrames

SIZES = {'a': (20, 30), 'b': (20, 30), 'c': (41, 33)}


def points_of(video, frame):
    rng = np.random.default_rng((ord(video), frame))
    return rng.integers(0, SIZES[video], (rng.integers(0, 6), 2))


def pool_of(pool, order=None, frames=4):
    for video, frame in order or itertools.product(SIZES, range(frames)):
        pool.add(video, [str(frame)], [points_of(video, frame)], SIZES[video])
    return pool


def counted(points, size):
    counts = np.zeros(size, np.int64)
    np.add.at(counts, tuple(np.asarray(points).T), 1)
    return counts


@pytest.mark.parametrize('video', SIZES)
def test_all_fixations_of_the_other_videos(video):
    size = SIZES[video]
    expected = np.zeros(size, np.int64)
    for other, frame in itertools.product(SIZES, range(4)):
        if other != video:
            expected += counted(rescale_points(points_of(other, frame), SIZES[other], size), size)
    pool = pool_of(OtherVideos())
    np.testing.assert_array_equal(pool.for_frame(video, '0', size), expected)
    assert expected.sum()
    assert pool.for_frame(video, '1', size) is pool.for_frame(video, '2', size)
    if video != 'a':
        assert pool.for_frame('a', '0', SIZES['a']).shape == SIZES['a']


def test_another_size_than_that_of_the_files():
    found = pool_of(OtherVideos()).for_frame('a', '0', (10, 15))
    total = sum(len(points_of(v, f)) for v, f in itertools.product('bc', range(4)))
    assert found.sum() == total


def test_adding_later_counts():
    pool = pool_of(OtherVideos())
    before = pool.for_frame('a', '0', SIZES['a']).sum()
    pool.add('d', ['0'], [[[0, 0], [0, 0]]], (5, 5))
    assert pool.for_frame('a', '0', SIZES['a']).sum() == before + 2


def test_memory_follows_the_sizes_not_the_frames():
    pool = OtherVideos()
    for frame in range(200):
        pool.add(str(frame // 10), [str(frame)], [[[1, 2]]], (8, 8))
    assert len(pool._totals) == 1
    pool = TenFrames(reservoir=20)
    for frame in range(200):
        pool.add('v', [str(frame)], [[[frame % 8, 2]]], (8, 8))
    assert len(pool._kept) == 20


def test_ten_other_frames():
    pool = TenFrames(seed=4)
    for frame in range(40):
        pool.add('v', [str(frame)], [[[frame, 0], [frame, 0]]], (40, 2))
    drawn = [pool.for_frame('v', str(frame), (40, 2)) for frame in range(40)]
    for frame, counts in enumerate(drawn):
        # Ten frames, none of them the frame itself; a pixel counts once.
        assert counts.sum() == 10 and counts.max() == 1 and counts[frame].sum() == 0
    assert len({counts.tobytes() for counts in drawn}) > 35
    # Every frame is drawn about as often as any other: 400 draws of 40.
    times = sum(counts[:, 0] for counts in drawn)
    assert times.min() >= 2 and times.max() <= 22
    assert pool.for_frame('v', '3', (80, 2))[6::80].sum() == 0
    assert pool.for_frame('v', '0', (80, 4)).sum() == 10


def test_draws_follow_names_and_seed_not_the_order():
    def drawn(seed, order=None):
        return pool_of(TenFrames(seed, reservoir=6), order).for_frame('a', '2', (20, 30))

    frames = list(itertools.product(SIZES, range(4)))
    for order in (frames[::-1], frames[5:] + frames[:5]):
        np.testing.assert_array_equal(drawn(1, order), drawn(1))
    assert len({drawn(seed).tobytes() for seed in range(5)}) > 1


def test_few_frames():
    pool = TenFrames()
    pool.add('v', ['0'], [[[1, 1]]], (4, 4))
    assert pool.for_frame('v', '0', (4, 4)).sum() == 0
    pool.add('v', ['1'], [np.zeros((0, 2))], (4, 4))
    assert pool.for_frame('v', '1', (4, 4)).sum() == 1
    assert OtherVideos().for_frame('v', '0', (4, 4)).sum() == 0


@pytest.mark.parametrize('rule', ['other-videos', 'ten-frames'])
def test_wrong_points(rule):
    with pytest.raises(DataError, match='outside'):
        nonfixation_pool(rule).add('v', ['0'], [[[4, 0]]], (4, 4))
    with pytest.raises(ConfigError, match="other-videos, ten-frames, got 'all'"):
        nonfixation_pool('all')
