"""The way of a window: the best of all on the grid, and how it runs between."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from salkit.inference.reframe.camera_path import (
    StepLimits,
    along_spline,
    best_places,
    window_places,
)
from salkit.inference.reframe.window import CropWindow
from salkit.utils.reframe_options import ReframeOptions

WIDE = CropWindow.largest(9 / 16, (360, 640))
PLACES = len(WIDE.grid())


def value_of(places, rewards, limits):
    """What a way is worth; minus infinity where it is beyond the limits."""
    steps = np.diff(places)
    changes = np.abs(np.diff(steps))
    if (np.abs(steps) > limits.speed).any() or (changes > limits.change).any():
        return -np.inf
    gained = rewards[np.arange(len(places)), places].sum()
    return gained - limits.move_cost * np.abs(steps).sum() - limits.turn_cost * changes.sum()


@given(
    arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.floats(0, 1)),
    st.builds(
        StepLimits, st.integers(0, 3), st.integers(0, 4), st.floats(0, 0.5), st.floats(0, 0.5)
    ),
)
def test_no_way_is_better(rewards, limits):
    found = value_of(best_places(rewards, limits), rewards, limits)
    ways = product(range(rewards.shape[1]), repeat=len(rewards))
    best = max(value_of(np.array(way), rewards, limits) for way in ways)
    assert found == pytest.approx(best, abs=1e-9)


@given(arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 40)))
def test_a_spline_keeps_to_the_limits_of_its_steps(places):
    last = len(places) - 1
    at = np.linspace(0, last, 64 * last + 1)
    values = along_spline(places, at)
    assert places.min() - 1e-9 <= values.min() and values.max() <= places.max() + 1e-9
    assert values[[0, -1]] == pytest.approx(places[[0, -1]])
    if last:
        unit = at[1] - at[0]
        steps, speeds = np.diff(places), np.diff(values) / unit
        assert np.abs(speeds).max() <= np.abs(steps).max() + 1e-6
        changes = np.abs(np.diff(steps)).max(initial=0)
        assert np.abs(np.diff(speeds) / unit).max() <= changes + 1e-6


def bump(at, spread=6.0):
    """What is kept (T, P) where the most is at the places `at` (T,)."""
    return np.exp(-(((np.arange(PLACES) - np.asarray(at)[:, None]) / spread) ** 2))


def way(kept, fps=25.0, times=None, **options):
    times = np.arange(len(kept)) / fps if times is None else times
    seconds = np.diff(times, append=times[-1] + 1 / fps)
    return window_places(kept, times, seconds, WIDE, ReframeOptions(**options)), times


def test_it_stands_still_where_it_can():
    noise = np.random.default_rng(0).normal(40, 4, 100)
    places, _ = way(bump(noise, 30))
    assert np.ptp(places) < 1e-9 and abs(places[0] - WIDE.grid()[40]) < 12


def test_it_follows_as_fast_as_it_may():
    # From one end to the other within a frame: 0.68 widths of the frame.
    there = np.repeat([8, PLACES - 9], 100)
    places, times = way(bump(there))
    assert places[0] < WIDE.grid()[16] and places[-1] > WIDE.grid()[-17]
    speeds = np.diff(places) / np.diff(times) / 640
    assert 0.4 < speeds.max() <= 0.5 + 1e-6
    assert np.abs(np.diff(speeds) * 25).max() <= 1.0 + 1e-6
    # Its middle is passed when attention moves, and it does not swing.
    assert (np.diff(places) >= -1e-9).all()
    assert abs(places[100] - WIDE.free / 2) < 40


def test_without_speed_it_has_the_best_place_of_the_shot():
    kept = bump(np.repeat([20, 60], [40, 60]))
    places, _ = way(kept, max_speed=0)
    assert np.ptp(places) < 1e-9 and places[0] == pytest.approx(WIDE.grid()[kept.sum(0).argmax()])


def test_frames_count_as_long_as_they_are_shown():
    # One frame for 4 s, before 20 within 1 s.
    times = np.concatenate([[0], 4 + np.arange(20) / 20])
    kept = bump([20] + 20 * [80])
    places, _ = way(kept, 20, times, max_speed=0)
    assert places[0] == pytest.approx(WIDE.grid()[20], abs=1)


def test_of_equals_the_middle():
    for count in (1, 60):
        places, _ = way(np.full((count, PLACES), 0.3))
        assert np.abs(places - WIDE.free / 2).max() <= WIDE.grid()[1]


@pytest.mark.parametrize('columns', [640, 642, 646])
def test_hardly_any_room_to_move(columns):
    window = CropWindow.largest(16 / 9, (360, columns))
    count = len(window.grid())
    times = np.arange(60) / 10
    kept = np.zeros((60, count))
    kept[:30, 0] = kept[30:, -1] = 1
    options = ReframeOptions(max_speed=2, max_acceleration=10, move_cost=0, turn_cost=0)
    places = window_places(kept, times, np.full(60, 0.1), window, options)
    assert places[0] == 0 and places[-1] == pytest.approx(columns - 640)
