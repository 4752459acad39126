import copy
import inspect
import os
import pickle
import subprocess
import sys
from pathlib import Path

import mmengine
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

import salkit
from salkit.config import apply_options, load_config, parse_options
from salkit.config.find import config_names, config_root, find_config
from salkit.config.options import RUNNER_KEYS
from salkit.errors import ConfigError

NAME = 'demo/umt-tiny_cc-kl'


def options(*items):
    return parse_options(list(items))


def write(tmp_path, text):
    path = tmp_path / 'own.py'
    path.write_text(text)
    return path


def test_runner_keys_are_those_of_the_runner():
    assert set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'} == set(RUNNER_KEYS)


def test_names_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = find_config('salfom/umt-l16_cc-kl')
    assert path.is_file()
    assert find_config('configs/salfom/umt-l16_cc-kl.py') == path
    assert 'salfom/umt-l16_cc-kl' in config_names()
    assert not any(name.startswith('_base_') for name in config_names())


@pytest.mark.parametrize(
    'name', ['salfom/umt-l16_cc-kI', 'nothing', '', '../setup', '/etc/passwd.py']
)
def test_a_config_that_does_not_exist(name):
    with pytest.raises(ConfigError, match='does not exist'):
        load_config(name)


def test_the_nearest_name_is_offered():
    with pytest.raises(ConfigError, match='did you mean salfom/umt-l16_cc-kl'):
        load_config('salfom/umt-l16_cc-k')


def test_the_text_of_a_config_follows_its_content(monkeypatch):
    formatted = []
    original = mmengine.config.config.FormatCode

    def count(*args, **options):
        formatted.append(args)
        return original(*args, **options)

    monkeypatch.setattr(mmengine.config.config, 'FormatCode', count)
    cfg = load_config(NAME)
    text = cfg.pretty_text
    assert text == Config(cfg.to_dict()).pretty_text
    formatted.clear()
    assert copy.deepcopy(cfg).pretty_text == cfg.pretty_text == text and not formatted
    cfg.model.encoder.clip_len = 77
    assert cfg.pretty_text == text.replace('clip_len=8', 'clip_len=77', 1) != text
    again = pickle.loads(pickle.dumps(cfg))
    assert again.pretty_text == cfg.pretty_text and again.filename == cfg.filename


def test_unknown_top_level_keys_are_refused(tmp_path):
    path = write(tmp_path, "optim_wraper = dict(type='OptimWrapper')\n_helper = 1\n")
    with pytest.raises(
        ConfigError, match=r"own\.py: unknown top-level key 'optim_wraper'.*optim_wrapper"
    ):
        load_config(path)


@pytest.mark.parametrize('text', ['model = dict(', "_base_ = './missing.py'", 'x = 1 / 0'])
def test_a_broken_config_is_one_error_that_names_the_file(tmp_path, text):
    with pytest.raises(ConfigError, match=r'own\.py|missing\.py'):
        load_config(write(tmp_path, text))


def test_data_sets_follow_the_shared_root_and_type(tmp_path):
    path = write(
        tmp_path,
        f"_base_ = '{config_root()}/{NAME}.py'\n"
        "data_root = '/shared'\n"
        "test_dataloader = dict(dataset=dict(data_root='/own'))\n",
    )
    cfg = load_config(path)
    assert cfg.train_dataloader.dataset.data_root == '/shared'
    assert cfg.test_dataloader.dataset.data_root == '/own'
    assert cfg.train_dataloader.dataset.type == 'DemoDataset'
    apply_options(cfg, options('data_root=/new', 'dataset_type=UCFSportsDataset'))
    assert cfg.train_dataloader.dataset.data_root == '/new'
    assert cfg.test_dataloader.dataset.data_root == '/own'
    assert cfg.val_dataloader.dataset.type == 'UCFSportsDataset'


def test_a_precise_option_wins_over_a_shared_one():
    cfg = load_config(NAME, options('val_dataloader.dataset.data_root=/val', 'data_root=/all'))
    assert cfg.val_dataloader.dataset.data_root == '/val'
    assert cfg.train_dataloader.dataset.data_root == '/all'


def test_options_reach_into_dicts_and_lists():
    cfg = load_config(
        NAME,
        options(
            'train_dataloader.batch_size=2',
            'train_dataloader.dataset.pipeline.0.size=[32,48]',
            'load_from=None',
            '+model.encoder.depth=1',
            '+model.decoder.fusion.width=0.5',
        ),
    )
    assert cfg.train_dataloader.batch_size == 2
    assert cfg.train_dataloader.dataset.pipeline[0].size == [32, 48]
    assert cfg.val_dataloader.dataset.pipeline[0].size == (64, 96)
    assert cfg.load_from is None
    assert cfg.model.encoder.depth == 1 and cfg.model.decoder.fusion.width == 0.5


@pytest.mark.parametrize(
    ('item', 'message'),
    [
        ('train_dataloader.batchsize=2', 'did you mean batch_size'),
        ('nothing=2', "no 'nothing'"),
        ('model.encoder.arch.x=2', 'nothing inside'),
        (
            'train_dataloader.dataset.pipeline.9.size=2',
            "expected an index of a list of 5 entries, got '9'",
        ),
        ('train_dataloader.dataset.pipeline.0.size.0=2', 'a tuple is set as a whole'),
        ('novalue', 'expected key=value'),
        ('x=[1,2', 'Imbalanced'),
        ('+nothing=2', 'unknown top-level key'),
    ],
)
def test_options_that_do_not_fit_are_refused(item, message):
    with pytest.raises(ConfigError) as error:
        load_config(NAME, options(item))
    assert message in str(error.value)


def test_a_new_type_drops_the_old_arguments():
    cfg = load_config(NAME, options('model.decoder.branches.dfd.type=Swin3DBranch'))
    dfd = cfg.model.decoder.branches.dfd
    assert dfd.type == 'Swin3DBranch' and 'layers' not in dfd and 'separable' not in dfd
    assert 'width' in dfd


def test_importing_salkit_is_quiet_and_light():
    code = (
        'import sys, salkit\n'
        "heavy = {'timm', 'matplotlib', 'torch', 'mmengine'} & set(sys.modules)\n"
        'assert not heavy, heavy\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


def test_loading_a_config_imports_neither_timm_nor_matplotlib():
    code = (
        f'import sys, salkit\nsalkit.load_config({NAME!r})\n'
        "assert not {'timm', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, '-c', code], check=True, env={**os.environ})


def test_public_names():
    for name in salkit.__all__:
        assert getattr(salkit, name) is not None
    assert set(salkit.__all__) <= set(dir(salkit))
    with pytest.raises(AttributeError):
        _ = salkit.nothing


def test_configs_hold_no_import_statement():
    # One import would flip mmengine into its other config dialect.
    for path in Path(config_root()).rglob('*.py'):
        assert not any(
            line.startswith(('import ', 'from ')) for line in path.read_text().splitlines()
        ), path


@pytest.mark.parametrize('path', ['/dev/zero', 'x' * 5000, '/' + 'x/' * 3000, 'a\0b'])
def test_what_is_no_file_of_a_config(path):
    with pytest.raises(ConfigError, match=r'is a device|does not exist'):
        load_config(path)


def test_bases_that_name_each_other(tmp_path):
    (tmp_path / 'own.py').write_text("_base_ = './other.py'\n")
    (tmp_path / 'other.py').write_text("_base_ = './own.py'\n")
    with pytest.raises(ConfigError, match='builds on more than 100 files, or on itself'):
        load_config(tmp_path / 'own.py')


def test_a_config_that_leaves_is_one_error(tmp_path):
    with pytest.raises(ConfigError, match=r'own\.py: SystemExit: 3'):
        load_config(write(tmp_path, 'exit(3)'))
