"""The plugin salkit-tiny in a fresh environment, by every way of installing it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from make_data import write_dataset

import salkit

ROOT = Path(salkit.__file__).parents[1]
TINY = ROOT / 'plugins' / 'salkit-tiny'
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TINY.is_dir(), reason='the tests run without a checkout to build from'),
]
TYPE = 'model.encoder.type=TinyEncoder'


@pytest.fixture
def source(tmp_path):
    """A copy of the plugin's source: building leaves files beside it."""
    ignored = shutil.ignore_patterns('build', '*.egg-info', '__pycache__')
    return shutil.copytree(TINY, tmp_path / 'salkit-tiny', ignore=ignored)


@pytest.fixture
def options(tmp_path):
    """Overrides for a very short run of the demo config."""
    root = write_dataset(tmp_path / 'set')
    sizes = [f'{name}_dataloader.dataset.pipeline.0.size=(32,48)' for name in ('val', 'test')]
    return [
        '--cfg-options',
        f'data_root={root}',
        'train_cfg.max_epochs=1',
        'train_dataloader.dataset.pipeline.0.size=(32,48)',
        'train_dataloader.dataset.pipeline.1.size=(32,48)',
        *sizes,
        TYPE,
    ]


def test_installed_trained_and_uninstalled(fresh_env, source, options, tmp_path):
    train = [
        fresh_env.python,
        ROOT / 'tools' / 'train.py',
        ROOT / 'configs/demo/umt-tiny_cc-kl.py',
        '--work-dir',
        tmp_path / 'run',
        '--test',
        *options,
    ]
    fresh_env.run(['pip', 'install', source], check=True)
    fresh_env.run(train, check=True)
    checkpoint = tmp_path / 'run' / 'epoch_1.pth'
    meta = torch.load(checkpoint, weights_only=True)['meta']
    assert meta['plugins'] == {'salkit-tiny': '0.1.0'}
    scores = json.loads((tmp_path / 'run' / 'scores.json').read_text())
    assert scores['plugins'] == {'salkit-tiny': '0.1.0'}

    fresh_env.run(['pip', 'uninstall', '-y', 'salkit-tiny'], check=True)
    again = fresh_env.run(train)
    assert again.returncode == 2
    assert "no installed plugin offers the encoder 'TinyEncoder'" in again.stderr
    missing = 'the plugin salkit-tiny 0.1.0, which is not installed: pip install salkit-tiny'
    loading = (
        ['salkit', 'test', 'demo/umt-tiny_cc-kl', checkpoint, *options],
        ['salkit', 'convert', checkpoint, tmp_path / 'out.safetensors'],
    )
    for command in loading:
        done = fresh_env.run(command)
        assert done.returncode == 2 and missing in done.stderr, done.stderr


def test_from_wheels_and_in_place(fresh_env, source, tmp_path):
    """Plugin and salkit itself from wheels, then the plugin in place of its source."""
    checkout = tmp_path / 'salkit'
    for name in ('salkit', 'configs'):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'MANIFEST.in'):
        shutil.copy(ROOT / name, checkout)
    wheels = tmp_path / 'wheels'
    fresh_env.run(['pip', 'wheel', '--no-deps', '-w', wheels, checkout, source], check=True)
    fresh_env.run(['pip', 'install', '--no-deps', *sorted(wheels.glob('*.whl'))], check=True)

    code = (
        'import salkit, salkit.plugin, salkit_tiny\n'
        "encoder = salkit.build_model('salkit_tiny::tiny_demo').encoder\n"
        'print(salkit.__file__, salkit_tiny.__file__, type(encoder).__name__, sep="\\n")\n'
    )
    where = fresh_env.run([fresh_env.python, '-c', code], check=True).stdout.split()
    assert Path(where[0]).is_relative_to(fresh_env.site), 'salkit is that of the checkout'
    assert Path(where[1]).is_relative_to(fresh_env.site)
    assert where[2] == 'TinyEncoder'

    fresh_env.run(['pip', 'uninstall', '-y', 'salkit-tiny'], check=True)
    fresh_env.run(['pip', 'install', '--no-deps', '-e', source], check=True)
    where = fresh_env.run([fresh_env.python, '-c', code], check=True).stdout.split()
    assert Path(where[1]).is_relative_to(source) and where[2] == 'TinyEncoder'
    (plugin,) = json.loads(fresh_env.run(['salkit', 'plugins', '--json'], check=True).stdout)
    assert plugin['status'] == 'loaded' and plugin['notes'] == []
    assert plugin['configs'] == ['salkit_tiny::tiny_demo']
