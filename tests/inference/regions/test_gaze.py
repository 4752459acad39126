"""Recorded gaze beside the prediction."""

import os
from pathlib import Path

import numpy as np
import pytest

from salkit.errors import DataError
from salkit.inference.regions import (
    Box,
    KeyFrame,
    RecordedGaze,
    Rectangle,
    Region,
    Regions,
    attention_on,
)
from salkit.inference.regions.gaze import halves_differ, observer_intervals
from salkit.inference.stimulus import open_stimulus
from salkit.prepare.options import GazeReading

HALVES = [Rectangle('left', 0, 0, 10, 20), Rectangle('right', 10, 0, 10, 20)]


@pytest.fixture
def stimulus():
    """2 s of 10 frames a second, 20 x 20 pixels, called `array`."""
    return open_stimulus(np.zeros((20, 20, 20, 3), np.uint8), fps=10)


@pytest.fixture
def on(tmp_path, stimulus):
    """The report of maps that are the same everywhere, beside the gaze of a table's rows."""

    def on(rows, header='video,time_s,duration_s,x,y,observer', regions=HALVES, **reading):
        path = tmp_path / 'gaze.csv'
        path.write_text('\n'.join([header, *rows]) + '\n')
        gaze = RecordedGaze(path, GazeReading(**reading)).on(stimulus)
        return attention_on(np.ones((20, 20, 20)), Regions(regions), stimulus.times, gaze=gaze)

    return on


def test_an_observers_share_is_of_their_own_time(on):
    # One looks 0.4 of 2 s to the left, the other 0.5 of 0.5 s: each counts once.
    rows = ['array,0,0.4,5,5,a', 'array,0.4,1.6,15,5,a', 'array,0,0.5,5,5,b', 'other,0,2,5,5,c']
    report = on(rows)
    gaze = report.gaze
    assert gaze.share == pytest.approx([0.6, 0.4]) and gaze.observers.tolist() == [2, 2]
    assert gaze.low == pytest.approx([0.2, 0]) and gaze.high == pytest.approx([1, 0.8])
    np.testing.assert_allclose(gaze.starts, [0, 0.5, 1, 1.5])
    np.testing.assert_allclose(gaze.bin_share[:, 0], [0.9, 0, 0, 0])
    assert gaze.bin_observers[:, 0].tolist() == [2, 1, 1, 1]
    assert gaze.halves == pytest.approx([0.8, 0.8])
    left, right = report.records()
    assert left['difference'] == pytest.approx(0.5 - 0.6) and left['observers'] == 2
    assert (left['gaze_rank'], right['gaze_rank']) == (1, 2)
    assert left['gaze_times_more'] == pytest.approx(0.6 / 0.5)
    # The middle of the half second in which its share is highest.
    assert (left['gaze_first_peak_s'], right['gaze_first_peak_s']) == (0.25, 0.75)
    assert np.isnan(gaze.bin_low[1]).all()


def test_only_the_time_that_a_region_is_there_counts(on):
    keys = [KeyFrame(1.0, Box(0, 0, 10, 20)), KeyFrame(1.5, None)]
    rows = ['array,0,1.2,5,5,a', 'array,1.2,0.8,15,5,a', 'array,0,0.9,5,5,b']
    report = on(rows, regions=[Region('a', keys)])
    assert report.gaze.share == pytest.approx([0.4]) and report.gaze.observers.tolist() == [1]
    assert np.isnan(report.gaze.low).all() and report.records()[0]['gaze_low'] is None


def test_samples_count_one_by_one_and_a_lost_eye_does_not(on):
    rows = ['array,1,0.1,0.1', 'array,1,0.9,0.1', 'array,2,0.1,0.1', 'array,3,,', 'array,4,7,7']
    rows += [f'array,{frame},0.2,0.5' for frame in range(5, 15)]
    report = on(rows, 'video,frame,x,y', normalized=True)
    assert report.gaze.share == pytest.approx([12 / 13, 1 / 13])
    # Of frames without gaze, nothing is compared.
    assert report.gaze.predicted == pytest.approx([0.5, 0.5])


def test_a_video_without_gaze_is_said(on):
    with pytest.raises(DataError, match='holds no gaze on array, but on clip'):
        on(['clip,0,1,5,5,a'])


def test_gaze_is_that_on_the_video_of_this_name(on):
    # The last dot of a name begins an ending only where files have such a one.
    report = on(['folder/array.MP4,0,2,5,5,a', 'array.v2,0,2,15,5,a'])
    assert report.gaze.share == pytest.approx([1, 0])
    with pytest.raises(DataError, match=r'gaze on array, array\.png fits array'):
        on(['array,0,2,15,5,a', 'array.png,0,2,5,5,a'])


def test_on_a_picture_everybody_looks_as_long_as_they_look(tmp_path):
    rows = 'array,0,0.5,5,5,a\narray,0.5,1.5,15,5,a\narray,3,1,5,5,b\n'
    (tmp_path / 'gaze.csv').write_text(f'video,time_s,duration_s,x,y,observer\n{rows}')
    picture = open_stimulus(np.zeros((20, 20, 3), np.uint8))
    gaze = RecordedGaze(tmp_path / 'gaze.csv').on(picture)
    report = attention_on(np.ones((1, 20, 20)), HALVES, picture.times, gaze=gaze)
    assert report.gaze.share == pytest.approx([(0.25 + 1) / 2, 0.75 / 2])


def test_gaze_does_not_depend_on_the_size_of_the_maps(stimulus, tmp_path):
    (tmp_path / 'gaze.csv').write_text('video,frame,x,y\narray,1,11,5\narray,2,9,5\n')
    gaze = RecordedGaze(tmp_path / 'gaze.csv').on(stimulus)
    maps = np.ones((20, 3, 3))
    report = attention_on(maps, HALVES, stimulus.times, size=stimulus.size, gaze=gaze)
    assert report.gaze.share.tolist() == [0.5, 0.5]


def test_intervals_are_those_of_the_mean_over_observers():
    rng = np.random.default_rng(0)
    values = rng.random((3, 2, 30))
    values[1, 0, :10] = np.nan
    values[2, 1, 1:] = np.nan
    low, high = observer_intervals(values)
    assert low.shape == (3, 2) and np.isnan(low[2, 1]) and np.isnan(high[2, 1])
    for place in ((0, 0), (1, 0)):
        shares = values[place][np.isfinite(values[place])]
        error = 1.96 * shares.std(ddof=1) / np.sqrt(len(shares))
        assert low[place] == pytest.approx(shares.mean() - error, abs=0.02)
        assert high[place] == pytest.approx(shares.mean() + error, abs=0.02)


def test_halves_differ_as_chance_says():
    values = np.random.default_rng(0).normal(size=(1, 400))
    # The difference of two means of 200 has the standard deviation 0.1.
    assert halves_differ(values)[0] == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.2)
    assert np.isnan(halves_differ(np.array([[1.0, np.nan]]))[0])


def test_fixations_on_a_film():
    root = Path(os.environ.get('SALKIT_SAMPLE_DATA', '')) / 'gaze' / 'xu_video'
    if not root.is_dir():
        pytest.skip('SALKIT_SAMPLE_DATA has no films with fixations')
    film = open_stimulus(root / 'videos' / 'RaceHorsesD.avi')
    gaze = RecordedGaze(root / 'fixations.csv').on(film)
    assert len(gaze.names) == 32
    rows, columns = film.size
    regions = [Rectangle('left', 0, 0, columns / 2, rows)]
    regions += [Rectangle('right', columns / 2, 0, columns / 2, rows)]
    maps = np.ones((len(film), rows // 8, columns // 8), np.float32)
    report = attention_on(maps, regions, film.times, size=film.size, gaze=gaze)
    assert report.gaze.share.sum() == pytest.approx(1)
    assert (report.gaze.low < report.gaze.share).all()
    assert (report.gaze.share < report.gaze.high).all()
