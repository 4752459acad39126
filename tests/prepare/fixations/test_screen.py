from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_video import encode_video
from PIL import Image

from salkit.cli import main
from salkit.errors import DataError
from salkit.prepare.fixations import Gaze, fixation_points
from salkit.prepare.fixations.screen import MOST_FRAMES, to_video_pixels

sides = st.integers(2, 3000)


@given(sides, sides, sides, sides, st.sampled_from([1, 64 / 45, 0.5]), st.booleans(), st.booleans())
def test_the_video_lies_in_the_middle_of_the_screen(
    rows, columns, height, width, aspect, fits, normalized
):
    shown_width = columns * aspect
    scale = min(height / rows, width / shown_width) if fits else 1
    top, left = (height - scale * rows) / 2, (width - scale * shown_width) / 2
    corners = np.array(
        [(top, left), (top + scale * rows, left + scale * shown_width), (height / 2, width / 2)]
    )
    found = to_video_pixels(
        corners / (height, width) if normalized else corners,
        (rows, columns),
        (height, width),
        normalized,
        'fit' if fits else 'actual-size',
        aspect,
    )
    expected = [(0, 0), (rows, columns), (rows / 2, columns / 2)]
    assert found == pytest.approx(np.array(expected), rel=1e-6, abs=1e-6)


def test_pixels_that_are_not_square():
    # 180 x 144 pixels of 64:45 are 256 x 144, and fill a screen of 16:9.
    places = [(270, 480), (0, 0), (1080, 1920)]
    found = to_video_pixels(places, (144, 180), (1080, 1920), pixel_aspect=64 / 45)
    assert found == pytest.approx(np.array([(36, 45), (0, 0), (144, 180)]), abs=1e-9)
    # What is given in pixels of the video stays where it is.
    assert to_video_pixels([(3, 4)], (144, 180), pixel_aspect=2).tolist() == [[3, 4]]


def read_points(folder):
    maps = sorted(folder.glob('*/fixation/*.png'))
    return [np.argwhere(np.asarray(Image.open(path))).tolist() for path in maps]


@pytest.mark.parametrize(
    ('shown', 'expected'),
    [
        # 107 x 48 as shown: 1600 x 720 within 1600 x 900, with bars of 90 above and below.
        ('fit', [[[0, 0]], [[24, 20]], [[24, 40]], [[22, 37]]]),
        # Or with 746.7 columns at its left, and 426 rows above it.
        ('actual-size', [[], [], [[24, 40]], [[0, 0]]]),
    ],
)
def test_a_video_on_a_screen_at_both_doors(tmp_path, shown, expected):
    videos, gaze = tmp_path / 'videos', tmp_path / 'gaze.csv'
    encode_video(videos / 'clip.mp4', 4, pixel_aspect=Fraction(4, 3))
    gaze.write_text(
        'video,frame,x,y\nclip,1,1,91\nclip,2,400,450\nclip,3,800,450\nclip,4,747,426\n'
    )
    options = ['--ppd', '4', '--workers', '1', '--screen', '1600x900', '--shown', shown]
    out = tmp_path / 'out'
    assert main(['density', str(gaze), '--videos', str(videos), '--out', str(out), *options]) == 0
    assert read_points(out) == expected
    command = ['prepare', 'folder', str(videos), str(tmp_path / 'data'), '--gaze', str(gaze)]
    assert main([*command, *options]) == 0
    assert read_points(tmp_path / 'data' / 'train') == expected
    # A degree is 4 rows and 3 columns.
    for folder in (out, tmp_path / 'data' / 'train'):
        density = np.asarray(Image.open(folder / 'clip' / 'maps' / '0003.png'))
        assert density[20, 40] == density[24, 37] == round(255 * np.exp(-0.5))


# Times -------------------------------------------------------------------------------------------


def timed(seconds, unit='time_s'):
    seconds = np.asarray(seconds, np.float64)
    return Gaze('clip', np.full((len(seconds), 2), 5.0), seconds, unit)


@pytest.mark.parametrize('clock', [25.0, np.arange(40) / 25])
@pytest.mark.parametrize(
    ('factor', 'unit', 'message'),
    [
        (
            1e3,
            'time_s',
            r'as time_s has it, 39 of 40 samples .* of 1.\d+ s; the numbers fit time_ms',
        ),
        (1e6, 'time_s', 'the numbers fit time_us'),
        (1e9, 'time_s', 'the numbers fit time_ns'),
        (1e3, 'time_us', 'the numbers fit time_ns'),
        (1e-3, 'time_ms', r'all samples are in the first 0.00156 s of 1.\d+ s; .* fit time_s'),
        (1e-6, 'time_us', 'the numbers fit time_s'),
    ],
)
def test_times_of_another_unit(clock, factor, unit, message):
    times = np.arange(40) / 25
    assert len(fixation_points(timed(times, unit), (9, 9), 40, clock)[0]) == 40
    with pytest.raises(DataError, match=message):
        fixation_points(timed(factor * times, unit), (9, 9), 40, clock)


def test_times_that_count_from_elsewhere():
    times = 1.7e9 + np.arange(40) / 25
    with pytest.raises(DataError, match=r'40 of 40 .*; expected times from the start of the video'):
        fixation_points(timed(times), (9, 9), 40, 25.0)


def test_gaze_that_is_right_if_odd():
    # Recorded for longer than the video; a look at the start; at a hundred frames a second.
    for times in (np.arange(79) / 25, [0, 0.01, 0.02], np.arange(100) / 1000):
        fixation_points(timed(times), (9, 9), 40, 25.0)


def test_frames_that_the_video_does_not_have():
    frames = Gaze('clip', np.full((40, 2), 5.0), np.arange(40) * 40, 'frame')
    with pytest.raises(DataError, match='39 of 40 samples are on frames that it does not have: it'):
        fixation_points(frames, (9, 9), 40)


@pytest.mark.parametrize('last', [MOST_FRAMES, 1e300])
def test_a_video_without_end(last):
    gaze = timed([0, last]) if last == 1e300 else Gaze('clip', np.ones((2, 2)), np.array([0, last]))
    with pytest.raises(
        DataError, match=r'its last sample is on frame .*; expected at most 1,000,0'
    ):
        fixation_points(gaze, (9, 9), clock=25.0)
