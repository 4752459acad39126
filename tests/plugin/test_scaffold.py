import json
import os
import subprocess
import sys
from pathlib import Path
from string import Template

import pytest
from make_data import write_dataset

import salkit
from salkit.cli import main, new_plugin
from salkit.errors import ConfigError
from salkit.plugin.scaffold import ROLES, names_of, render, scaffold

TINY = Path(salkit.__file__).parents[1] / 'plugins' / 'salkit-tiny'


def files_of(folder):
    """The files of a package that are kept under version control, by path."""
    made = ('build', 'dist', '__pycache__', '.pytest_cache')
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob('*')
        if path.is_file()
        and not any(part in made or part.endswith('.egg-info') for part in path.parts)
    }


@pytest.mark.skipif(not TINY.is_dir(), reason='the tests run without a checkout')
def test_salkit_tiny_is_what_the_template_gives():
    assert render(names_of('tiny')) == files_of(TINY)


# Names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize('name', ['my-vfm', 'my_vfm', 'salkit-my-vfm', 'salkit_my_vfm'])
def test_names(name):
    names = names_of(name)
    assert (names.distribution, names.module) == ('salkit-my-vfm', 'salkit_my_vfm')
    assert (names.class_name, names.config) == ('MyVfmEncoder', 'salkit_my_vfm::my_vfm_demo')


def test_a_name_that_ends_with_the_role_says_it_once():
    assert names_of('focal-loss', 'loss').class_name == 'FocalLoss'
    assert names_of('focal-loss', 'branch').class_name == 'FocalLossBranch'
    assert names_of('loss', 'loss').class_name == 'LossLoss'


@pytest.mark.parametrize(
    'name',
    ['', 'salkit-', '1st', 'My-Vfm', 'a b', '../up', 'my--vfm', '-x', 'x-', "x'y", 'x\n', 'class'],
)
def test_bad_names(tmp_path, name):
    with pytest.raises(
        ConfigError, match='is not a name for a plugin: expected lower-case letters'
    ):
        scaffold(name, out=tmp_path / 'out')
    assert list(tmp_path.iterdir()) == []


# Files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize('role', ROLES)
def test_the_files_of_every_role(role):
    names = names_of('my-vfm', role)
    files = render(names)
    assert {
        'setup.py',
        'pyproject.toml',
        'MANIFEST.in',
        'README.md',
        'salkit_my_vfm/__init__.py',
        f'salkit_my_vfm/{role}.py',
        'salkit_my_vfm/configs/my_vfm_demo.py',
        'tests/test_salkit_my_vfm.py',
    } <= set(files)
    for path, text in files.items():
        assert '$' not in text and text.endswith('\n') and not text.endswith('\n\n')
        if path.endswith('.py'):
            compile(text, path, 'exec')
    assert f'salkit train {names.config}' in files['README.md']
    assert names.command in files['README.md']


def test_the_files_are_in_style(tmp_path):
    for role in ROLES:
        scaffold(f'my-{role}', role, tmp_path)
    rules = ['--select=E,F,W,B,UP,D2,D3,SIM', '--ignore=D203,D205,D212,D213', '--line-length=100']
    done = subprocess.run(
        [sys.executable, '-m', 'ruff', 'check', '--isolated', '--no-cache', *rules, str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / 'salkit-my-vfm').mkdir()
    names, folder = scaffold('my-vfm', out=tmp_path)
    assert folder == tmp_path / 'salkit-my-vfm' and files_of(folder) == render(names)
    assert [path.name for path in tmp_path.iterdir()] == ['salkit-my-vfm']


def test_a_folder_that_holds_something_stays(tmp_path):
    folder = tmp_path / 'salkit-my-vfm'
    folder.mkdir()
    (folder / 'notes.txt').write_text('mine')
    with pytest.raises(
        ConfigError, match='salkit-my-vfm exists already and is not an empty folder'
    ):
        scaffold('my-vfm', out=tmp_path)
    (tmp_path / 'salkit-other').write_text('a file')
    with pytest.raises(ConfigError, match='salkit-other exists already'):
        scaffold('other', out=tmp_path)
    assert sorted(path.name for path in tmp_path.rglob('*')) == [
        'notes.txt',
        'salkit-my-vfm',
        'salkit-other',
    ]


def test_nothing_is_left_half_written(tmp_path, monkeypatch):
    write, written = Path.write_text, []

    def fails_at_the_third(path, *arguments, **options):
        written.append(path)
        if len(written) == 3:
            raise OSError('the disk is full')
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, 'write_text', fails_at_the_third)
    with pytest.raises(OSError, match='the disk is full'):
        scaffold('my-vfm', out=tmp_path)
    assert len(written) == 3 and list(tmp_path.iterdir()) == []


# The command -------------------------------------------------------------------------------------


def test_the_command_tells_what_to_do_next(tmp_path, capsys):
    assert set(new_plugin.ROLES) == set(ROLES)
    assert main(['new-plugin', 'my-vfm', '--role', 'loss', '--out', str(tmp_path / 'new')]) == 0
    folder = tmp_path / 'new' / 'salkit-my-vfm'
    assert capsys.readouterr().out.splitlines() == [
        f'{folder}: the package salkit-my-vfm, with the loss MyVfmLoss',
        'Next:',
        f'  cd {folder}',
        "  pip install -e '.[test]'",
        '  pytest',
        '  salkit plugins',
        '  salkit train salkit_my_vfm::my_vfm_demo',
    ]
    assert files_of(folder) == render(names_of('my-vfm', 'loss'))
    assert main(['new-plugin', 'my-vfm', '--out', str(tmp_path / 'new')]) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1 and 'exists already and is not an empty folder' in error


# Installed ---------------------------------------------------------------------------------------

# Lists the plugins, then trains with the config of each for an epoch of few steps.
TRAIN = """
import json, sys
from pathlib import Path

from salkit import build_model, load_config
from salkit.checkpoints import read_checkpoint
from salkit.cli import main
from salkit.cli.train import train
from salkit.config import parse_options
from salkit_my_dataset.dataset import write_example

configs, uses, data, out = json.loads(sys.argv[1]), json.loads(sys.argv[2]), *sys.argv[3:]
main(['plugins', '--json'])
out = Path(out)
(out / 'lists').mkdir(parents=True)
report = {}
for role, config in configs.items():
    cfg = load_config(config, {
        'data_root': str(write_example(out / 'lists')) if role == 'dataset' else data,
        'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1,
        'train_dataloader.num_workers': 0, 'val_dataloader.num_workers': 0,
    })
    runner = train(cfg, out / role)
    checkpoint = read_checkpoint(out / role / 'epoch_1.pth')
    scalars = runner.message_hub.log_scalars
    report[role] = dict(
        loss=scalars['train/loss'].current(),
        plugins=checkpoint.plugins,
        scores=[name for name in scalars if name.startswith('val/')],
        losses=[name for name in scalars if name.startswith('train/loss_')],
    )
# The commands of the READMEs that name the part in another config.
for use in uses:
    cfg = load_config('demo/umt-tiny_cc-kl', parse_options(use.split('--cfg-options ')[1].split()))
    assert use.split('=')[1] in str(build_model(cfg)), use
print('REPORT' + json.dumps(report))
"""


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """A plugin of every role, each in place of its source as `pip install -e` leaves it.

    Gives the folders, and the environment in which Python finds them.
    """
    folder = tmp_path_factory.mktemp('every-role')
    packages = []
    for role in ROLES:
        names, package = scaffold(f'my-{role}', role, folder / 'packages')
        packages.append(package)
        info = folder / 'site' / f'{names.module}-0.1.0.dist-info'
        info.mkdir(parents=True)
        # What setup.py says.
        (info / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {names.distribution}\nVersion: 0.1.0\n'
        )
        (info / 'entry_points.txt').write_text(f'[salkit]\n{names.module} = {names.module}\n')
    chosen = ','.join(names_of(f'my-{role}', role).module for role in ROLES)
    path = [folder / 'site', *packages, os.environ.get('PYTHONPATH', '')]
    # Installed plugins of the developer's stay out of it.
    return packages, dict(
        os.environ, PYTHONPATH=os.pathsep.join(map(str, path)), SALKIT_PLUGINS=chosen
    )


def run(installed, *command):
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=installed[1], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_their_own_tests_pass(installed):
    packages, _ = installed
    folders = [package / 'tests' for package in packages]
    printed = run(installed, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *folders)
    assert ' passed' in printed and ' failed' not in printed


@pytest.mark.slow
def test_they_are_loaded_and_their_configs_train(installed, nursery, tmp_path):
    names = {role: names_of(f'my-{role}', role) for role in ROLES}
    configs = {role: names[role].config for role in ROLES}
    data = write_dataset(tmp_path / 'data', dict(train=8, val=1), frames=9)
    uses = [
        Template(ROLES[role].use).substitute(part=names[role].label)
        for role in ('encoder', 'decoder', 'branch', 'loss')
    ]
    arguments = [json.dumps(configs), json.dumps(uses), data, tmp_path / 'out']
    done = nursery.run(arguments, tmp_path, TRAIN + 'raise SystemExit', **installed[1])
    assert done.status == 0, done.out + done.err
    printed = done.out
    listed = json.JSONDecoder().raw_decode(printed)[0]
    plugins = {plugin['distribution']: plugin for plugin in listed if plugin['status'] == 'loaded'}
    assert set(plugins) == {f'salkit-my-{role}' for role in ROLES}
    report = json.loads(printed.rpartition('REPORT')[2])
    for role in ROLES:
        plugin = plugins[names[role].distribution]
        assert plugin['error'] is None
        assert plugin['configs'] == [names[role].config]
        (registered,) = plugin['registers']
        assert registered['name'] == names[role].label
        # What has a suite can be tested where it is installed.
        assert (registered['smoke'] is None) == (role in ('transform', 'hook', 'protocol'))
        assert 0 < abs(report[role]['loss']) < 100, role
    for role in ('encoder', 'decoder', 'branch', 'loss'):
        assert report[role]['plugins'] == {f'salkit-my-{role}': '0.1.0'}
    assert report['loss']['losses'] == ['train/loss_cc', 'train/loss_my_loss']
    assert 'val/Peak' in report['protocol']['scores']
