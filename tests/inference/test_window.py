"""Clips are cut out of frames as they come, and predicted in batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salkit.inference.backends import OutOfMemory
from salkit.inference.window import predict_windows, sliding_windows
from salkit.media.clips import HEADS, ClipSettings

SETTINGS = st.builds(
    ClipSettings,
    clip_len=st.integers(1, 6),
    size=st.none(),
    clip_stride=st.integers(1, 3),
    head=st.sampled_from(HEADS),
)


class Counted:
    """Frame numbers, one by one; knows how many were taken."""

    def __init__(self, begin, end):
        self.numbers = iter(range(begin, end))
        self.taken = begin

    def __iter__(self):
        return self

    def __next__(self):
        number = next(self.numbers)
        self.taken = number + 1
        return number


@given(SETTINGS, st.integers(1, 30))
def test_frames_that_come_one_by_one_give_the_clips_of_testing(settings, count):
    cut = list(sliding_windows(iter(range(count)), settings))
    expected = settings.predicted(count)
    assert cut == [(last, settings.window(last, count)) for last in expected]


@given(SETTINGS, st.integers(1, 30), st.data())
def test_chosen_frames_of_a_video_of_known_length(settings, count, data):
    chosen = data.draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True).map(sorted))
    first = max(0, chosen[0] - settings.span + 1)
    frames = iter(range(first, count))
    cut = list(sliding_windows(frames, settings, chosen, first))
    assert cut == [(last, settings.window(last, count)) for last in chosen]


@given(SETTINGS, st.integers(1, 30))
def test_a_clip_is_there_as_soon_as_its_last_frame_is(settings, count):
    frames = Counted(0, count)
    needed = 0
    for _, clip in sliding_windows(frames, settings):
        needed = max(needed, max(clip) + 1)
        early = settings.head == 'skip' and count < settings.span
        assert early or frames.taken in (needed, count)


def test_an_endless_source_is_not_read_ahead():
    frames = Counted(0, 10**9)
    settings = ClipSettings(clip_len=3, size=None)
    windows = sliding_windows(frames, settings)
    for expected in range(100):
        assert next(windows)[0] == expected
        assert frames.taken == expected + 1


@pytest.mark.parametrize('head', HEADS)
def test_no_frames_give_no_clips(head):
    assert list(sliding_windows([], ClipSettings(clip_len=3, size=None, head=head))) == []


class Crowded:
    """A backend whose memory holds three windows."""

    def __init__(self, most=3):
        self.most, self.sizes = most, []

    def predict(self, windows):
        self.sizes.append(len(windows))
        if len(windows) > self.most:
            raise OutOfMemory('full')
        return np.array([window[-1] for window in windows])


def test_batches_that_the_memory_does_not_hold_are_halved():
    windows = [(number, [number]) for number in range(11)]
    backend = Crowded()
    maps = list(predict_windows(backend, windows, 8))
    assert maps == [(number, number) for number in range(11)]
    assert backend.sizes == [8, 4, 2, 2, 2, 2, 2, 1]
    with pytest.raises(OutOfMemory):
        list(predict_windows(Crowded(most=0), windows, 8))
