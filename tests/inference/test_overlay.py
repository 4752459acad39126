"""Saliency drawn over frames."""

import matplotlib
import numpy as np
import pytest

from salkit.errors import ConfigError, ShapeError
from salkit.inference.overlay import GAMMA, Overlay, OverlayStyle

SIZE = (120, 160)


def blob(size=SIZE, y=60, x=80, sigma=15.0, height=1.0):
    rows, columns = np.mgrid[: size[0], : size[1]]
    map_ = height * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2 / sigma**2)
    return map_.astype(np.float32)


@pytest.fixture
def frame():
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


def colors_of(name, values):
    return np.asarray(matplotlib.colormaps[name](values))[..., :3] * 255


@pytest.mark.parametrize('colors', ['turbo', 'inferno'])
def test_blend_is_that_of_the_formula(frame, colors):
    saliency_map = blob(height=0.4)
    style = OverlayStyle(colors, alpha=0.8, normalize='video')
    drawn = Overlay(style, peak=0.5)(frame, saliency_map)
    share = saliency_map / 0.5
    opacity = 0.8 * share[..., None] ** GAMMA
    expected = frame * (1 - opacity) + colors_of(colors, share) * opacity
    assert drawn.shape == frame.shape and drawn.dtype == np.uint8
    # Saliency in 256 steps, and two roundings.
    assert np.abs(drawn - expected).max() < 6 and np.abs(drawn - expected).mean() < 1


def test_something_is_seen_in_every_frame_of_any_video(frame):
    weak = Overlay()(frame, blob(height=0.01)).astype(int)
    assert np.abs(weak - frame)[50:70, 70:90].mean() > 20
    assert np.abs(weak - Overlay()(frame, blob(height=1.0))).max() <= 2


def test_frame_stays_where_nobody_looks(frame):
    before = frame.copy()
    drawn = Overlay(OverlayStyle(normalize='frame'))(frame, blob(sigma=8))
    assert (drawn[:20] == frame[:20]).all() and (drawn[60, 80] != frame[60, 80]).any()
    assert (frame == before).all()


@pytest.mark.parametrize(
    ('normalize', 'peak', 'height', 'share'),
    [
        ('video', 1.0, 0.25, 0.25),
        ('video', 0.25, 0.25, 1.0),
        ('video', 0.1, 0.25, 1.0),
        ('frame', None, 0.25, 1.0),
        ('frame', 9.0, 0.25, 1.0),
        ('none', None, 0.25, 0.25),
        ('none', 0.1, 0.25, 0.25),
    ],
)
def test_normalization(normalize, peak, height, share):
    black = np.zeros((*SIZE, 3), np.uint8)
    drawn = Overlay(OverlayStyle(alpha=1.0, normalize=normalize), peak)(black, blob(height=height))
    assert np.abs(drawn[60, 80] - colors_of('turbo', share) * share**GAMMA).max() < 3
    assert not drawn[0, 0].any()


@pytest.mark.parametrize('normalize', ['video', 'frame', 'none'])
def test_empty_map_leaves_the_frame(frame, normalize):
    style = OverlayStyle(normalize=normalize, contours=(0.5,), fixations=True)
    drawn = Overlay(style, peak=0.0)(frame, np.zeros(SIZE, np.float32), np.zeros(SIZE, bool))
    assert (drawn == frame).all()


def test_values_that_are_none(frame):
    saliency_map = blob()
    odd = saliency_map.copy()
    odd[:5], odd[5:8], odd[8:10] = np.nan, -3, np.inf
    for style in (OverlayStyle(), OverlayStyle(normalize='video')):
        drawn = Overlay(style, 1.0)(frame, odd)
        assert (drawn[:10] == frame[:10]).all()
        assert (drawn[10:] == Overlay(style, 1.0)(frame, saliency_map)[10:]).all()


def test_maps_of_another_size_are_resized(frame):
    overlay = Overlay(OverlayStyle(normalize='frame'))
    small = blob((30, 40), 14.625, 19.625, 15 / 4)
    difference = np.abs(overlay(frame, small).astype(int) - overlay(frame, blob()))
    assert difference.mean() < 2


def test_contours_pass_at_their_shares():
    frame = np.full((*SIZE, 3), 90, np.uint8)
    plain = Overlay(OverlayStyle(alpha=0.0), 1.0)(frame, blob(sigma=20))
    drawn = Overlay(OverlayStyle(alpha=0.0, contours=(0.5, 0.8)), 1.0)(frame, blob(sigma=20))
    assert (plain == frame).all()
    y, x = np.nonzero((drawn > 150).all(-1))
    radius = np.hypot(y - 60, x - 80)
    expected = 20 * np.sqrt(-2 * np.log([0.5, 0.8]))
    assert np.abs(radius[:, None] - expected).min(axis=1).max() < 1.6
    assert all((np.abs(radius - one) < 1.6).sum() > 20 for one in expected)


def test_contours_leave_the_picture_with_their_area():
    frame = np.full((*SIZE, 3), 90, np.uint8)
    style = OverlayStyle(alpha=0.0, contours=(0.5,))
    drawn = Overlay(style, 1.0)(frame, blob(y=0, sigma=20))
    # At the top, the line crosses the edge and does not run along it.
    assert (drawn[0, 70:90] == 90).all() and (drawn[:3] > 150).any()


@pytest.mark.parametrize('factor', [1, 4])
def test_fixations_are_dots_at_their_places(factor):
    frame = np.full((*SIZE, 3), 90, np.uint8)
    fixation_map = np.zeros((SIZE[0] // factor, SIZE[1] // factor), np.uint8)
    places = [(40, 40), (80, 120)]
    for y, x in places:
        fixation_map[y // factor, x // factor] = 1
    empty = np.zeros(SIZE, np.float32)
    assert (Overlay(OverlayStyle(), 1.0)(frame, empty, fixation_map) == frame).all()
    drawn = Overlay(OverlayStyle(fixations=True), 1.0)(frame, empty, fixation_map)
    for y, x in places:
        centre = np.array([y, x]) + (factor - 1) / 2
        assert (drawn[tuple(np.rint(centre).astype(int))] > 240).all()
        around = drawn[y - 9 : y + 10, x - 9 : x + 10].mean(-1)
        weight = np.abs(around - 90)
        rows, columns = np.mgrid[y - 9 : y + 10, x - 9 : x + 10]
        found = [(weight * axis).sum() / weight.sum() for axis in (rows, columns)]
        assert found == pytest.approx(centre, abs=0.2)
        assert (around < 60).any()
    assert (drawn != 90).any(-1).sum() < 2 * 12 * 12


def test_side_by_side(frame):
    style = OverlayStyle(side_by_side=True, normalize='video')
    overlay = Overlay(style, peak=1.0)
    density_map = blob(y=90, x=40, height=1e-4)
    drawn = overlay(frame, blob(height=0.5), None, density_map)
    assert drawn.shape == (120, overlay.width(160), 3) and overlay.width(160) == 322
    # Labels are at the top left; below them each is as when drawn alone, the truth by its maximum.
    alone = Overlay(OverlayStyle(normalize='video'), 1.0)
    assert (drawn[40:, :160] == alone(frame, blob(height=0.5))[40:]).all()
    assert (drawn[40:, 160:162] == 255).all()
    truth = Overlay(OverlayStyle(normalize='frame'))(frame, density_map)
    assert (drawn[40:, 162:] == truth[40:]).all()
    assert (drawn[:25, :80] != alone(frame, blob(height=0.5))[:25, :80]).any()
    # A frame without ground truth gives a picture of the same size.
    without = overlay(frame, blob())
    assert without.shape == drawn.shape and (without[40:, 162:] == frame[40:]).all()


def test_frames_are_left_as_they_are(frame):
    before, fixation_map = frame.copy(), np.eye(120, 160)
    for side_by_side in (False, True):
        style = OverlayStyle(contours=(0.5,), fixations=True, side_by_side=side_by_side)
        overlay = Overlay(style, 1.0)
        for density_map in (None, blob()):
            overlay(frame, blob(), fixation_map, density_map)
            overlay(frame, blob(), None, density_map)
            assert (frame == before).all()


def test_small_frames_have_no_room_for_labels():
    frame = np.full((48, 80, 3), 90, np.uint8)
    empty = np.zeros((48, 80), np.float32)
    drawn = Overlay(OverlayStyle(side_by_side=True), 1.0)(frame, empty, None, empty)
    assert (drawn[:, :80] == 90).all() and (drawn[:, -80:] == 90).all()


def test_styles_that_do_not_exist():
    with pytest.raises(ConfigError, match='viridis'):
        OverlayStyle(colors='viridiss')
    for options in (
        {'alpha': 1.5},
        {'alpha': -0.1},
        {'normalize': 'peak'},
        {'contours': (0.5, 1.0)},
        {'contours': (0,)},
    ):
        with pytest.raises(ConfigError, match=next(iter(options))):
            OverlayStyle(**options)
    with pytest.raises(ConfigError, match='peak'):
        Overlay(OverlayStyle(normalize='video'))


def test_what_is_no_frame_or_map(frame):
    overlay = Overlay(OverlayStyle(fixations=True), 1.0)
    for bad in (frame[..., 0], frame.astype(np.float32), frame[..., :2]):
        with pytest.raises(ShapeError, match='frame'):
            overlay(bad, blob())
    for maps in ((blob()[None],), (blob(), frame)):
        with pytest.raises(ShapeError, match='map'):
            overlay(frame, *maps)
