"""The frames that are shown at a time, and while a fixation lasts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salkit.media.frame_times import frames_at, frames_during


@given(st.integers(0, 5000), st.sampled_from([23.976, 24.0, 25.0, 29.97, 30.0, 60.0, 100.0]))
def test_the_start_of_a_frame_is_in_it(frame, fps):
    assert frames_at(np.array([frame / fps]), fps) == frame
    assert frames_at(np.array([(frame + 0.99) / fps]), fps) == frame


def test_frames_of_uneven_length():
    clock = np.array([0.5, 0.6, 1.0, 1.1])
    times = np.array([-0.1, 0, 0.05, 0.1, 0.49, 0.5, 0.6, 0.69, 0.7, 9.0])
    assert frames_at(times, clock).tolist() == [-1, 0, 0, 1, 1, 2, 3, 3, 4, 4]


# Hundredths of a second, so that starts of frames and of fixations coincide.
ticks = st.integers(-50, 300)


@given(
    st.lists(st.tuples(ticks, st.integers(0, 200)), min_size=1, max_size=8),
    st.lists(st.integers(1, 40), min_size=1, max_size=12),
)
def test_a_fixation_is_on_the_frames_that_appear_while_it_lasts(fixations, lengths):
    starts = np.cumsum([0, *lengths])
    # What lasts when the video is over, where another frame would appear.
    beyond = [*starts, starts[-1] + lengths[-1]]
    begins, lasts = np.array(fixations).T
    first, stop = frames_during(begins / 100, lasts / 100, starts / 100 + 0.7)
    for begin, length, a, b in zip(begins, lasts, first, stop, strict=True):
        appear = [i for i, t in enumerate(beyond) if begin <= t < begin + length]
        if not appear:
            # Too short for one: that which is shown when it begins.
            shown = frames_at(np.array([begin / 100]), starts / 100)[0]
            assert (a, b) == (shown, shown + 1)
        else:
            assert list(range(a, b)) == appear


@given(
    st.integers(0, 3000),
    st.integers(1, 200),
    st.sampled_from([23.976, 24.0, 25.0, 29.97, 30.0, 60.0, 100.0]),
)
def test_at_a_frame_rate(frame, count, fps):
    begins, lasts = np.array([frame / fps]), np.array([count / fps])
    for clock in (fps, np.arange(frame + count + 5) / fps):
        first, stop = frames_during(begins, lasts, clock)
        assert (first[0], stop[0]) == (frame, frame + count)
        first, stop = frames_during(begins + 0.4 / fps, lasts, clock)
        assert (first[0], stop[0]) == (frame + 1, frame + count + 1)


@pytest.mark.parametrize('clock', [25.0, np.arange(10) / 25])
def test_before_and_behind_the_video(clock):
    begins, lasts = np.array([-1.0, -0.1, 0.38, 5.0]), np.array([0.5, 0.15, 9.0, 1.0])
    first, stop = (each.clip(0, 10) for each in frames_during(begins, lasts, clock))
    on = [list(range(a, b)) for a, b in zip(first, stop, strict=True)]
    assert on == [[], [0, 1], [], []]
