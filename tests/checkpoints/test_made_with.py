"""Files tell which plugins they were made with, and loading one tells which are not there."""

import pprint
import sys

import pytest
import torch
from make_plugin import make_plugin
from mmengine.config import Config
from small_models import MODEL, filled

from salkit import build_model
from salkit.builder import build
from salkit.checkpoints import load_weights, read_checkpoint
from salkit.checkpoints.convert import convert
from salkit.checkpoints.made_with import plugins_in
from salkit.cli import main
from salkit.engine.runner import model_entry
from salkit.errors import CheckpointError, ConfigError, PluginWarning
from salkit.plugin import forget_plugins, lacking_plugins, plugins_of
from salkit.registry import MODELS

ENCODER = dict(type='GuestEncoder', arch=MODEL['encoder']['arch'], clip_len=16)
GUEST = dict(MODEL, encoder=ENCODER)


def install(folder, version='1.0', source=None):
    make_plugin(folder, 'guest', source, version=version)
    forget_plugins()


def uninstall(folder):
    for path in folder.glob('salkit_guest*'):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    sys.modules.pop('plugin_guest', None)
    forget_plugins()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of plugins, with the plugin 'guest' in it."""
    folder = tmp_path / 'site'
    monkeypatch.syspath_prepend(folder)
    install(folder)
    yield folder
    uninstall(folder)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'guest.py'
    path.write_text(f'model = {pprint.pformat(GUEST)}\n')
    return path


@pytest.fixture
def checkpoint(site, config, tmp_path):
    """What a training run of the config leaves behind, as far as the model goes."""
    state = filled(build(MODELS, GUEST))
    meta = model_entry(Config.fromfile(config))
    torch.save(dict(state_dict=state, meta=meta), tmp_path / 'guest.pth')
    return tmp_path / 'guest.pth'


def test_the_plugins_of_a_config(site):
    assert plugins_of(GUEST) == {}, 'nobody has needed a plugin yet'
    build(MODELS, GUEST)
    assert plugins_of(GUEST) == {'salkit-guest': '1.0'}
    assert plugins_of(dict(model=[dict(x=dict(type='salkit.GuestEncoder'))])) == plugins_of(GUEST)
    assert plugins_of(MODEL) == plugins_of(None) == {}


def test_a_checkpoint_and_what_is_made_of_it_name_the_plugin(checkpoint, tmp_path):
    assert plugins_in(read_checkpoint(checkpoint)) == {'salkit-guest': '1.0'}
    convert(checkpoint, tmp_path / 'out.safetensors')
    assert plugins_in(read_checkpoint(tmp_path / 'out.safetensors')) == {'salkit-guest': '1.0'}


@pytest.mark.parametrize('meta', [{}, dict(plugins=3), dict(plugins='no json'), dict(plugins='[]')])
def test_other_files_name_none(meta):
    assert plugins_in(dict(meta=meta)) == plugins_in(dict(metadata=meta)) == {}


def test_a_missing_plugin_is_named_wherever_the_file_is_loaded(site, config, checkpoint, tmp_path):
    uninstall(site)
    told = r'made with the plugin salkit-guest 1\.0, which is not installed: pip install salkit-gue'
    with pytest.raises(ConfigError, match=f"no installed plugin offers .*'GuestEncoder'.*{told}"):
        build_model(config, checkpoint)
    with pytest.raises(CheckpointError, match=told):
        convert(checkpoint, tmp_path / 'out.safetensors')
    narrow = dict(MODEL, encoder=dict(MODEL['encoder'], depth=1))
    with pytest.raises(CheckpointError, match=told):
        load_weights(build(MODELS, narrow), checkpoint)


def test_testing_names_it_too(site, config, checkpoint, capsys):
    uninstall(site)
    assert main(['test', str(config), str(checkpoint)]) == 2
    assert 'the plugin salkit-guest 1.0, which is not installed' in capsys.readouterr().err
    options = ['--cfg-options', 'model.encoder.type=GuestEncoder']
    assert main(['test', 'demo/umt-tiny_cc-kl', str(checkpoint), *options]) == 2
    assert 'the plugin salkit-guest 1.0, which is not installed' in capsys.readouterr().err


def test_another_version_is_told_and_loads(site, config, checkpoint):
    uninstall(site)
    install(site, version='2.0')
    with pytest.warns(PluginWarning, match=r'salkit-guest 1\.0; installed is 2\.0'):
        build_model(config, checkpoint)


def test_weights_that_fit_without_the_plugin_load_with_a_warning(site, checkpoint):
    uninstall(site)
    with pytest.warns(PluginWarning, match='not installed'):
        load_weights(build(MODELS, MODEL), checkpoint)


def test_what_else_keeps_a_plugin_away(site, monkeypatch):
    assert lacking_plugins({}) == lacking_plugins({'Salkit_Guest': '1.0'}) == ''
    uninstall(site)
    install(site, source="raise RuntimeError('oh')")
    with pytest.warns(PluginWarning):
        assert 'salkit-guest 1.0, which failed to load: RuntimeError: oh' in lacking_plugins(
            {'salkit-guest': '1.0'}
        )
    forget_plugins()
    monkeypatch.setenv('SALKIT_PLUGINS', '')
    assert 'which SALKIT_PLUGINS leaves out' in lacking_plugins({'salkit-guest': '1.0'})
