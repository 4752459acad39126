"""`salkit reframe`: what it writes, tells and refuses."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from make_video import encode_video, has_sound
from PIL import Image
from tiny_model import write_tiny_model

from salkit.cli import main
from salkit.media.video import VideoReader


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    """Two videos and a picture, and maps of the first."""
    root = tmp_path_factory.mktemp('sources')
    encode_video(root / 'clip.mp4', 20, (48, 80), audio=True)
    encode_video(root / 'other.mkv', 5, (48, 80))
    Image.fromarray(np.zeros((48, 80, 3), np.uint8)).save(root / 'picture.png')
    maps = np.zeros((20, 48, 80), np.float32)
    maps[:, :, 70] = 1
    np.save(root / 'maps.npy', maps)
    return root


@pytest.fixture
def reframe(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        status = main(['reframe', *map(str, argv)])
        return status, *capsys.readouterr()

    return run


def test_by_maps_that_are_there(reframe, sources):
    argv = sources / 'clip.mp4', '--maps', sources / 'maps.npy', '--json', 'report.json'
    status, out, err = reframe(*argv, '--preview')
    assert status == 0 and not err
    assert 'clip: 20 frames of 26 x 48 pixels' in out and '100.0 %' in out
    names = [f'clip_9x16{end}' for end in ('.csv', '.json', '.mp4', '_preview.mp4')]
    assert sorted(p.name for p in Path('clip_reframed').iterdir()) == names
    cut = VideoReader('clip_reframed/clip_9x16.mp4')
    assert (len(cut), cut.info.width, cut.info.height) == (20, 26, 48)
    assert has_sound('clip_reframed/clip_9x16.mp4')
    with open('clip_reframed/clip_9x16.csv', newline='') as file:
        assert {45 <= int(row['x']) <= 54 for row in csv.DictReader(file)} == {True}
    (report,) = json.loads(Path('report.json').read_text())
    assert report['window'] == dict(width=26, height=48) and report['aspect'] == '9:16'
    assert report['total']['kept'] == pytest.approx(1) and report['total']['center'] == 0
    assert report['shots'][0]['shot'] == 1 and report['options']['max_speed'] == 0.5
    # A second run does nothing, whether it asks for all or for less.
    for more in ((), ('--preview',)):
        status, out, err = reframe(*argv, *more)
        assert status == 0 and not out and 'finished before: ' in err
        assert json.loads(Path('report.json').read_text()) == [report]
    assert reframe(*argv, '--force')[1]
    # With other settings it replaces them, and no preview of the first is left.
    assert reframe(*argv, '--height', 96, '--max-speed', 0)[0] == 0
    large = VideoReader('clip_reframed/clip_9x16.mp4').info
    assert (large.width, large.height) == (54, 96)
    assert sorted(p.name for p in Path('clip_reframed').iterdir()) == names[:3]


def test_by_a_model_and_what_fails_stops_nothing(reframe, sources, tmp_path):
    tiny = write_tiny_model(tmp_path / 'tiny')
    model = '--model', tiny[0], '--checkpoint', tiny[1]
    (tmp_path / 'broken.mp4').write_bytes(b'no video')
    inputs = sources / 'other.mkv', 'broken.mp4', sources / 'picture.png', 'nowhere.mp4'
    status, out, err = reframe(*inputs, '--aspect', '1:1', *model)
    assert status == 2 and 'other: 5 frames of 48 x 48 pixels' in out
    assert err.count('failed: ') == 2 and 'broken.mp4' in err and 'nowhere.mp4' in err
    assert sorted(p.name for p in Path('reframed').iterdir()) == [
        *('other_1x1.csv', 'other_1x1.json', 'other_1x1.mp4'),
        *('picture_1x1.csv', 'picture_1x1.json', 'picture_1x1.png'),
    ]
    assert len(VideoReader('reframed/other_1x1.mp4')) == 5


@pytest.mark.parametrize(
    'argv, line',
    [
        (
            ['--aspect', '9-16'],
            "such as 9:16, from 1:20 to 20:1, got '9-16'",
        ),
        (['--height', 31], 'height must be an even number from 2 to 16384, got 31'),
        (['--max-speed', 9], 'error: max_speed must be 0 to 2, got 9.0'),
        (['--start', 1], '--start is for predicting; --maps takes maps that are there'),
        (['--speed', 0], '--speed must be at least 1, got 0'),
        (['--speed', 2], '--speed is for predicting'),
        (['other.mkv'], '--maps are those of one INPUT, got 2'),
    ],
)
def test_mistakes_get_one_line(reframe, sources, argv, line):
    argv = [sources / a if a == 'other.mkv' else a for a in argv]
    status, out, err = reframe(sources / 'clip.mp4', '--maps', sources / 'maps.npy', *argv)
    assert status == 2 and not out and line in err and err.count('\n') == 1
    assert not list(Path().iterdir())
