"""What a user may write for a model, and what is said where it is something else."""

import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import salkit
from salkit.checkpoints import write_checkpoint
from salkit.cli import main
from salkit.cli.chosen_model import choose_model
from salkit.engine.runner import model_entry
from salkit.errors import CheckpointError, ConfigError
from salkit.inference.export import export_model
from salkit.models.load import find_model

CONFIG = 'demo/umt-tiny_cc-kl'
FRAME = np.zeros((16, 16, 3), np.uint8)


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory):
    """What a training leaves behind, with a model that is smaller than that of its config."""
    folder = tmp_path_factory.mktemp('run') / 'demo'
    options = {'model.encoder.clip_len': 2, '+model.encoder.depth': 1}
    cfg = salkit.load_config(CONFIG, options)
    state = salkit.build_model(cfg).state_dict()
    meta = dict(cfg=cfg.pretty_text, **model_entry(cfg))
    write_checkpoint(dict(state_dict=state, meta=meta), folder / 'best_CC_epoch_1.pth')
    return folder


def broken(work_dir, path, value):
    """The checkpoint of a work dir, with `value` in one of its weights."""
    content = torch.load(next(work_dir.glob('best_*')), weights_only=True)
    content['state_dict']['encoder.blocks.0.mlp.fc1.weight'][3, 5] = value
    torch.save(content, path)
    return path


def run(capsys, *argv):
    status = main([str(item) for item in argv])
    return status, capsys.readouterr().err.strip().splitlines()


def test_a_work_dir_names_a_model_everywhere(work_dir, tmp_path, capsys):
    assert salkit.build_model(work_dir).encoder.clip_len == 2
    for named in (work_dir, next(work_dir.iterdir())):
        predictor = salkit.SaliencyPredictor(named)
        assert predictor.settings.clip_len == 2 and predictor.name == CONFIG
    done = export_model(work_dir, None, tmp_path / 'model.onnx', size=(16, 16))
    assert done.metadata.checkpoint == 'best_CC_epoch_1.pth' and done.metadata.config == CONFIG
    Image.fromarray(FRAME).save(tmp_path / 'a.png')
    for named in (['--model', work_dir], ['--checkpoint', work_dir]):
        out = ['--out', tmp_path / 'out', '--force', '--size', '16x16']
        assert run(capsys, 'predict', tmp_path / 'a.png', *named, *out)[0] == 0
    assert run(capsys, 'convert', work_dir, tmp_path / 'a.safetensors')[0] == 0
    assert find_model(tmp_path / 'a.safetensors')[0].model.encoder.clip_len == 2


def test_weights_that_are_loaded_are_not_drawn_before(work_dir):
    before = torch.get_rng_state()
    salkit.build_model(work_dir)
    assert torch.equal(torch.get_rng_state(), before)


def test_branches_in_another_order(work_dir):
    cfg = find_model(work_dir)[0]
    branches = cfg.model.decoder.branches
    cfg.model.decoder.branches = {name: branches[name] for name in sorted(branches)}
    with pytest.raises(CheckpointError, match='are in the order swin3d, dfd, sfd, expected dfd'):
        salkit.build_model(cfg, work_dir)


@pytest.mark.parametrize('name', [CONFIG, 'own.py'])
def test_no_weights_no_prediction(name, tmp_path):
    if name == 'own.py':
        name = tmp_path / name
        name.write_text(f"_base_ = 'salkit::{CONFIG}'\n")
    with pytest.raises(ConfigError, match=r'(umt-tiny_cc-kl|own\.py): give its weights too'):
        salkit.SaliencyPredictor(name)
    with pytest.raises(ConfigError, match='expected either its weights'):
        export_model(name, None, tmp_path / 'model.onnx')
    predictor = salkit.SaliencyPredictor(name, random_weights=True)
    assert predictor.predict(FRAME)[0].shape == (16, 16)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_weights_that_are_no_numbers(work_dir, tmp_path, capsys, value):
    path = broken(work_dir, tmp_path / 'a.pth', value)
    said = 'encoder.blocks.0.mlp.fc1.weight holds values that are no numbers'
    with pytest.raises(CheckpointError, match=rf'a\.pth: .*{said}'):
        salkit.SaliencyPredictor(path)
    Image.fromarray(FRAME).save(tmp_path / 'a.png')
    for argv in (
        ['predict', tmp_path / 'a.png', '--model', path, '--out', tmp_path / 'out'],
        ['export', path, '--out', tmp_path / 'model.onnx'],
        ['convert', path, tmp_path / 'a.safetensors'],
        ['serve', '--checkpoint', path, '--port', '0'],
    ):
        status, told = run(capsys, *argv)
        assert status == 2 and said in told[-1]
    assert not (tmp_path / 'model.onnx').exists() and not (tmp_path / 'a.safetensors').exists()


def test_maps_that_are_no_numbers(work_dir):
    """Weights may be finite and overflow."""
    predictor = salkit.SaliencyPredictor(work_dir, size=(16, 16))
    predictor.backend.model.decoder.forward = lambda *_: torch.full((1, 16, 16), torch.nan)
    said = 'predicts values that are no numbers (NaN or infinite) for frame 0001 of pictures in '
    for precision, advice in (
        ('exact', 'try an earlier checkpoint, and look at this frame'),
        ('bf16', 'try full precision, --precision exact'),
    ):
        predictor.backend.precision = precision
        with pytest.raises(CheckpointError, match=re.escape(f'demo: {said}{precision}; {advice}')):
            predictor.predict([FRAME])[0]


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('a.pth', 'a checkpoint'),
        ('a.safetensors', 'a checkpoint'),
        ('a.onnx', 'an exported model'),
        ('a.pt2', 'a program of torch.export'),
        ('a.mp4', 'a video'),
        ('a.png', 'a picture'),
        ('folder', 'a folder'),
    ],
)
def test_what_is_taken_for_a_config(name, kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    for argv in (
        ['train', name],
        # Of a checkpoint or a work dir, it profiles the model.
        *([] if kind in ('a checkpoint', 'a folder') else [['profile', name]]),
        ['convert', 'x.pth', 'y.pth', '--config', name],
    ):
        status, told = run(capsys, *argv)
        assert status == 2
        if argv[0] != 'convert':
            assert f'{name}: is {kind}, expected a config' in told[-1]


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('a.py', 'a config'),
        (CONFIG, 'the name of a config'),
        ('a.onnx', 'an exported model'),
        ('a.pt2', 'a program of torch.export'),
        ('a.mp4', 'a video'),
        ('a.png', 'a picture'),
    ],
)
def test_what_is_taken_for_a_checkpoint(name, kind, tmp_path, capsys):
    said = f'{name}: is {kind}, expected a checkpoint'
    # The two of `test` the wrong way around, among others.
    for argv in (
        ['test', CONFIG, name],
        ['test', 'x.pth', name],
        ['convert', name, tmp_path / 'a.safetensors'],
        ['export', CONFIG, '--checkpoint', name, '--out', tmp_path / 'a.onnx'],
        ['predict', tmp_path, '--checkpoint', name, '--out', tmp_path / 'out'],
    ):
        if argv[0] == 'predict':
            Image.fromarray(FRAME).save(tmp_path / 'b.png')
        status, told = run(capsys, *argv)
        assert status == 2 and said in told[-1]


def test_an_empty_name_is_not_the_demos_model():
    with pytest.raises(CheckpointError, match='expected a checkpoint'):
        choose_model(None, '')


def test_two_checkpoints(work_dir, tmp_path):
    copy = shutil.copy(next(work_dir.iterdir()), tmp_path / 'a.pth')
    with pytest.raises(ConfigError, match=r'a\.pth: is a checkpoint, expected the config of'):
        salkit.SaliencyPredictor(copy, work_dir)


def test_programs_are_opened_nowhere(tmp_path, capsys):
    path = tmp_path / 'a.pt2'
    path.write_bytes(b'PK\3\4')
    Image.fromarray(FRAME).save(tmp_path / 'a.png')
    out = ['--out', tmp_path / 'out']
    for argv in (
        ['predict', tmp_path / 'a.png', '--model', path, *out],
        ['predict', tmp_path / 'a.png', '--checkpoint', path, *out],
        ['test', CONFIG, path],
        ['export', path, '--out', tmp_path / 'a.onnx'],
        ['convert', path, tmp_path / 'a.safetensors'],
        ['serve', '--model', path, '--port', '0'],
    ):
        status, told = run(capsys, *argv)
        assert status == 2 and f'{path}: ' in told[-1] and 'expected' in told[-1]
