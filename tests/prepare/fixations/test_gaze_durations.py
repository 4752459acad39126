"""Gaze with durations: a fixation is on every frame that appears while it lasts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_video import SIZE, encode_video
from PIL import Image

from salkit.cli import main
from salkit.errors import ConfigError, DataError
from salkit.prepare.fixations import Gaze, GazeReading, fixation_points, read_gaze_csv

LENGTHS = st.lists(
    st.tuples(st.integers(-30, 120), st.integers(0, 90), st.integers(-1, SIZE[1])),
    min_size=1,
    max_size=8,
)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / 'gaze.csv'
        path.write_text(text)
        return path

    return write


def read_points(folder):
    maps = sorted(folder.glob('fixation/*.png'))
    return [np.argwhere(np.asarray(Image.open(path))).tolist() for path in maps]


@pytest.mark.parametrize(
    'text',
    [
        'video,time_s,duration_s,x,y\nclip,0.03,0.1,5,3\nclip,0.12,0.04,20,10\n',
        'video,time_ms,x,y,duration_ms\nclip,30,5,3,100\nclip,120,20,10,40\n',
        'video;frame;x;y;duration_ms\nclip;2;5;3;120\nclip;4;20;10;1,5\n',
    ],
)
def test_at_both_doors(tmp_path, write, text):
    path = write(text)
    encode_video(tmp_path / 'videos' / 'clip.mp4', 6)
    # Frames appear at 0, 40, 80, 120, 160 and 200 ms.
    expected = [[], [[3, 5]], [[3, 5]], [[3, 5], [10, 20]], [], []]
    videos, out = str(tmp_path / 'videos'), tmp_path / 'out'
    options = ['--sigma-px', '3', '--workers', '1']
    assert main(['density', str(path), '--videos', videos, '--out', str(out), *options]) == 0
    assert read_points(out / 'clip') == expected
    command = ['prepare', 'folder', videos, str(tmp_path / 'data'), '--gaze', str(path)]
    assert main([*command, *options]) == 0
    assert read_points(tmp_path / 'data' / 'train' / 'clip') == expected


def test_columns_of_a_program(write):
    path = write(
        'VIDEO_NAME\tCURRENT_FIX_X\tCURRENT_FIX_Y\tCURRENT_FIX_START\tCURRENT_FIX_DURATION\n'
        'clip.avi\t5\t3\t40\t120\n'
    )
    reading = GazeReading(
        columns='eyelink,duration_ms=CURRENT_FIX_DURATION,time_ms=CURRENT_FIX_START', screen=SIZE
    )
    (gaze,) = read_gaze_csv(path, reading).values()
    assert gaze.durations.tolist() == [0.12]
    points, _ = fixation_points(gaze, SIZE, 6, 25.0, reading)
    assert [len(each) for each in points] == [0, 1, 1, 1, 0, 0]


@given(LENGTHS, st.booleans(), st.booleans())
def test_points_are_those_of_a_loop(fixations, timed, knows_length):
    frames = 10
    begins, lasts, columns = np.array(fixations).T
    # In hundredths of a second, at 10 frames a second; frames are counted from 0.
    moments = begins / 100 if timed else np.maximum(begins // 10, 0)
    starts = begins if timed else 10 * moments
    points = np.stack([np.full(len(columns), 2.0), columns], 1)
    gaze = Gaze('clip', points, moments, 'time_s' if timed else 'frame', lasts / 100)
    expected = [[] for _ in range(frames)]
    for start, length, column in zip(starts, lasts, columns, strict=True):
        on = [i for i in range(30) if start <= 10 * i < start + length] or [start // 10]
        for index in on:
            if 0 <= index < frames and 0 <= column < SIZE[1]:
                expected[int(index)].append([2, column])
    count = frames if knows_length else None
    try:
        found, left_out = fixation_points(gaze, SIZE, count, 10.0)
    except DataError as error:
        # Whatever is wrong with most of the gaze.
        assert 'clip: ' in str(error)
        return
    assert [sorted(each.tolist()) for each in found[:frames]] == [
        sorted(each) for each in expected[: len(found)]
    ]
    assert 0 <= left_out < len(fixations)


@pytest.mark.parametrize('value', ['', 'nan', '-1', 'inf', 'long', '.'])
def test_durations_that_are_none(write, value):
    path = write(f'video,time_s,duration_s,x,y\na,0,0.1,1,1\na,0,{value},1,1\n')
    with pytest.raises(DataError, match='line 3: duration_s must be a number') as error:
        read_gaze_csv(path)
    assert str(path) in str(error.value) and repr(value) in str(error.value)


def test_two_columns_for_durations(write):
    path = write('video,time_s,duration_s,duration_s,x,y\na,0,0.1,0.1,1,1\n')
    with pytest.raises(DataError, match='two columns for duration_s'):
        read_gaze_csv(path)


def test_durations_need_to_know_the_frame_rate(write):
    (gaze,) = read_gaze_csv(write('video,frame,duration_s,x,y\na,1,0.1,1,1\n')).values()
    with pytest.raises(ConfigError, match='a: gaze has durations; the frame rate'):
        fixation_points(gaze, SIZE)
    points, _ = fixation_points(gaze, SIZE, clock=25.0)
    assert len(points) == 3


def test_durations_that_make_too_many_fixations(write):
    rows = 'a,0,30000,5,3\n' * 60
    (gaze,) = read_gaze_csv(write('video,time_s,duration_s,x,y\n' + rows)).values()
    with pytest.raises(DataError, match='60,000,000 fixations on all frames together, expected'):
        fixation_points(gaze, SIZE, 1_000_000, 1000 / 30)
    with pytest.raises(DataError, match='expected at most 1,000,000'):
        fixation_points(gaze, SIZE, None, 100.0)
