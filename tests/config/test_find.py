import shutil
import sys

import pytest
from make_plugin import make_plugin

from salkit.config.find import config_name, config_root, find_config
from salkit.config.load import load_config
from salkit.errors import ConfigError
from salkit.plugin import reset_plugins

CONFIGS = """
from pathlib import Path

from salkit import hookimpl


@hookimpl
def config_dirs():
    return [Path(__file__).parent / 'its_configs']
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The folder of configs of an installed plugin."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'its_configs').mkdir()
    make_plugin(tmp_path, 'with-configs', CONFIGS)
    reset_plugins()
    yield tmp_path / 'its_configs'
    reset_plugins()
    sys.modules.pop('plugin_with_configs', None)


def test_a_plugins_config_builds_on_salkits(plugin):
    (plugin / '_base_').mkdir()
    (plugin / '_base_' / 'start.py').write_text("load_from = 'start.pth'\n")
    (plugin / 'small').mkdir()
    (plugin / 'small' / 'own.py').write_text(
        "_base_ = ['salkit::_base_/models/salfom_umt-tiny.py', '../_base_/start.py']\n"
        "model = dict(encoder=dict(arch='base'))\n"
    )
    (plugin / 'child.py').write_text("_base_ = 'with-configs::small/own.py'\n")
    for owner in ('with-configs', 'plugin_with_configs', 'salkit-with-configs', 'WITH_CONFIGS'):
        cfg = load_config(f'{owner}::small/own')
        assert cfg.model.encoder.arch == 'base' and cfg.model.encoder.clip_len == 8
    assert cfg.load_from == load_config('with-configs::child').load_from == 'start.pth'
    assert config_name(plugin / 'small' / 'own.py') == 'with-configs::small/own'
    assert find_config('salkit::demo/umt-tiny_cc-kl') == find_config('demo/umt-tiny_cc-kl')


def test_what_is_read_through_named_bases_says_where_it_comes_from(plugin):
    """The file names are those of the user's files, nowhere those of copies."""
    (plugin / 'own.py').write_text("_base_ = ['salkit::_base_/runtime.py']  # a comment\n")
    (plugin / 'deep').mkdir()
    (plugin / 'deep' / 'own.py').write_text(
        "_base_ = '../own.py'\nload_from = '{{ fileDirname }}/{{ fileBasename }}'\n"
        "_here = __import__('pathlib').Path('x').name\n"
    )
    cfg = load_config('with-configs::deep/own')
    assert cfg.filename == str(plugin / 'deep' / 'own.py')
    assert cfg.load_from == cfg.filename and cfg.default_scope == 'salkit' and cfg._here == 'x'
    (plugin / 'deep' / 'own.py').write_text("_base_ = '../own.py'\nload_from = 1 / 0\n")
    with pytest.raises(ConfigError, match=rf'^{plugin}/deep/own\.py: ZeroDivisionError') as error:
        load_config('with-configs::deep/own')
    assert str(error.value).count('/') == str(plugin).count('/') + 2


@pytest.mark.parametrize(
    'bases',
    ["'salkit::_base_/runtime.py', 'gone.py'", "'salkit::_base_/runtime.py' 3", '[3]', 'name'],
)
def test_bases_that_cannot_be_read_name_the_file(plugin, bases):
    (plugin / 'own.py').write_text(f'_base_ = [{bases}]\n')
    with pytest.raises(ConfigError, match=rf'^{plugin}/own\.py: '):
        load_config('with-configs::own')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('nobody::x', "no installed plugin is called 'nobody'; installed: .*with-configs"),
        ('with-configs::ovn', 'the plugin with-configs brings own; did you mean own'),
        ('with-configs::../secret', 'does not exist'),
        ('with-configs::', 'does not exist'),
        ('salkit::demo/nothing', 'neither as a file nor by name'),
    ],
)
def test_what_is_not_there_is_told(plugin, name, message):
    (plugin / 'own.py').write_text('train_cfg = dict()\n')
    (plugin.parent / 'secret.py').write_text('train_cfg = dict()\n')
    with pytest.raises(ConfigError, match=message):
        find_config(name)


def test_the_folder_of_a_name_may_be_left_out(plugin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config('umt-l16_cc-kl') == find_config('salfom/umt-l16_cc-kl')
    assert find_config('salkit::umt-tiny_cc-kl.py') == find_config('demo/umt-tiny_cc-kl')
    for folder in ('one', 'two'):
        (plugin / folder).mkdir()
        (plugin / folder / 'own.py').write_text('train_cfg = dict()\n')
    with pytest.raises(ConfigError, match='say which one, one/own or two/own'):
        find_config('with-configs::own')
    (plugin / 'own.py').write_text('train_cfg = dict()\n')
    assert find_config('with-configs::own') == plugin / 'own.py'
    # Half a name is none, and a file of one's own comes first.
    with pytest.raises(ConfigError, match='did you mean'):
        find_config('l16_cc-kl')
    (tmp_path / 'umt-l16_cc-kl.py').write_text('train_cfg = dict()\n')
    assert find_config('umt-l16_cc-kl.py').resolve() == tmp_path / 'umt-l16_cc-kl.py'


def test_a_base_that_is_not_there_is_told(plugin):
    (plugin / 'own.py').write_text("_base_ = 'salkit::demo/umt-tinny_cc-kl'\n")
    with pytest.raises(ConfigError, match=r'own\.py: .* did you mean demo/umt-tiny_cc-kl'):
        load_config('with-configs::own')


def test_bases_of_mmengine_are_looked_up_as_ever(tmp_path):
    shutil.copytree(config_root() / '_base_', tmp_path / '_base_')
    (tmp_path / 'own.py').write_text("_base_ = '_base_/runtime.py'\n")
    assert load_config(tmp_path / 'own.py').default_scope == 'salkit'
