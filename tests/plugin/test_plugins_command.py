import json
import os

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


@pytest.fixture
def run(site, nursery, tmp_path):
    """Function that runs a command where the plugins are."""
    path = os.pathsep.join([str(site), str(site.parent / 'later')])

    def run(*arguments, **env):
        return nursery.run(arguments, tmp_path, **{'PYTHONPATH': path, **env})

    return run


@pytest.mark.slow
def test_a_command_runs_with_all_of_them_and_tells_of_each_once(site, run):
    done = run('profile', 'demo/umt-tiny_cc-kl', '--json')
    assert done.status == 0, done.err
    # Nothing that a plugin prints gets between the values.
    assert json.loads(done.out)
    lines = done.err.splitlines()
    for name in [*BROKEN, 'clash-b']:
        (line,) = [line for line in lines if f'plugin {name} (' in line]
        assert line.startswith('salkit: warning: ')
    assert not [line for line in lines if 'plugin good (' in line or 'plugin clash-a (' in line]


@pytest.mark.slow
def test_the_list_says_what_became_of_each(site, run):
    done = run('plugins', '--json')
    assert done.status == 0 and 'warning' not in done.err
    plugins = {plugin['name']: plugin for plugin in json.loads(done.out)}
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

    done = run('plugins', '--verbose', SALKIT_PLUGINS='good,import-error')
    text = done.out
    assert done.status == 0
    assert 'salkit-good 1.0 (good): loaded' in text and 'encoder    GoodEncoder' in text
    assert "smoke arguments: {'arch': 'tiny', 'clip_len': 8}" in text
    assert 'salkit-import-error 1.0 (import-error): failed' in text
    # Where it comes from, for its author.
    assert 'plugin_import_error.py", line 1' in text
    assert 'salkit-loud 1.0 (loud): left out by SALKIT_PLUGINS' in text


@pytest.mark.slow
def test_strict_plugins_stop_a_command(site, run):
    env = dict(SALKIT_PLUGINS='good,no-class', SALKIT_STRICT_PLUGINS='1')
    done = run('profile', 'demo/umt-tiny_cc-kl', **env)
    assert done.status == 2
    assert 'plugin no-class (salkit-no-class 1.0) failed to load' in done.err.splitlines()[-1]
    done = run('plugins', **env)
    assert done.status == 1 and 'GoodEncoder' in done.out
