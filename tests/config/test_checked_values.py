import pytest

from salkit.config import load_config, parse_options
from salkit.config.checked_values import EXPECTED
from salkit.errors import ConfigError

NAME = 'demo/umt-tiny_cc-kl'


def load(*items):
    return load_config(NAME, parse_options(list(items)))


@pytest.mark.parametrize(
    ('item', 'expected'),
    [
        ('train_cfg.max_epochs=abc', "a whole number of at least 1, got 'abc'"),
        ('train_cfg.max_epochs=0', 'a whole number of at least 1, got 0'),
        ('train_cfg.val_interval=0', 'a whole number of at least 1, got 0'),
        ('train_dataloader.batch_size=2.0', 'a whole number of at least 1, got 2.0'),
        ('train_dataloader.batch_size=None', 'a whole number of at least 1, got None'),
        ('train_dataloader.batch_size=true', 'a whole number of at least 1, got True'),
        ('val_dataloader.num_workers=-1', 'a whole number of at least 0, got -1'),
        ('randomness.seed=abc', "a whole number from 0 to 4294967295, got 'abc'"),
        ('randomness.seed=4294967296', 'a whole number from 0 to 4294967295, got 4294967296'),
        ('optim_wrapper.optimizer.lr=-1', 'a number of at least 0, got -1'),
        ('optim_wrapper.optimizer.lr=nan', 'a number of at least 0, got nan'),
        ('optim_wrapper.optimizer.lr=inf', 'a number of at least 0, got inf'),
        ('+default_hooks.checkpoint.filename_tmpl=5', r'text \(.*\), got 5'),
        ('optim_wrapper=Adam', "a dict, got 'Adam'"),
        ('default_hooks.timer=3', 'a dict, got 3'),
        ('train_dataloader.dataset=3', 'a dict, got 3'),
        ('val_evaluator=exact', "a dict or a list of dicts, got 'exact'"),
        ('resume=yes', "True or False, got 'yes'"),
        ('data_root=/a,b', r"text \(in quotes, should it hold a comma\), got \['/a', 'b'\]"),
        ('log_level=loud', "one of DEBUG, INFO, WARNING, ERROR, CRITICAL, got 'loud'"),
    ],
)
def test_a_value_that_does_not_fit(item, expected):
    key = item.partition('=')[0].lstrip('+')
    with pytest.raises(ConfigError, match=rf'^--cfg-options: {key}: expected {expected}$'):
        load(item)


def test_a_value_in_the_file_is_the_files_fault(tmp_path):
    path = tmp_path / 'own.yaml'
    path.write_text(f'_base_: {NAME}\ntrain_cfg: {{max_epochs: many}}\n')
    with pytest.raises(ConfigError, match=r"own\.yaml: train_cfg.max_epochs: .* got 'many'"):
        load_config(path)


def test_values_that_fit():
    assert load('log_level=warning').log_level == 'WARNING'
    assert load('randomness.seed=None', 'optim_wrapper.optimizer.lr=1').randomness.seed is None
    assert load('data_root="/a,b"').val_dataloader.dataset.data_root == '/a,b'


@pytest.mark.parametrize('key', ['+model' + '.a' * 3000, '+model' + '.a' * 60])
def test_keys_have_an_end(key):
    with pytest.raises(ConfigError, match='nested up to 50 deep'):
        load(f'{key}=1')


def test_every_checked_entry_is_one_that_configs_have():
    # A misspelt key would check nothing.
    known = {'train_cfg.max_iters', 'experiment_name', 'work_dir', 'model_wrapper_cfg'}
    known |= {'auto_scale_lr', 'randomness.deterministic', 'train_cfg.val_begin'}
    known |= {'optim_wrapper.optimizer.weight_decay', 'optim_wrapper.accumulative_counts'}
    known |= {f'default_hooks.checkpoint.{key}' for key in ('out_dir', 'filename_tmpl')}
    cfgs = [load_config(name) for name in (NAME, 'salfom/umt-l16_cc-kl')]
    for key in EXPECTED:
        if key.rpartition('.')[2] in ('prefetch_factor', 'drop_last') or key in known:
            continue
        parts = key.split('.')
        assert any(_has(cfg._cfg_dict, parts) for cfg in cfgs), key


def _has(node, parts):
    if not parts or parts[0] == '*':
        return True
    return isinstance(node, dict) and parts[0] in node and _has(node[parts[0]], parts[1:])
