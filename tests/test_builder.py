from pathlib import Path

import pytest
from mmengine.registry import Registry

from salkit.builder import build, check, known_names, resolve
from salkit.errors import ConfigError
from salkit.plugin import messages
from salkit.registry import DATASETS, DECODERS, ENCODERS, HOOKS, LOSSES

TOYS = Registry('toy', scope='salkit')


@TOYS.register_module()
class Toy:
    def __init__(self, size, colour='red'):
        self.size, self.colour = size, colour


@TOYS.register_module()
class NamedToy(Toy):
    def __init__(self, name='x', **options):
        super().__init__(**options)
        self.name = name


def test_builds_with_arguments_of_config_and_caller():
    toy = build(TOYS, dict(type='Toy', colour='blue'), size=3)
    assert (toy.size, toy.colour) == (3, 'blue')


def test_arguments_handed_on_to_a_base_class_are_checked_too():
    assert build(TOYS, dict(type='NamedToy', size=1, colour='green')).colour == 'green'
    with pytest.raises(
        ConfigError, match=r"NamedToy has no argument 'color'; did you mean colour\?"
    ):
        build(TOYS, dict(type='NamedToy', size=1, color='green'))
    with pytest.raises(ConfigError, match="NamedToy needs the argument 'size'"):
        build(TOYS, dict(type='NamedToy'))


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (
            dict(type='Toi', size=1),
            "toy 'Toi', nor does salkit itself; did you mean Toy",
        ),
        (dict(type='Unlike', size=1), 'known: NamedToy, Toy'),
        (dict(type='Toy', colour='red'), "Toy needs the argument 'size'"),
        (dict(type='Toy', size=1, weight=2), "Toy has no argument 'weight'; it takes size, colour"),
        (dict(size=1), "needs a dict with the key 'type'"),
        ('Toy', "needs a dict with the key 'type'"),
    ],
)
def test_what_does_not_fit_is_named(cfg, message):
    with pytest.raises(ConfigError) as error:
        build(TOYS, cfg)
    assert message in str(error.value)


def test_what_the_caller_fills_in_may_not_come_from_the_config():
    with pytest.raises(ConfigError, match='filled in by salkit itself'):
        build(TOYS, dict(type='Toy', size=1), size=2)


def test_another_kind_is_refused():
    with pytest.raises(ConfigError, match="expected a NamedToy, got the type 'Toy'"):
        build(TOYS, dict(type='Toy', size=1), NamedToy)


def test_the_published_plugins_offer_what_is_said_of_them():
    sources = Path(__file__).parent.parent / 'plugins'
    for name, package in messages.KNOWN_PLUGINS.items():
        folder = sources / package / package.replace('-', '_')
        texts = [path.read_text() for path in folder.glob('*.py')]
        assert any(f'class {name}(' in text for text in texts), (name, package)


def test_an_encoder_of_a_published_plugin_is_told_by_its_package(monkeypatch):
    monkeypatch.setitem(messages.KNOWN_PLUGINS, 'FamousEncoder', 'salkit-famous')
    with pytest.raises(ConfigError, match=r"'FamousEncoder', .*; pip install salkit-famous"):
        resolve(ENCODERS, 'FamousEncoder')


def test_every_registry_knows_its_own():
    assert 'UMTEncoder' in known_names(ENCODERS)
    assert {'MultiBranchDecoder', 'Swin3DBranch', 'DFDBranch', 'SFDBranch'} <= set(
        known_names(DECODERS)
    )
    assert {'CCLoss', 'KLLoss', 'SIMLoss', 'NSSLoss'} <= set(known_names(LOSSES))
    assert {'DHF1KDataset', 'Hollywood2Dataset', 'UCFSportsDataset'} <= set(known_names(DATASETS))


def test_mmengines_own_hooks_are_checked_as_well():
    check(HOOKS, dict(type='LoggerHook', interval=5))
    with pytest.raises(ConfigError, match="LoggerHook has no argument 'intervall'"):
        check(HOOKS, dict(type='LoggerHook', intervall=5))
