"""What can be done with maps: written, drawn, shown."""

import numpy as np
import pytest
from make_video import encode_video, has_sound, numbered_frame
from PIL import Image

from salkit.errors import ConfigError, DataError, ShapeError
from salkit.inference.overlay import Overlay, OverlayStyle
from salkit.media.video import VideoReader


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return encode_video(tmp_path_factory.mktemp('clip') / 'clip.mp4', 12, audio=True)


@pytest.fixture(scope='module')
def maps(predictor, video):
    return predictor.predict(video)


def test_they_say_what_they_are(maps):
    assert repr(maps) == "SaliencyMaps('clip': 12 maps of 48 x 80 pixels by tiny.py)"
    assert maps.shape == (12, 48, 80) and len(maps) == 12 and maps.fps == 25
    with pytest.raises(IndexError):
        maps[12]
    with pytest.raises(ValueError, match='predicted anew'):
        np.asarray(maps, copy=False)
    assert maps[3:3].shape == (0, 48, 80)
    assert np.asarray(maps, np.float64).dtype == np.float64


@pytest.mark.parametrize('name', ['maps.npz', 'maps.mp4', 'maps'])
def test_saved_by_the_suffix(maps, tmp_path, name):
    counted = []
    path = maps.save(tmp_path / name, on_frame=counted.append)
    assert path == tmp_path / name and sum(counted) == 12
    whole = np.asarray(maps)
    if name == 'maps.npz':
        np.testing.assert_array_equal(np.load(path)['saliency_map'], whole)
    elif name == 'maps.mp4':
        assert len(VideoReader(path)) == 12
    else:
        picture = np.asarray(Image.open(path / '0005.png'))
        np.testing.assert_array_equal(picture, np.rint(255 * whole[4]))


def test_other_suffixes_are_refused(maps, tmp_path):
    for name in ('maps.npy', 'maps.avi'):
        with pytest.raises(ConfigError, match=name):
            maps.save(tmp_path / name)
    for name in ('overlay.avi', 'overlay.png'):
        with pytest.raises(DataError, match=name):
            maps.overlay(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('normalize', ['video', 'frame', 'none'])
def test_overlay_videos(maps, video, tmp_path, normalize):
    path = maps.overlay(tmp_path / 'overlay.mp4', normalize=normalize, colors='inferno')
    drawn = VideoReader(path)
    assert len(drawn) == 12 and has_sound(path)
    whole, frames = np.asarray(maps), VideoReader(video)[:]
    overlay = Overlay(OverlayStyle(normalize=normalize, colors='inferno'), float(whole.max()))
    for index in (0, 5, 11):
        expected = overlay(frames[index], whole[index]).astype(int)
        assert np.abs(drawn[index] - expected).mean() < 6
        assert np.abs(drawn[index].astype(int) - frames[index]).mean() > 12


def test_a_part_is_drawn_with_its_frames(predictor, video, tmp_path):
    part = predictor.predict(video, start=0.2)
    drawn = VideoReader(part.overlay(tmp_path / 'part.mp4', alpha=0))
    assert len(drawn) == 7 and drawn.info.times[0] == 0
    assert np.abs(drawn[0].astype(int) - VideoReader(video)[5]).mean() < 6


def test_ground_truth_beside(maps, tmp_path):
    asked = []

    def truth(number):
        asked.append(number)
        return np.eye(48, 80), np.eye(48, 80)

    path = maps.overlay(
        tmp_path / 'both.mp4', OverlayStyle(side_by_side=True, fixations=True), truth
    )
    assert VideoReader(path).info.width > 160 and asked == list(range(12))


def test_a_picture(predictor, tmp_path):
    maps = predictor.predict(numbered_frame(3))
    picture = np.asarray(Image.open(maps.overlay(tmp_path / 'seen.png')))
    overlay = Overlay(OverlayStyle(), float(maps[0].max()))
    np.testing.assert_array_equal(picture, overlay(numbered_frame(3), maps[0]))


def test_styles_that_do_not_exist(maps, tmp_path):
    with pytest.raises(ConfigError, match='color map'):
        maps.overlay(tmp_path / 'x.mp4', colours='rainbows')
    with pytest.raises(TypeError, match='opacity'):
        maps.overlay(tmp_path / 'x.mp4', opacity=1)


@pytest.mark.parametrize('how', ['save', 'overlay'])
def test_an_interruption_leaves_nothing(maps, tmp_path, how):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        getattr(maps, how)(tmp_path / 'out.mp4', on_frame=stop)
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_middle_leaves_nothing(predictor, tmp_path):
    frames = [numbered_frame(0), numbered_frame(1), np.zeros((9, 9, 3), np.uint8)]
    for how in ('save', 'overlay'):
        with pytest.raises((DataError, ShapeError), match='frame 3'):
            getattr(predictor.predict(frames), how)(tmp_path / 'out.mp4')
    assert not list(tmp_path.iterdir())


def test_lost_sound_is_told(predictor, tmp_path):
    broken = encode_video(tmp_path / 'broken.mov', 12, audio='pcm_s16le')
    # The codec of its sound becomes one that no decoder knows.
    broken.write_bytes(broken.read_bytes().replace(b'sowt', b'zzzz'))
    with pytest.warns(UserWarning, match=r'broken\.mov.*sound'):
        path = predictor.predict(broken).overlay(tmp_path / 'silent.mp4')
    assert not has_sound(path) and len(VideoReader(path)) == 12


def test_frames_that_no_clip_shows_are_not_prepared(predictor, video, monkeypatch):
    maps = predictor.predict(video, stride=5)
    expected = np.asarray(maps)
    sizes, prepare = [], maps.backend.prepare
    monkeypatch.setattr(maps.backend, 'prepare', lambda f: sizes.append(f.shape) or prepare(f))
    span = maps.settings.span
    shown = {n for last in (0, 5, 10, 11) for n in range(max(0, last - span + 1), last + 1)}
    np.testing.assert_array_equal(np.asarray(maps), expected)
    assert len(sizes) == len(shown) and len(set(sizes)) == 1
    watched = []
    list(maps.small(maps.selection.places, watched.append))
    assert [frame.shape for frame in watched] == [(48, 80, 3)] * 12
    assert len(sizes) == 2 * len(shown)
