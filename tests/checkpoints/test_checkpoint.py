"""What a file says about itself: its plugins, and which of them are absent; its model's config."""

import json
import pprint
import sys

import pytest
import torch
from make_plugin import make_plugin
from mmengine.config import Config
from safetensors.torch import save_file
from small_models import MODEL, assert_same, filled

from salkit import build_model, load_config
from salkit.builder import build
from salkit.checkpoints import Checkpoint, load_weights, read_checkpoint
from salkit.checkpoints.convert import convert
from salkit.cli import main
from salkit.config import plain_config
from salkit.engine.runner import model_entry
from salkit.errors import CheckpointError, ConfigError, PluginWarning
from salkit.plugin import absent_plugins, plugins_of, reset_plugins
from salkit.registry import ENCODERS, MODELS

ENCODER = dict(type='GuestEncoder', arch=MODEL['encoder']['arch'], clip_len=16)
GUEST = dict(MODEL, encoder=ENCODER)


def install(folder, version='1.0', source=None):
    make_plugin(folder, 'guest', source, version=version)
    reset_plugins()


def uninstall(folder):
    for path in folder.glob('salkit_guest*'):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    sys.modules.pop('plugin_guest', None)
    reset_plugins()


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
    path.write_text(f'model = {pprint.pformat(GUEST, sort_dicts=False)}\n')
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
    assert plugins_of(dict(protocol=['exact', 'GuestEncoder'])) == plugins_of(GUEST)
    assert plugins_of(MODEL) == plugins_of(None) == {}


def test_a_checkpoint_and_what_is_made_of_it_name_the_plugin(checkpoint, tmp_path):
    assert read_checkpoint(checkpoint).plugins == {'salkit-guest': '1.0'}
    convert(checkpoint, tmp_path / 'out.safetensors')
    assert read_checkpoint(tmp_path / 'out.safetensors').plugins == {'salkit-guest': '1.0'}


@pytest.mark.parametrize('meta', [{}, dict(plugins=3), dict(plugins='no json'), dict(plugins='[]')])
def test_other_files_name_none(meta):
    assert Checkpoint({}, meta=meta).plugins == {}


def test_a_missing_plugin_is_named_wherever_the_file_is_loaded(site, config, checkpoint, tmp_path):
    uninstall(site)
    said = r'made with the plugin salkit-guest 1\.0, which is not installed: pip install salkit-gue'
    with pytest.raises(ConfigError, match=f"no installed plugin offers .*'GuestEncoder'.*{said}"):
        build_model(config, checkpoint)
    with pytest.raises(CheckpointError, match=said):
        convert(checkpoint, tmp_path / 'out.safetensors')
    narrow = dict(MODEL, encoder=dict(MODEL['encoder'], depth=1))
    with pytest.raises(CheckpointError, match=said):
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
    assert absent_plugins({}) == absent_plugins({'Salkit_Guest': '1.0'}) == ''
    uninstall(site)
    install(site, source="raise RuntimeError('oh')")
    with pytest.warns(PluginWarning):
        assert 'salkit-guest 1.0, which failed to load: RuntimeError: oh' in absent_plugins(
            {'salkit-guest': '1.0'}
        )
    reset_plugins()
    monkeypatch.setenv('SALKIT_PLUGINS', '')
    assert 'which SALKIT_PLUGINS leaves out' in absent_plugins({'salkit-guest': '1.0'})


# Files of 0.1 -------------------------------------------------------------------------------------

CONFIG = 'demo/umt-tiny_cc-kl'


def test_a_training_checkpoint_of_0_1(tmp_path):
    cfg = load_config(CONFIG, {'test_dataloader.dataset.pipeline.0.size': (16, 32)})
    model = build(MODELS, cfg.model)
    meta = dict(
        epoch=3,
        iter=12,
        cfg=cfg.pretty_text,
        config_name=CONFIG,
        model=json.dumps(plain_config(cfg.model)),
        plugins={},
        seed=0,
        experiment_name='umt-tiny_cc-kl',
        time='20261101_120000',
        mmengine_version='0.10.7',
        salkit_version='0.1.0',
        dataset_meta=dict(dataset='DemoDataset', split='train'),
    )
    hub = dict(log_scalars={}, runtime_info={}, resumed_keys={})
    content = dict(meta=meta, state_dict=filled(model), message_hub=hub, optimizer=dict(state={}))
    torch.save(content, tmp_path / 'epoch_3.pth')
    read = read_checkpoint(tmp_path / 'epoch_3.pth')
    assert read.plugins == {} and set(read.rest) == {'meta', 'message_hub', 'optimizer'}
    told = read.config()
    assert told.filename.endswith('umt-tiny_cc-kl.py')
    assert told.test_dataloader.dataset.pipeline[0].size == (16, 32)
    assert_same(build_model(told, read).state_dict(), filled(model))


def test_a_converted_file_of_0_1(tmp_path):
    cfg = load_config(CONFIG)
    state = filled(build(MODELS, cfg.model))
    noted = dict(
        format='pt',
        config=CONFIG,
        part='model',
        source='epoch_3.pth',
        sha256='0' * 64,
        source_kind='salkit',
        salkit_version='0.1.0',
        model=json.dumps(plain_config(cfg.model)),
        plugins='{}',
    )
    save_file(state, tmp_path / 'a.safetensors', noted)
    read = read_checkpoint(tmp_path / 'a.safetensors')
    assert read.meta == noted and read.plugins == {} and not read.rest
    assert_same(build_model(read.config(), read).state_dict(), state)


def test_an_encoders_file_of_0_1(tmp_path):
    told = dict(type='UMTEncoder', arch='tiny', clip_len=8)
    encoder = build(ENCODERS, told)
    noted = dict(config=json.dumps(told), part='encoder', source_kind='UMT', model=json.dumps(told))
    save_file(filled(encoder), tmp_path / 'a.safetensors', noted)
    read = read_checkpoint(tmp_path / 'a.safetensors')
    assert read.target().config == told
    load_weights(encoder, read)
    assert_same(encoder.state_dict(), filled(encoder))
    with pytest.raises(CheckpointError, match='holds an encoder alone'):
        read.config()


@pytest.mark.parametrize('name', ['guest::run.py', 'salkit::run.py', CONFIG, '{}::run.py'])
def test_a_file_at_the_name_that_a_checkpoint_gives_is_not_run(tmp_path, monkeypatch, name):
    """Configs are programs; the folder that a command runs in may hold anything."""
    cfg = load_config(CONFIG)
    name = name.format(tmp_path / 'trap')
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'open({str(tmp_path / "ran")!r}, "w").close()\n')
    monkeypatch.chdir(tmp_path)
    meta = dict(model=json.dumps(plain_config(cfg.model)), config_name=name)
    torch.save(dict(state_dict=filled(build(MODELS, cfg.model)), meta=meta), tmp_path / 'a.pth')
    read = read_checkpoint(tmp_path / 'a.pth')
    if name == CONFIG:
        assert read.config().filename.endswith('umt-tiny_cc-kl.py')
    else:
        with pytest.raises(CheckpointError, match=r'a\.pth.*(does not exist|no installed plugin)'):
            read.config()
    assert not (tmp_path / 'ran').exists()
