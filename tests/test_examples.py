"""The scripts in examples/ run as their first lines say."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_model import write_tiny_model

import salkit
from salkit.media.video import VideoReader

FOLDER = Path(salkit.__file__).parents[1] / 'examples'
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason='the tests run without a checkout')


def test_predict_video(tmp_path, monkeypatch, capsys):
    config, checkpoint = write_tiny_model(tmp_path)
    out = tmp_path / 'out'
    arguments = ['--model', config, '--checkpoint', checkpoint, '--out', out]
    monkeypatch.setattr(sys, 'argv', ['predict_video.py', *map(str, arguments)])
    runpy.run_path(str(FOLDER / 'predict_video.py'), run_name='__main__')
    assert capsys.readouterr().out.count('most looked at is') == 5
    assert np.load(out / 'maps.npz')['saliency_map'].shape == (75, 360, 480)
    assert len(VideoReader(out / 'overlay.mp4')) == len(VideoReader(out / 'ball.mp4')) == 75


def test_every_script_is_tested():
    tested = {name.removeprefix('test_') for name in globals() if name.startswith('test_')}
    assert {path.stem for path in FOLDER.glob('*.py')} <= tested
