import itertools

import numpy as np
import pytest

from salkit.errors import ConfigError, DataError
from salkit.metrics import NonfixationPool, rescale_points

SIZES = {'a': (20, 30), 'b': (20, 30), 'c': (41, 33)}


def points_of(video, frame):
    rng = np.random.default_rng((ord(video), frame))
    return rng.integers(0, SIZES[video], (rng.integers(0, 6), 2))


def pool_of(rule, order=None, frames=4, **options):
    pool = NonfixationPool(rule, **options)
    for video, frame in order or itertools.product(SIZES, range(frames)):
        pool.add(video, str(frame), points_of(video, frame), SIZES[video])
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
    own = np.concatenate([points_of(video, frame) for frame in range(4)])
    pool = pool_of('other-videos')
    np.testing.assert_array_equal(pool.for_frame(video, '0', lambda: own, size), expected)
    assert expected.sum()
    # Only the first call of a video looks at its points.
    np.testing.assert_array_equal(pool.for_frame(video, '1', None, size), expected)
    if video != 'a':
        other = pool.for_frame('a', '0', lambda: np.zeros((0, 2)), SIZES['a'])
        assert other.shape == SIZES['a']


def test_another_size_than_that_of_the_files():
    size = (10, 15)
    own = np.concatenate([points_of('a', frame) for frame in range(4)])
    moved = rescale_points(own, (20, 30), size)
    found = pool_of('other-videos').for_frame('a', '0', lambda: moved, size)
    total = sum(len(points_of(v, f)) for v, f in itertools.product('bc', range(4)))
    assert found.sum() == total


def test_adding_later_counts():
    pool = pool_of('other-videos')
    before = pool.for_frame('a', '0', None, SIZES['a']).sum()
    pool.add('d', '0', [[0, 0], [0, 0]], (5, 5))
    assert pool.for_frame('a', '0', None, SIZES['a']).sum() == before + 2


def test_memory_follows_the_sizes_not_the_frames():
    pool = NonfixationPool('other-videos')
    for frame in range(200):
        pool.add(str(frame // 10), str(frame), [[1, 2]], (8, 8))
    assert len(pool._totals) == 1 and not pool._kept
    pool = NonfixationPool('ten-frames', reservoir=20)
    for frame in range(200):
        pool.add('v', str(frame), [[frame % 8, 2]], (8, 8))
    assert len(pool._kept) == 20 and not pool._totals


def test_ten_other_frames():
    pool = NonfixationPool('ten-frames', seed=4)
    for frame in range(40):
        pool.add('v', str(frame), [[frame, 0], [frame, 0]], (40, 2))
    drawn = [pool.for_frame('v', str(frame), None, (40, 2)) for frame in range(40)]
    for frame, counts in enumerate(drawn):
        # Ten frames, none of them the frame itself; a pixel counts once.
        assert counts.sum() == 10 and counts.max() == 1 and counts[frame].sum() == 0
    assert len({counts.tobytes() for counts in drawn}) > 35
    # Every frame is drawn about as often as any other: 400 draws of 40.
    times = sum(counts[:, 0] for counts in drawn)
    assert times.min() >= 2 and times.max() <= 22
    assert pool.for_frame('v', '3', None, (80, 2))[6::80].sum() == 0
    assert pool.for_frame('v', '0', None, (80, 4)).sum() == 10


def test_draws_follow_names_and_seed_not_the_order():
    frames = list(itertools.product(SIZES, range(4)))
    first = pool_of('ten-frames', seed=1, reservoir=6).for_frame('a', '2', None, (20, 30))
    for order in (frames[::-1], frames[5:] + frames[:5]):
        again = pool_of('ten-frames', order, seed=1, reservoir=6).for_frame(
            'a', '2', None, (20, 30)
        )
        np.testing.assert_array_equal(again, first)
    seeds = [
        pool_of('ten-frames', seed=s, reservoir=6).for_frame('a', '2', None, (20, 30))
        for s in range(5)
    ]
    assert len({counts.tobytes() for counts in seeds}) > 1


def test_few_frames():
    pool = NonfixationPool('ten-frames')
    pool.add('v', '0', [[1, 1]], (4, 4))
    assert pool.for_frame('v', '0', None, (4, 4)).sum() == 0
    pool.add('v', '1', np.zeros((0, 2)), (4, 4))
    assert pool.for_frame('v', '1', None, (4, 4)).sum() == 1
    assert NonfixationPool().for_frame('v', '0', None, (4, 4)).sum() == 0


@pytest.mark.parametrize('rule', ['other-videos', 'ten-frames'])
def test_wrong_points(rule):
    with pytest.raises(DataError, match='outside'):
        NonfixationPool(rule).add('v', '0', [[4, 0]], (4, 4))
    with pytest.raises(ConfigError, match="other-videos or ten-frames, got 'all'"):
        NonfixationPool('all')
