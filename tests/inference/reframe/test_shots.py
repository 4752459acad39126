"""Cuts are found, and nothing else."""

from itertools import chain

import numpy as np
import pytest
from skimage import data

from salkit.inference.reframe.shots import FRAME_SIZE, ShotDetector
from salkit.media.images import resize_image
from salkit.media.video import VideoReader

FILMS = ('BQSquare', 'BlowingBubbles', 'RaceHorsesD')


def starts(frames, fps=25.0):
    detector = ShotDetector(fps)
    for frame in frames:
        detector.add(frame)
    return detector.starts()


@pytest.fixture(scope='module')
def films(sample_gaze):
    """Beginnings of real films, with pans and people who run, 40 small frames each."""
    folder = sample_gaze / 'xu_video' / 'videos'
    size = tuple(3 * side for side in FRAME_SIZE)
    return [list(VideoReader(folder / f'{name}.avi').frames(0, 40, size)) for name in FILMS]


def test_cuts_between_films(films):
    first, second, third = films
    parts = [first[:25], second[:12], first[25:], third, second[20:]]
    expected = np.cumsum([0, *map(len, parts[:-1])]).tolist()
    frames = list(chain(*parts))
    assert starts(frames) == expected
    # Nor is one missed where it is dark, or between broad black bars.
    assert starts([frame // 5 for frame in frames]) == expected
    is_middle = np.abs(np.arange(frames[0].shape[1]) - frames[0].shape[1] / 2) < 16
    assert starts([frame * is_middle[:, None] for frame in frames]) == expected


def test_no_cut_in_films(films):
    for frames in films:
        assert starts(frames) == [0]


@pytest.mark.parametrize('length', [1, 3])
def test_a_flash_is_none(films, length):
    frames = list(films[0])
    for white in (np.full_like(frames[0], 255), frames[0] // 4 + 190):
        flashing = [white if 20 <= n < 20 + length else f for n, f in enumerate(frames)]
        assert starts(flashing) == [0]
    # Even where the cut is beside it.
    other = films[1]
    flashing = [*frames[:20], *length * [np.full_like(frames[0], 255)], *other[:20]]
    assert len(starts(flashing)) == 2


def test_a_light_switched_on_is_none(films):
    dark = [frame // 4 for frame in films[0][:20]]
    assert starts([*dark, *films[0][20:]]) == [0]


def test_a_pan_is_none_however_fast():
    rocket = resize_image(data.rocket(), (96, 144))
    wide = np.hstack([rocket, rocket[:, ::-1], rocket])
    # It begins, runs through two frames' widths in 12 frames, and ends.
    at = np.concatenate([np.zeros(15), np.linspace(0, 1, 13), np.ones(15)])
    assert starts([wide[:, (x := int(288 * a)) : x + 144] for a in at]) == [0]


def test_few_frames(films):
    assert starts(films[0][:1]) == [0]
    assert starts([films[0][0], films[1][0]]) == [0, 1]
    flat = [np.full((9, 16, 3), level, np.uint8) for level in [0] * 10 + [200] * 10]
    assert starts(flat) == [0, 10]
