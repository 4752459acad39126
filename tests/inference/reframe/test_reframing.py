"""From maps to the cut-out video, and what the report says of it."""

import csv
from fractions import Fraction

import cv2
import numpy as np
import pytest
from make_video import encode_video, has_sound, numbered_frame
from PIL import Image

from salkit.errors import ConfigError, DataError
from salkit.inference import open_stimulus
from salkit.inference.reframe import ReframeOptions, reframe, reframe_by_stored
from salkit.inference.stored_maps import StoredMaps
from salkit.media.video import VideoReader
from salkit.utils.reframe_options import parse_aspect

SIZE = (64, 128)
# As wide as the frames are high.
FREE = SIZE[1] - SIZE[0]


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """Two shots of two seconds, with sound, whose frames are not evenly long."""
    first = np.random.default_rng(0).integers(0, 255, (4, 8, 3), np.uint8)
    shots = [cv2.resize(blocks, SIZE[::-1]) for blocks in (first, first[::-1])]
    images = [shots[number // 25] for number in range(50)]
    times = [4 * n + n % 2 for n in range(50)]
    path = tmp_path_factory.mktemp('reframe') / 'clip.mp4'
    return encode_video(
        path, 50, SIZE, fps=12, images=images, times=times, time_base='1/50', audio=True
    )


def maps_at(columns):
    """Maps (T, 8, 16) whose attention is all in one column each."""
    maps = np.zeros((len(columns), 8, 16), np.float32)
    maps[np.arange(len(columns)), :, columns] = 1
    return maps


@pytest.fixture(scope='module')
def path_of_maps(tmp_path_factory):
    """At the left in the first shot, at the right in the second."""
    path = tmp_path_factory.mktemp('maps') / 'maps.npy'
    np.save(path, maps_at([1] * 25 + [14] * 25))
    return path


@pytest.fixture(scope='module')
def found(path_of_maps, video):
    return reframe_by_stored(StoredMaps(path_of_maps, open_stimulus(video)), '1:1')


def test_each_shot_has_its_place(found):
    x, y, width, height = found.path.T
    assert (y == 0).all() and (width == 64).all() and (height == 64).all()
    assert np.ptp(x[:25]) == np.ptp(x[25:]) == 0
    assert x[0] + 8 <= FREE / 2 <= x[-1] - 8 and repr(found).startswith("Reframing('clip': 50 ")
    assert x[0] <= 8 and x[-1] + 64 >= 120


def test_the_report_says_what_each_shot_keeps(found):
    first, second = found.records()
    assert list(first) == [
        'shot',
        'start_s',
        'end_s',
        'kept',
        'center',
        'best_fixed',
        'best_jumping',
    ]
    assert (first['start_s'], first['end_s']) == (0, second['start_s'])
    assert second['start_s'] == pytest.approx(found.times[25])
    for record in (first, second):
        assert record['kept'] == pytest.approx(1) == record['best_fixed'] == record['best_jumping']
        assert record['center'] == pytest.approx(0)
    # No place has both.
    assert found.total.kept == pytest.approx(1)
    assert found.total.best_fixed == pytest.approx(0.5, abs=0.02)
    html = found._repr_html_()
    assert '>best_fixed</th>' in html and '2 shots, 100% of the attention kept' in html


def test_the_video_is_the_window_with_times_and_sound(found, video, tmp_path):
    counted = []
    path = found.save(tmp_path / 'cut.mp4', on_frame=counted.append)
    cut, whole = VideoReader(path), VideoReader(video)
    assert sum(counted) == len(cut) == 50 and has_sound(path)
    assert (cut.info.height, cut.info.width) == (64, 64)
    np.testing.assert_allclose(cut.info.times, whole.info.times, atol=1e-4)
    for number in (0, 24, 25, 49):
        x = found.path[number, 0]
        inside = whole[number][:, x : x + 64].astype(int)
        assert np.abs(cut[number] - inside).mean() < 5


def test_other_heights_and_previews(found, tmp_path):
    large = VideoReader(found.save(tmp_path / 'large.mp4', height=96))
    assert (large.info.height, large.info.width) == (96, 96)
    for height in (0, 33, -2, 10**6):
        with pytest.raises(ConfigError, match='height must be an even number'):
            found.save(tmp_path / 'no.mp4', height=height)
    preview = VideoReader(found.save_preview(tmp_path / 'preview.mp4'))
    assert (preview.info.height, preview.info.width) == SIZE
    frame, whole = preview[0], found.stimulus.read(0)
    x = found.path[0, 0]
    assert np.abs(frame[:, x + 4 : x + 60].astype(int) - whole[:, x + 4 : x + 60]).mean() < 5
    assert frame[:, x + 80 :].mean() < 0.4 * whole[:, x + 80 :].mean()
    assert sorted(p.name for p in tmp_path.iterdir()) == ['large.mp4', 'preview.mp4']


def test_the_way_as_csv(found, tmp_path):
    with open(found.save_path(tmp_path / 'way.csv'), newline='') as file:
        rows = list(csv.DictReader(file))
    assert [list(map(int, list(row.values())[1:])) for row in rows] == found.path.tolist()
    times = [float(row['time_s']) for row in rows]
    np.testing.assert_allclose(times, found.times, atol=1e-6)


def test_an_interruption_leaves_nothing(found, tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        found.save(tmp_path / 'cut.mp4', on_frame=stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('rotation, axis', [(90, 0), (0, 1)])
def test_frames_as_they_are_shown(tmp_path, rotation, axis):
    """A phone's video stands upright; pixels twice as wide as high make a wide one of a square."""
    size = (48, 64) if rotation else (48, 48)
    path = encode_video(
        tmp_path / 'clip.mp4',
        images=[numbered_frame(number, size) for number in range(4)],
        frames=4,
        size=size,
        rotation=rotation,
        pixel_aspect=None if rotation else Fraction(2),
    )
    stimulus = open_stimulus(path)
    maps = np.ones((4, *stimulus.size), np.float32)
    found = reframe(ShownAll(stimulus), given(maps), '1:1')
    assert found.window.axis == axis
    cut = VideoReader(found.save(tmp_path / 'cut.mp4'))
    assert (cut.info.height, cut.info.width) == ((48, 48) if rotation else (48, 24))
    assert cut.info.pixel_aspect == pytest.approx(1 if rotation else 2)
    x, y, width, height = found.path[0]
    # Of equal places, the middle.
    assert (x, y) == ((0, 8) if rotation else (12, 0))
    inside = stimulus.read(0)[y : y + height, x : x + width].astype(int)
    assert np.abs(cut[0] - inside).mean() < 12


class ShownAll:
    def __init__(self, stimulus):
        self.stimulus, self.frames = stimulus, range(len(stimulus))
        self.times, self.fps = stimulus.times, stimulus.fps


def given(maps):
    def open_maps(watch):
        for saliency_map in maps:
            watch(np.zeros((9, 16, 3), np.uint8))
            yield saliency_map

    return open_maps


def test_a_picture(tmp_path):
    picture = numbered_frame(3, (48, 80))
    stimulus = open_stimulus(picture)
    found = reframe(ShownAll(stimulus), given(maps_at([15])), '1:2')
    found.save(tmp_path / 'cut.png')
    x = found.path[0, 0]
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / 'cut.png')), picture[:, x : x + 24]
    )
    assert x >= 50
    with pytest.raises(DataError, match=r'written as \.mp4, or as \.png'):
        found.save(tmp_path / 'cut.gif')


def test_maps_that_do_not_fit(video, tmp_path):
    stimulus = open_stimulus(video)
    for maps, match in (
        (maps_at([1] * 49), 'holds 49 maps, expected 50, one for each frame of'),
        (-maps_at([1] * 50), 'frame 1: expected'),
        (maps_at([1] * 50) * np.nan, 'frame 1: expected a density, got values that are NaN'),
    ):
        np.save(tmp_path / 'maps.npy', maps)
        with pytest.raises(DataError, match=match):
            reframe_by_stored(StoredMaps(tmp_path / 'maps.npy', stimulus), '1:1')


def test_predicted_maps(predictor, video):
    """Cuts are looked for in the frames that the model reads; maps that are kept read them anew."""
    counted = []
    maps = predictor.predict(video, stride=3)
    found = maps.reframe('1:1', ReframeOptions(max_speed=1), counted.append)
    assert sum(counted) == len(found) == 50 and found.options.max_speed == 1
    assert [round(shot.start_s, 2) for shot in found.shots] == [0, round(found.times[25], 2)]
    kept = np.asarray(maps)
    window = found.path[:, 0]
    inside = [m[:, x : x + 64].sum() / m.sum() for m, x in zip(kept, window, strict=True)]
    seconds = np.diff(found.times, append=found.times[-1] + 1 / found.fps)
    assert found.total.kept == pytest.approx(np.average(inside, weights=seconds), abs=0.01)
    with maps.kept() as kept_maps:
        again = kept_maps.reframe('1:1', ReframeOptions(max_speed=1))
    assert again.shots == found.shots
    # A part: frames before it are read, and are of no shot.
    part = predictor.predict(video, start=1.0, end=3.0).reframe('1:1')
    assert len(part) < 50 and part.shots[0].start_s == pytest.approx(part.times[0])
    assert [shot.start_s for shot in part.shots[1:]] == [found.shots[1].start_s]


def test_the_facade_names_wrong_aspects(predictor, video):
    with pytest.raises(ConfigError, match='9x16'):
        predictor.predict(video).reframe('9x16')
    assert parse_aspect(' 4:5 ') == 0.8
