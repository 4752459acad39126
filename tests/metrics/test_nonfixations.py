import itertools

import numpy as np
import pytest

from salkit.errors import ConfigError, DataError
from salkit.metrics import nonfixation_pool, rescale_points
from salkit.metrics.nonfixations import (
    RULES,
    OtherFrames,
    OtherVideos,
    SameVideo,
    TenFrames,
    TenVideos,
)

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
    assert [len(kept) for kept in pool._groups.values()] == [20]
    pool = SameVideo()
    for frame in range(200):
        pool.add(str(frame // 10), [str(frame)], [[[1, 2]]], (800, 800))
    kept = [points for found in pool._points.values() for points, _ in found]
    assert sum(points.nbytes for points in kept) == 200 * 2 * 2


def test_ten_frames():
    pool = TenFrames(seed=4)
    for frame in range(40):
        pool.add('v', [str(frame)], [[[frame, 0], [frame, 0]]], (40, 2))
    drawn = [pool.for_frame('v', str(frame), (40, 2)) for frame in range(40)]
    for counts in drawn:
        # A pixel counts once.
        assert counts.sum() == 10 and counts.max() == 1
    # As in the code, the frame itself may be among them: here about a quarter of the time.
    assert 3 <= sum(counts[frame].sum() for frame, counts in enumerate(drawn)) <= 18
    assert len({counts.tobytes() for counts in drawn}) > 35
    # Every frame is drawn about as often as any other: 400 draws of 40.
    times = sum(counts[:, 0] for counts in drawn)
    assert times.min() >= 2 and times.max() <= 22


def test_frames_of_ten_videos():
    pool = TenVideos(seed=2)
    for video, frame in itertools.product(range(14), range(6)):
        pool.add(str(video), [str(frame)], [[[video, frame]]], (14, 6))
    drawn = [pool.for_frame('3', str(frame), (14, 6)) for frame in range(30)]
    for counts in drawn:
        # A frame of each of ten videos.
        assert counts.sum() == 10 and counts.sum(1).max() == 1
    times = sum(drawn)
    assert times.sum(1).min() >= 10 and times.sum(0).min() >= 25
    few = TenVideos(reservoir=3)
    few.add('v', [str(i) for i in range(9)], [[[i, 0]] for i in range(9)], (9, 1))
    assert {few.for_frame('w', str(i), (9, 1)).argmax() for i in range(40)} == {
        *[kept.points[0, 0] for kept in few._groups['v']]
    }


@pytest.mark.parametrize(
    'size, pixels',
    [
        ((4, 8), [(1, 2), (2, 5)]),
        # A pixel that became four.
        ((8, 16), [(r, c) for a, b in ((2, 4), (4, 10)) for r in (a, a + 1) for c in (b, b + 1)]),
        # A quarter of a pixel is lost.
        ((2, 4), []),
        ((4, 4), [(1, 1), (2, 2)]),
    ],
)
def test_fixations_of_other_videos_are_resized_bilinearly(size, pixels):
    pool = TenVideos()
    pool.add('v', ['0'], [[[1, 2], [2, 5], [2, 5]]], (4, 8))
    assert [*map(tuple, np.argwhere(pool.for_frame('w', '0', size)))] == pixels


def test_all_other_frames():
    pool, whole = pool_of(OtherFrames()), pool_of(OtherVideos())
    for frame in range(4):
        own = [points_of('a', other) for other in range(4) if other != frame]
        expected = whole.for_frame('a', '0', SIZES['a']) + counted(np.concatenate(own), SIZES['a'])
        np.testing.assert_array_equal(pool.for_frame('a', str(frame), SIZES['a']), expected)


def test_the_frames_of_the_same_video():
    pool = pool_of(SameVideo())
    own = np.concatenate([points_of('a', frame) for frame in range(4)])
    np.testing.assert_array_equal(pool.for_frame('a', '1', (20, 30)), counted(own, (20, 30)))
    assert pool.for_frame('a', '1', (10, 15)).sum() == len(own)
    assert not pool.for_frame('x', '1', (10, 15)).any()


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
    assert pool.for_frame('v', '0', (4, 4)).sum() == 1
    pool.add('v', ['1'], [np.zeros((0, 2))], (4, 4))
    assert pool.for_frame('v', '1', (4, 4)).sum() == 1
    assert OtherVideos().for_frame('v', '0', (4, 4)).sum() == 0


@pytest.mark.parametrize('rule', RULES)
def test_wrong_points(rule):
    with pytest.raises(DataError, match='outside'):
        nonfixation_pool(rule).add('v', ['0'], [[[4, 0]]], (4, 4))
    with pytest.raises(ConfigError, match="ten-videos, got 'all'"):
        nonfixation_pool('all')
