"""What a notebook shows of maps."""

import base64
import io
import re

import numpy as np
import pytest
from make_video import encode_video
from PIL import Image

from salkit.inference import player
from salkit.inference.overlay import Overlay
from salkit.media.images import resize_image
from salkit.media.video import VideoReader

WIDTH = player.LONGER_SIDE


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return encode_video(tmp_path_factory.mktemp('clip') / 'clip.mp4', 60)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    # On a busy machine, too, everything is shown.
    monkeypatch.setattr(player, 'PATIENCE_S', 600.0)


def played(shown, folder):
    """Opens the video inside what a notebook shows."""
    (text,) = re.findall(r'src="data:video/mp4;base64,([^"]+)"', shown)
    path = folder / 'player.mp4'
    path.write_bytes(base64.b64decode(text))
    return VideoReader(path)


def test_a_short_video_and_a_picture_of_it(predictor, video, tmp_path, monkeypatch):
    predicted, predict = [], predictor.backend.predict
    monkeypatch.setattr(
        predictor.backend, 'predict', lambda clips: predicted.extend(clips) or predict(clips)
    )
    maps = predictor.predict(video)
    shown, png = maps._repr_html_(), maps._repr_png_()
    # Every second of 60, so that there are 48 at most; no other map is predicted, none twice.
    assert len(predicted) == 30
    with played(shown, tmp_path) as reader:
        assert (len(reader), reader.info.fps) == (30, 12.5)
        assert (reader.info.height, reader.info.width) == (192, WIDTH)
        last = reader[29].astype(float)
    frame = resize_image(maps.stimulus.read(58), (192, WIDTH))
    expected = Overlay()(frame, maps[58])
    assert abs(last - expected).mean() < 4
    picture = np.asarray(Image.open(io.BytesIO(png)))
    assert picture.shape == (192, 4 * WIDTH, 3)
    np.testing.assert_allclose(picture[:, -WIDTH:].astype(int), expected, atol=1)
    assert 'Shown: 30 of them, over the first 2.4 s.' in shown
    assert shown.count('<p>') == 1 and repr(maps).replace("'", '&#x27;') in shown


def test_long_videos_and_slow_models_are_cut(predictor, video, tmp_path, monkeypatch):
    monkeypatch.setattr(player, 'SPAN_S', 1.0)
    shown = predictor.predict(video, start=0.4)._repr_html_()
    with played(shown, tmp_path) as reader:
        assert len(reader) == 25
    monkeypatch.setattr(player, 'PATIENCE_S', 0.0)
    shown = predictor.predict(video)._repr_html_()
    with played(shown, tmp_path) as reader:
        assert len(reader) == 1


def test_one_map_is_a_picture(predictor):
    frame = np.full((40, 20, 3), 90, np.uint8)
    maps = predictor.predict(frame)
    assert maps._repr_html_() is None
    assert Image.open(io.BytesIO(maps._repr_png_())).size == (WIDTH // 2, WIDTH)


def test_names_are_text(predictor):
    frames = np.zeros((3, 32, 48, 3), np.uint8)
    maps = predictor.predict(frames)
    maps.stimulus.name = '<script>alert(1)</script>'
    assert '<script' not in maps._repr_html_()
