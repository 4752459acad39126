"""YAML and JSON configs may come from anybody: what they can do, and how long they can take."""

import json
import os
import subprocess
import sys

import pytest

from salkit.config import load_config
from salkit.config.options import DATALOADERS
from salkit.errors import ConfigError

NAME = 'demo/umt-tiny_cc-kl'
LAUGHS = 'a0: &a0 [x, x, x, x, x, x, x, x, x]\n' + ''.join(
    f'a{n}: &a{n} [{", ".join([f"*a{n - 1}"] * 9)}]\n' for n in range(1, 30)
)
MERGED = 'a0: &a0 {x: 1}\n' + ''.join(
    f'a{n}: &a{n} {{<<: [{", ".join([f"*a{n - 1}"] * 9)}]}}\n' for n in range(1, 30)
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder on Python's path with a module that leaves a file when it is run."""
    (tmp_path / 'stranger.py').write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nmodel = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop('stranger', None)
    assert not (tmp_path / 'ran').exists()


def write(folder, text, name='own.yaml'):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize('suffix', ['yaml', 'yml', 'json', 'YAML'])
def test_data_builds_on_a_config_by_name(tmp_path, suffix):
    content = {
        '_base_': [NAME],
        'data_root': '/mine',
        'train_cfg': {'max_epochs': 3},
        'model': {'losses': {'kl': None, 'nss': {'type': 'NSSLoss', 'weight': 0.5}}},
        '_helper': {'aliases': 'are fine'},
    }
    cfg = load_config(write(tmp_path, json.dumps(content), f'own.{suffix}'))
    assert cfg.train_cfg == dict(load_config(NAME).train_cfg, max_epochs=3)
    assert list(cfg.model.losses) == ['cc', 'kl', 'nss'] and cfg.model.losses.kl is None
    assert {cfg[loader].dataset.data_root for loader in DATALOADERS} == {'/mine'}
    assert cfg.train_dataloader.dataset.pipeline[0].size == (64, 96)
    assert cfg.filename == str(tmp_path / f'own.{suffix}')


def test_data_as_the_base_of_a_program(tmp_path):
    write(tmp_path, f'_base_: {NAME}\ntrain_cfg: {{max_epochs: 3}}\n', 'base.yaml')
    cfg = load_config(write(tmp_path, "_base_ = './base.yaml'\nresume = True\n", 'own.py'))
    assert cfg.train_cfg.max_epochs == 3 and cfg.resume and cfg.model.type == 'SaliencyModel'


@pytest.mark.parametrize('base', ['own.yaml', 'base.yaml'])
@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model: !!python/object/apply:stranger.x []', 'could not determine a constructor'),
        ('model: !!python/module:stranger', 'could not determine a constructor'),
        ('_base_: stranger.py', 'builds on those of salkit and of plugins alone'),
        ('_base_: ./stranger.py', 'builds on those of salkit and of plugins alone'),
        ('_base_: salkit::../stranger', 'builds on those of salkit and of plugins alone'),
        ('_base_: [3]', 'expected the name of a config, got 3'),
        ('custom_imports: [stranger]', 'only a Python config may have it'),
        ('custom_imports: {imports: stranger}', 'only a Python config may have it'),
        ('model: {type: stranger}', "neither salkit nor a plugin nor mmengine offers 'stranger'"),
        ('model: {type: stranger.x}', 'offers'),
        ('model: {type: subprocess.run, args: [ls]}', 'offers'),
        ('optim_wrapper: {constructor: stranger}', 'offers'),
        ('custom_hooks: [{type: EMAHook, ema_type: stranger}]', 'offers'),
        ('train_dataloader: {collate_fn: stranger}', 'offers'),
        ('dataset_type: stranger', 'offers'),
        ('model: {type: SaliencyModel, _scope_: stranger}', "plain names as keys, got '_scope_'"),
        ('"{{$NO:custom_imports}}": [stranger]', 'plain names as keys'),
        ('"\\x7b{$NO:custom_imports}}": [stranger]', 'plain names as keys'),
        ('work_dir: "{{ fileDirname }}"', r'only a Python config may have \{\{ \}\}'),
        ('? [a, b]\n: 1', 'expected plain values'),
        ('1: 2', 'plain names as keys, got 1'),
        ('work_dir: 2020-01-01', 'expected a plain value, got date'),
        ('work_dir: !!binary aGVsbG8=', 'expected a plain value, got bytes'),
        ('work_dir: !!set {a}', 'expected a plain value, got set'),
        ('a: &a [*a]', 'or one that holds itself'),
        (LAUGHS, 'more than 50000 values'),
        (MERGED, 'more than 50000 values'),
        ('model: ' + '[' * 2000, 'nested up to 50 deep'),
        ('model: ' + '[' * 60 + ']' * 60, 'nested up to 50 deep'),
        ('work_dir: ' + '7' * 5000, 'a number of 5000 digits'),
        ('work_dir: ' + '1:' * 100_000 + '1', 'a number of 200001 digits'),
        ('work_dir: ' + 'x' * 250_001, 'at most 250000 letters, got 250011'),
        ('[1, 2]', 'expected entries such as "model: ...", got list'),
        ('', 'expected entries such as "model: ...", got NoneType'),
        ('model: {', 'line 1'),
        ('model: \x07', 'expected plain values'),
        ('a: 1\n---\na: 2', 'expected plain values'),
    ],
)
def test_data_is_nothing_but_data(place, text, message, base):
    path = write(place, text, base)
    if base == 'base.yaml':
        path = write(place, "_base_ = './base.yaml'\n", 'own.py')
    with pytest.raises(ConfigError, match=message) as error:
        load_config(path)
    assert str(place / base) in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"model": ', 'expected plain values'),
        ('[' * 100_000, 'nested up to 50 deep'),
        ('{"model": {"type": "stranger"}}', 'offers'),
        ('{"model": NaN}', 'model: expected a dict, got nan'),
        ('7' * 5000, 'expected plain values'),
    ],
)
def test_json_is_nothing_but_data(place, text, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write(place, text, 'own.json'))


@pytest.mark.parametrize('name', ['own.py', 'own.yaml', 'own.json'])
@pytest.mark.parametrize('as_base', [False, True])
def test_only_files_of_a_bounded_size_are_read(tmp_path, name, as_base):
    path = tmp_path / name
    os.mkfifo(path)
    named = write(tmp_path, f"_base_ = './{name}'\n", 'leaf.py') if as_base else path
    script = (
        'import sys\nfrom salkit.config import load_config\nfrom salkit.errors import ConfigError\n'
        'try:\n    load_config(sys.argv[1])\nexcept ConfigError as error:\n    print(error)\n'
    )
    said = subprocess.run(
        [sys.executable, '-c', script, str(named)], capture_output=True, text=True, timeout=60
    )
    assert f'{path}: is a pipe, expected a regular file' in said.stdout
    path.unlink()
    with path.open('wb') as file:
        file.truncate(10**12)
    with pytest.raises(ConfigError, match=rf'{name}: has 1.0 TB, expected at most 1.0 MB'):
        load_config(named)
