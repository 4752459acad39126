"""The wheel and the sdist: built, installed in a fresh folder, imported, used by name."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import salkit
from salkit.checkpoints.shipped import shipped_files
from salkit.config.find import config_names

ROOT = Path(salkit.__file__).parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / 'setup.py').is_file(), reason='the tests run without a checkout to build from'
    ),
]


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """The wheel and the sdist, built in a copy of the checkout."""
    source = tmp_path_factory.mktemp('source') / 'salkit'
    files = subprocess.run(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in files:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    out = source.parent / 'dist'
    subprocess.run(
        [sys.executable, '-m', 'build', '--no-isolation', '--outdir', str(out), str(source)],
        check=True,
        capture_output=True,
    )
    (wheel,), (sdist,) = out.glob('*.whl'), out.glob('*.tar.gz')
    return wheel, sdist


@pytest.fixture(scope='module')
def installed(built, tmp_path_factory):
    """A folder with nothing in it but what the wheel and a plugin install."""
    target = tmp_path_factory.mktemp('installed')
    plugin = shutil.copytree(ROOT / 'plugins' / 'salkit-tiny', target.parent / 'salkit-tiny')
    command = [sys.executable, '-m', 'pip', 'install', '--no-deps', '--no-build-isolation']
    subprocess.run(
        [*command, '--no-compile', '--target', str(target), built[0], str(plugin)],
        check=True,
        capture_output=True,
    )
    return target


def run_installed(installed, code, cwd):
    """Run code where the installed package comes before the checkout's."""
    environment = {**os.environ, 'PYTHONPATH': str(installed)}
    return subprocess.run(
        [sys.executable, '-c', code], cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_the_wheel_holds_every_config(built):
    names = zipfile.ZipFile(built[0]).namelist()
    for name in config_names():
        assert f'salkit/_configs/{name}.py' in names
    assert any(name.startswith('salkit/_configs/_base_/') for name in names)
    assert not any(name.startswith(('tests', 'tools', 'configs')) for name in names)


def test_the_wheel_holds_the_templates_of_plugins(installed, tmp_path):
    done = run_installed(
        installed,
        'from salkit.cli import main\n'
        "for role in ('encoder', 'protocol'):\n"
        "    assert main(['new-plugin', f'own-{role}', '--role', role]) == 0\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob('*.py')}
    assert 'salkit-own-encoder/salkit_own_encoder/configs/own_encoder_demo.py' in names
    assert 'salkit-own-protocol/setup.py' in names


def test_both_hold_the_models_that_salkit_ships_and_whose_works_are_in_them(built):
    with tarfile.open(built[1]) as archive:
        sdist = {name.split('/', 1)[1] for name in archive.getnames() if '/' in name}
    wheel = zipfile.ZipFile(built[0]).namelist()
    for path in shipped_files().values():
        name = path.relative_to(ROOT).as_posix()
        assert name in sdist and name in wheel
    assert any(name.endswith('.dist-info/licenses/NOTICE') for name in wheel)
    notice = (ROOT / 'NOTICE').read_text()
    for owner in ('NUS VIP', 'Ming Jiang', 'Haoran Liang', 'ML Illustrated'):
        assert owner in notice
    assert 'NOTICE' in sdist


def test_the_sdist_holds_what_a_build_needs(built):
    with tarfile.open(built[1]) as archive:
        names = {name.split('/', 1)[1] for name in archive.getnames() if '/' in name}
    for name in (
        'setup.py',
        'pyproject.toml',
        'MANIFEST.in',
        'LICENSE',
        'README.md',
        'CHANGELOG.md',
        'configs/salfom/umt-l16_cc-kl.py',
        'tools/train.py',
        'tests/conftest.py',
    ):
        assert name in names


def test_every_module_imports_from_the_wheel(installed, tmp_path):
    code = (
        'import importlib, pkgutil, salkit\n'
        f'assert salkit.__file__.startswith({str(installed)!r}), salkit.__file__\n'
        "for module in pkgutil.walk_packages(salkit.__path__, 'salkit.'):\n"
        "    if module.name.split('.')[-1] != '__main__':\n"
        '        importlib.import_module(module.name)\n'
    )
    done = run_installed(installed, code, tmp_path)
    assert (done.returncode, done.stdout) == (0, ''), done.stderr


def test_configs_are_found_by_name_from_any_folder(installed, tmp_path):
    code = (
        "import salkit, torch\ncfg = salkit.load_config('salfom/umt-l16_cc-kl')\n"
        f'assert cfg.filename.startswith({str(installed)!r}), cfg.filename\n'
        "model = salkit.build_model('demo/umt-tiny_cc-kl')\n"
        'assert model(torch.zeros(1, 3, 8, 32, 32)).shape == (1, 32, 32)\n'
        # A config of a plugin builds on one of salkit.
        "encoder = salkit.build_model('salkit_tiny::tiny_demo').encoder\n"
        "assert type(encoder).__module__ == 'salkit_tiny.encoder'\n"
    )
    done = run_installed(installed, code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_command_is_installed(installed, tmp_path):
    environment = {**os.environ, 'PYTHONPATH': str(installed)}
    done = subprocess.run(
        [sys.executable, str(installed / 'bin' / 'salkit'), '--version'],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f'salkit {salkit.__version__}\n', done.stderr
