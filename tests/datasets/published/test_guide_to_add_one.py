"""docs/add_a_dataset.md: its plugin is installed, tested by its suite, and used as written."""

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
from make_plugin import make_plugin
from make_video import encode_video
from run_suite import failures
from score_data import write_truth

import salkit
from salkit.cli import main
from salkit.plugin import installed_plugins, reset_plugins

GUIDE = Path(salkit.__file__).parents[1] / 'docs' / 'add_a_dataset.md'
pytestmark = pytest.mark.skipif(not GUIDE.is_file(), reason='the tests run without a checkout')
SIZE = (32, 48)


def blocks(kind):
    found = re.findall(r'^```(\w*)\n(.*?)^```$', GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == kind]


def write_park(root):
    root.mkdir(exist_ok=True)
    for split, names in dict(train=['bench-1', 'path-1', 'pond-1'], test=['pond-2']).items():
        (root / f'{split}.txt').write_text('\n'.join(names))
        for name in names:
            write_truth(root / 'gaze' / name, 6, SIZE)
            encode_video(root / 'videos' / f'{name}.mp4', 6, SIZE)
    return root


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The module of the guide, installed; and the folder to be in."""
    module, suite = blocks('python')
    folder = make_plugin(tmp_path / 'site', 'park', module)
    (folder / 'test_park.py').write_text(suite.replace('salkit_park', 'plugin_park'))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    monkeypatch.chdir(tmp_path)
    helper = type(sys)('make_park')
    helper.write_park = write_park
    monkeypatch.setitem(sys.modules, 'make_park', helper)
    reset_plugins()
    (record,) = [record for record in installed_plugins() if record.name == 'park']
    assert record.error is None, record.error
    yield
    reset_plugins()
    for name in ('plugin_park', 'test_park'):
        sys.modules.pop(name, None)


def test_its_suite_passes(plugin, tmp_path):
    suite = importlib.import_module('test_park').TestPark
    assert failures(suite, tmp_path) == {}


def test_its_commands_run_as_written(plugin, tmp_path, capsys):
    write_park(tmp_path / 'Park')
    write_truth(tmp_path / 'predictions' / 'pond-2', 6, SIZE)
    for path in (tmp_path / 'predictions' / 'pond-2' / 'maps').iterdir():
        path.rename(path.parents[1] / path.name)
    commands, output = blocks('bash')[0], blocks('')[0]
    ran = []
    for line in commands.splitlines():
        words = shlex.split(line)
        assert main(words[1:]) == 0, line
        ran.append(words[1])
    assert ran == ['prepare', 'check', 'score', 'density', 'train']
    printed = capsys.readouterr().out
    assert output in printed
    assert 'dataset_type=ParkDataset' in printed
    assert (tmp_path / 'data/park-again/test/pond-2/maps/0001.png').is_file()
