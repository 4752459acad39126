import json
import os
import subprocess
import sys

import pytest
from make_plugin import BROKEN, ENCODER, make_plugin


@pytest.fixture
def site(tmp_path):
    """A folder with every kind of plugin, of which only 'good' is faultless."""
    folder = tmp_path / 'site'
    for name, (source, _) in BROKEN.items():
        make_plugin(folder, name, source)
    make_plugin(folder, 'good')
    make_plugin(folder, 'loud', "print('Welcome!')\n" + ENCODER.format(class_name='LoudEncoder'))
    make_plugin(folder, 'clash-a', class_name='ClashEncoder')
    make_plugin(folder, 'clash-b', class_name='ClashEncoder')
    make_plugin(folder, 'twice', version='1.0')
    make_plugin(tmp_path / 'later', 'twice', version='2.0')
    return folder


def run(site, *arguments, **env):
    path = os.pathsep.join([str(site), str(site.parent / 'later')])
    return subprocess.run(
        [sys.executable, '-m', 'salkit', *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': path, **env},
    )


@pytest.mark.slow
def test_a_command_runs_with_all_of_them_and_tells_of_each_once(site):
    done = run(site, 'profile', 'demo/umt-tiny_cc-kl', '--json')
    assert done.returncode == 0, done.stderr
    # Nothing that a plugin prints gets between the values.
    assert json.loads(done.stdout)
    lines = done.stderr.splitlines()
    for name in [*BROKEN, 'clash-b']:
        (line,) = [line for line in lines if f'plugin {name} (' in line]
        assert line.startswith('salkit: warning: ')
    assert not [line for line in lines if 'plugin good (' in line or 'plugin clash-a (' in line]


@pytest.mark.slow
def test_the_list_says_what_became_of_each(site):
    done = run(site, 'plugins', '--json')
    assert done.returncode == 0 and 'warning' not in done.stderr
    plugins = {plugin['name']: plugin for plugin in json.loads(done.stdout)}
    for name, (_, message) in BROKEN.items():
        assert plugins[name]['status'] == 'failed' and message in plugins[name]['error']
        assert plugins[name]['registers'] == []
    assert plugins['good'] == dict(
        plugins['good'],
        status='loaded',
        distribution='salkit-good',
        version='1.0',
        location=str(site),
        error=None,
    )
    assert plugins['good']['registers'] == [
        dict(registry='encoder', name='GoodEncoder', smoke=dict(arch='tiny', clip_len=8))
    ]
    assert plugins['twice']['version'] == '1.0'

    done = run(site, 'plugins', '--verbose', SALKIT_PLUGINS='good,import-error')
    text = done.stdout
    assert done.returncode == 0
    assert 'salkit-good 1.0 (good): loaded' in text and 'encoder    GoodEncoder' in text
    assert "smoke arguments: {'arch': 'tiny', 'clip_len': 8}" in text
    assert 'salkit-import-error 1.0 (import-error): failed' in text
    # Where it comes from, for its author.
    assert 'plugin_import_error.py", line 1' in text
    assert 'salkit-loud 1.0 (loud): left out by SALKIT_PLUGINS' in text


@pytest.mark.slow
def test_strict_plugins_stop_a_command(site):
    env = dict(SALKIT_PLUGINS='good,no-class', SALKIT_STRICT_PLUGINS='1')
    done = run(site, 'profile', 'demo/umt-tiny_cc-kl', **env)
    assert done.returncode == 2
    assert 'plugin no-class (salkit-no-class 1.0) failed to load' in done.stderr.splitlines()[-1]
    done = run(site, 'plugins', **env)
    assert done.returncode == 1 and 'GoodEncoder' in done.stdout
