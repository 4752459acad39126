"""Names, key frames, and regions on a video."""

import numpy as np
import pytest

from salkit.errors import ConfigError, ShapeError
from salkit.inference.regions import (
    Box,
    KeyFrame,
    Mask,
    Outline,
    Polygon,
    Rectangle,
    Region,
    Regions,
)

TIMES = np.arange(50) / 25


def moving(*keys, hold=False):
    return Region('a', [KeyFrame(at, shape) for at, shape in keys], hold)


def test_corners_move_on_straight_lines():
    region = moving((1.0, Box(0, 0, 10, 10)), (2.0, Box(10, 20, 20, 10)))
    assert region.at(1.0) == Box(0, 0, 10, 10)
    assert region.at(1.5) == Box(5, 10, 15, 10)
    assert region.at(2.0) == Box(10, 20, 20, 10)
    outline = moving(
        (0.0, Outline(((0, 0), (4, 0), (0, 4)))), (1.0, Outline(((2, 2), (6, 2), (2, 6))))
    )
    assert outline.at(0.5).points == ((1, 1), (5, 1), (1, 5))


def test_outside_of_its_key_frames_a_region_is_not_there():
    keys = (1.0, Box(0, 0, 1, 1)), (2.0, Box(1, 0, 1, 1))
    assert moving(*keys).at(0.9) is None and moving(*keys).at(2.1) is None
    held = moving(*keys, hold=True)
    assert held.at(0) == Box(0, 0, 1, 1) and held.at(9) == Box(1, 0, 1, 1)


def test_a_key_frame_without_a_form_takes_it_away():
    region = moving((0.0, Box(0, 0, 1, 1)), (1.0, None), (2.0, Box(3, 0, 1, 1)))
    # It stays where it was until then: nothing is said of where it goes.
    assert region.at(0.9) == Box(0, 0, 1, 1)
    assert region.at(1.0) is None and region.at(1.9) is None
    assert region.at(2.0) == Box(3, 0, 1, 1)


def test_frames_become_seconds_on_a_video():
    region = moving((np.int64(0), Box(0, 0, 1, 1)), (25, Box(25, 0, 1, 1)))
    placed = Regions([region]).on((9, 50), TIMES)
    assert placed['a'].at(0.4).x == pytest.approx(10)
    with pytest.raises(ConfigError, match=r'frame 26 \(counted from 1\), the video has 20'):
        Regions([region]).on((9, 50), TIMES[:20])


@pytest.mark.parametrize(
    'keys, message',
    [
        ([], '1 to 1,000,000 key frames'),
        ([(0.0, None)], '1 to 1,000,000 key frames with a form'),
        ([(0.0, Box(0, 0, 1, 1)), (0.0, Box(0, 0, 1, 1))], 'two key frames at 0.0'),
        ([(0.0, Box(0, 0, 1, 1)), (1, Box(0, 0, 1, 1))], 'all in seconds or all in frames'),
        ([(-1.0, Box(0, 0, 1, 1))], 'from 0 on, got -1'),
        ([(0.0, Box(0, 0, 1, 1)), (1.0, Outline(((0, 0), (1, 0), (0, 1))))], 'another form'),
        (
            [
                (0.0, Outline(((0, 0), (1, 0), (0, 1)))),
                (1.0, Outline(((0, 0), (1, 0), (1, 1), (0, 1)))),
            ],
            'a, key frame 1.0: a polygon of 3 points at one key frame needs one of as many',
        ),
    ],
)
def test_key_frames_that_do_not_go_together_are_refused(keys, message):
    with pytest.raises(ConfigError, match=message):
        moving(*keys)


def test_names_differ_and_find_regions():
    regions = Regions([Rectangle('logo', 0, 0, 1, 1), Polygon('face', [0, 0, 1, 0, 0, 1])])
    assert regions['face'] is regions[1] and regions.names == ['logo', 'face']
    with pytest.raises(KeyError, match='did you mean logo'):
        regions['logos']
    with pytest.raises(ConfigError, match=r"expected a list of regions, got Region\('a'"):
        Regions.of(Rectangle('a', 0, 0, 1, 1))
    with pytest.raises(ConfigError, match='pairs x, y; got 3 numbers each'):
        Polygon('a', [(0, 0, 1), (1, 1, 1)])
    with pytest.raises(ConfigError, match="two regions are called 'logo'"):
        Regions([Rectangle('logo', 0, 0, 1, 1), Rectangle(' logo ', 0, 0, 2, 1)])
    with pytest.raises(ConfigError, match='1 to 200 characters'):
        Rectangle(' ', 0, 0, 1, 1)
    assert Rectangle('a\x1b[2J', 0, 0, 1, 1).name == 'a\\x1b[2J'


def test_regions_lie_on_the_frames():
    far = Regions([Rectangle('far', 40, 0, 10, 10)])
    with pytest.raises(ConfigError, match='far: lies outside of the frame: x 40 to 50, y 0 to 10'):
        far.on((20, 40), TIMES)
    far.on((20, 41), TIMES)
    shares = Regions([Rectangle('far', 40, 0, 10, 10)], 'share')
    with pytest.raises(ConfigError, match=r'expected something in 1 x 1 \(share\)'):
        shares.on((20, 41), TIMES)
    mask = Regions([Region('mask', Mask(np.ones((10, 20), bool)))])
    with pytest.raises(ShapeError, match='mask: the mask has 20 x 10 pixels, expected 41 x 20'):
        mask.on((20, 41), TIMES)
    drawn = Regions([Rectangle('a', 10, 5, 10, 5)], size=(10, 20))
    masks = drawn.on((20, 40), TIMES).masks(0, (20, 40))
    assert masks.shape == (1, 20, 40) and masks[0, 10:, 20:].all() and masks.sum() == 200
    with pytest.raises(ShapeError, match="expected the shape of the video's, 40 x 40"):
        drawn.on((40, 40), TIMES)
