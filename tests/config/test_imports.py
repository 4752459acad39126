"""`custom_imports`: a file of the user's beside a config, with a loss that the config names."""

import sys

import pytest
from make_data import write_dataset

from salkit import registry
from salkit.builder import known_names
from salkit.checkpoints.checkpoint import read_plain_config
from salkit.config import load_config, parse_options
from salkit.errors import ConfigError

LOSS = """
from salkit.losses import CCLoss
from salkit.registry import LOSSES


@LOSSES.register_module()
class {name}(CCLoss):
    pass
"""
CONFIG = """
_base_ = 'salkit::demo/umt-tiny_cc-kl.py'
custom_imports = {imports}
model = dict(losses=dict(cc=dict(type='{name}')))
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder for configs; what is imported from it is forgotten afterwards."""
    monkeypatch.setattr(sys, 'path', list(sys.path))
    # Those of salkit are there by now, and stay.
    losses = set(known_names(registry.LOSSES))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], '__file__', '')):
            del sys.modules[name]
    for name in set(registry.LOSSES.module_dict) - losses:
        del registry.LOSSES.module_dict[name]


def write(folder, imports, name='MineLoss', module='my_loss', config='own.py'):
    folder.mkdir(parents=True, exist_ok=True)
    if module:
        path = folder / (module.replace('.', '/') + '.py')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LOSS.format(name=name))
    (folder / config).write_text(CONFIG.format(imports=imports, name=name))
    return folder / config


@pytest.mark.parametrize(
    ('imports', 'module'),
    [
        (['my_loss.py'], 'my_loss'),
        ('my_loss.py', 'my_loss'),
        (['parts/my_loss.py'], 'parts.my_loss'),
        (['my_loss'], 'my_loss'),
        (dict(imports=['my_loss'], allow_failed_imports=False), 'my_loss'),
        (dict(imports='parts.my_loss'), 'parts.my_loss'),
        (dict(imports=['no_such_module', 'my_loss'], allow_failed_imports=True), 'my_loss'),
    ],
)
def test_a_config_names_what_a_file_beside_it_registers(place, imports, module):
    path = write(place, repr(imports), module=module)
    for _ in range(2):
        cfg = load_config(path, parse_options(['model.losses.cc.type=MineLoss']))
        assert cfg.model.losses.cc.type == 'MineLoss'
    assert registry.LOSSES.get('MineLoss').__module__ == (
        'my_loss' if 'py' in str(imports) else module
    )


def test_the_file_may_lie_beside_a_base(place):
    write(place / 'shared', ['my_loss.py'], config='base.py')
    (place / 'own').mkdir()
    (place / 'own' / 'own.py').write_text("_base_ = '../shared/base.py'\n")
    cfg = load_config(place / 'own' / 'own.py')
    assert cfg.custom_imports == [str(place / 'shared' / 'my_loss.py')]


def test_a_copy_of_the_config_finds_the_file(place):
    cfg = load_config(write(place / 'one', ['my_loss.py']))
    (place / 'copy.py').write_text(cfg.pretty_text)
    assert load_config(place / 'copy.py').custom_imports == cfg.custom_imports


def test_options_may_name_a_file(place):
    path = write(place, None)
    options = parse_options(["custom_imports=['my_loss.py']", 'model.losses.cc.type=MineLoss'])
    assert load_config(path, options).model.losses.cc.type == 'MineLoss'


@pytest.mark.parametrize(
    ('imports', 'source', 'message'),
    [
        (['none.py'], None, r'there is no file .*/none\.py'),
        (['none'], None, 'none: ModuleNotFoundError'),
        (['bad.py'], 'x = 1 / 0', r'bad\.py: ZeroDivisionError: division by zero'),
        (['bad.py'], 'raise SystemExit', r'bad\.py: SystemExit'),
        (['bad.py'], 'def', r'bad\.py: SyntaxError'),
        (['json.py'], '', r'json\.py: another module is called json \(.*; give the file another'),
        (['json'], '', r'json\.py: another module is called json'),
        (3, None, r"expected a list such as \['my_loss.py'\], got 3"),
        ([3], None, r'expected a list such as'),
        (dict(import_='x'), None, "unknown key 'import_'"),
    ],
)
def test_imports_that_fail_name_the_file(place, imports, source, message):
    path = write(place, repr(imports), module=None)
    if source is not None:
        (place / imports[0].removesuffix('.py')).with_suffix('.py').write_text(source)
    with pytest.raises(ConfigError, match=rf'own\.py: custom_imports: .*{message}') as error:
        load_config(path)
    assert '\n' not in str(error.value)


def test_what_a_checkpoint_says_imports_nothing(place):
    text = load_config(write(place, ['my_loss.py'])).pretty_text
    del sys.modules['my_loss']
    assert read_plain_config(text, 'stored')['custom_imports'] == [str(place / 'my_loss.py')]
    assert 'my_loss' not in sys.modules


@pytest.mark.slow
def test_training_and_testing_with_a_loss_of_ones_own(place, nursery, tmp_path):
    path = write(place, ['my_loss.py'])
    root = write_dataset(tmp_path / 'set')
    options = [f'data_root={root}', 'model.encoder.clip_len=4', 'train_cfg.max_epochs=1']
    options += [f'{name}_dataloader.dataset.clip_len=4' for name in ('train', 'val', 'test')]
    options += ['train_dataloader.batch_size=2']
    work_dir = tmp_path / 'work'
    argv = ['train', path, '--work-dir', work_dir, '--test', '--cfg-options', *options]
    done = nursery.run(argv, tmp_path)
    assert done.status == 0, done.err[-2000:]
    assert (work_dir / 'scores.json').exists()
