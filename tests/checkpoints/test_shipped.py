"""The model that comes with salkit: its file, its name, and what is said of it."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import salkit
from salkit.checkpoints import load_weights, locate, read_checkpoint, shipped
from salkit.checkpoints.shipped import default_model, shipped_about
from salkit.cli import main
from salkit.cli.chosen_model import choose_model
from salkit.datasets.published import get_published
from salkit.errors import ConfigError
from salkit.media.photographs import read_photograph
from salkit.models.load import find_model

LITE0 = shipped.SHIPPED_ROOT / 'lite0.safetensors'
FRAME = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


def test_the_file():
    assert LITE0.stat().st_size <= 8_000_000
    with safe_open(LITE0, framework='pt') as file:
        about = file.metadata()
    kinds = {value.dtype for value in load_file(LITE0).values()}
    # Large entries, small ones, and what BatchNorm counts.
    assert kinds == {torch.float16, torch.float32, torch.int64}
    assert {'config', 'model', 'trained_on', 'license', 'training', 'seed'} <= set(about)
    assert about['config'] == 'lite/lite0_cc-kl' and about['salkit_version']
    for words in ('OSIE', 'Crowd', 'Scene', 'MIT', 'Apache-2.0', 'ML Illustrated'):
        assert words in about['license']
    text = json.dumps(about)
    assert 'init_cfg' not in text and 'load_from' not in text and not re.search('"/|/home|:/', text)


def test_it_is_found_by_its_name(tmp_path, monkeypatch, capsys):
    assert locate('lite0') == LITE0
    report = load_weights(salkit.build_model('lite/lite0_cc-kl'), 'lite0')
    assert report.cast >= 30
    model = salkit.build_model('lite0')
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model.blur_kernel == 0
    # Of a folder and the model, the model is meant.
    (tmp_path / 'lite0').mkdir()
    monkeypatch.chdir(tmp_path)
    cfg, checkpoint = find_model('lite0')
    assert cfg.filename.endswith('lite0_cc-kl.py') and checkpoint.path == LITE0
    assert choose_model('lite0', None)[1].path == choose_model(None, 'lite0')[1].path == LITE0
    with pytest.raises(ConfigError, match='lite0: is a checkpoint, expected the config of x'):
        find_model('lite0', 'x')
    assert main(['profile', 'lite0', '--json']) == 0
    (profile,) = json.loads(capsys.readouterr().out)
    assert profile['config'] == 'lite/lite0_cc-kl' and 2.9e6 < profile['params_trainable'] < 3.2e6


def test_it_is_used_where_no_model_is_named(capsys):
    maps = salkit.SaliencyPredictor().predict(FRAME)
    (line,) = capsys.readouterr().err.splitlines()
    about = shipped_about('lite0')
    told = [about[key] for key in ('trained_on', 'scores', 'speed')]
    assert line == 'no model is named, so lite0 is used: ' + '; '.join(told)
    named = salkit.SaliencyPredictor('lite0').predict(FRAME)
    of_weights = salkit.SaliencyPredictor(checkpoint=read_checkpoint('lite0')).predict(FRAME)
    assert not capsys.readouterr().err
    # A density over the frame, scaled to a maximum of 1 before it is resized.
    assert maps.shape == (1, 60, 80) and 0.5 < maps[0].max() <= 1
    assert np.array_equal(maps[0], named[0]) and np.array_equal(maps[0], of_weights[0])


@pytest.mark.parametrize(
    ('photograph', 'looked_at'),
    [
        # Rows and columns of a face, of a face with its camera, of the eyes and the nose of a cat.
        ('astronaut.png', (slice(40, 210), slice(165, 285))),
        ('camera.png', (slice(70, 220), slice(170, 330))),
        ('chelsea.png', (slice(70, 240), slice(120, 350))),
    ],
)
def test_it_sees_faces(photograph, looked_at):
    (saliency_map,) = salkit.SaliencyPredictor('lite0').predict(read_photograph(photograph))
    share = saliency_map[looked_at].sum() / saliency_map.sum()
    assert share > 2.5 * saliency_map[looked_at].size / saliency_map.size
    assert saliency_map[looked_at].max() == saliency_map.max()


def test_it_predicts_gaze_on_photographs_that_it_has_not_seen(sample_gaze):
    videos = get_published('osie').find_videos(sample_gaze / 'osie')
    scores = []
    for video in [video for video in videos if video.split == 'test'][:12]:
        (truth,) = video.truth().read([0], ('density',))
        (saliency_map,) = salkit.SaliencyPredictor('lite0').predict(video.stimulus)
        scores.append(salkit.functional.cc(saliency_map, truth.density))
    # 0.83 on all 140; the center bias has 0.28.
    assert np.mean(scores) > 0.75


def test_without_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shipped, 'SHIPPED_ROOT', tmp_path)
    with pytest.raises(ConfigError, match=f'{tmp_path} holds no file .* install salkit anew, or'):
        default_model()
    assert not capsys.readouterr().err
    assert main(['predict', 'x.mp4', '--out', str(tmp_path / 'out'), '--model', 'lite0']) == 2
