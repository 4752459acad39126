import warnings
from dataclasses import replace
from types import SimpleNamespace

import pytest

from salkit import registry
from salkit.encoders import UMTEncoder
from salkit.errors import ConfigError
from salkit.metrics import get_protocol, protocol_names
from salkit.metrics.protocols import owner_of, unregister_protocol
from salkit.plugin import hookimpl, manager


class FakeEntry:
    """An entry point that loads whatever it is given."""

    def __init__(self, name, plugin, dist='dist'):
        self.name, self.value, self.plugin = name, f'{name}:plugin', plugin
        self.dist = SimpleNamespace(name=f'salkit-{dist}', version='1.0')

    def load(self):
        if isinstance(self.plugin, Exception):
            raise self.plugin
        return self.plugin


def plugin_with(*classes, hook='register_encoders'):
    def register_all(self, register):
        for cls in classes:
            register(cls, smoke=dict(a=1))

    register_all.__name__ = hook
    return type('Plugin', (), {hook: hookimpl(register_all)})()


def new_class(name):
    return type(name, (UMTEncoder,), {})


@pytest.fixture
def load(monkeypatch):
    """Function that loads the given entries into registries that forget them afterwards."""
    registry.ENCODERS.import_from_location()
    for target in manager.ROLES.values():
        monkeypatch.setattr(target, '_module_dict', dict(target._module_dict))
    manager.load_plugins.cache_clear()

    def loader(*entries):
        monkeypatch.setattr(manager.metadata, 'entry_points', lambda group: list(entries))
        manager.load_plugins.cache_clear()
        return {record.name: record for record in manager.load_plugins()}

    yield loader
    manager.load_plugins.cache_clear()


def test_a_plugin_registers_its_classes(load):
    records = load(FakeEntry('a', plugin_with(new_class('OneEncoder'))))
    assert records['a'].error is None
    assert records['a'].registered == [('encoder', 'OneEncoder', dict(a=1))]
    assert registry.ENCODERS.get('OneEncoder').__name__ == 'OneEncoder'


def test_a_broken_plugin_never_stops_the_others(load):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        records = load(
            FakeEntry('b-broken', ImportError('no module named foo')),
            FakeEntry('a', plugin_with(new_class('AEncoder'))),
            FakeEntry('c', plugin_with(new_class('CEncoder'))),
        )
    assert list(records) == ['a', 'b-broken', 'c']
    assert records['b-broken'].error == 'ImportError: no module named foo'
    assert records['a'].registered and records['c'].registered
    (warning,) = [w for w in caught if 'left out' in str(w.message)]
    assert 'b-broken' in str(warning.message) and 'salkit-dist 1.0' in str(warning.message)


def test_a_name_clash_names_both_distributions(load):
    with pytest.warns(UserWarning, match='left out'):
        records = load(
            FakeEntry('a', plugin_with(new_class('SameEncoder')), 'first'),
            FakeEntry(
                'b', plugin_with(new_class('OtherEncoder'), new_class('SameEncoder')), 'second'
            ),
        )
    assert 'salkit-first 1.0' in records['b'].error and 'salkit-second 1.0' in records['b'].error
    # What it had registered before is taken back; the first keeps its own.
    assert records['b'].registered == [] and registry.ENCODERS.get('OtherEncoder') is None
    assert registry.ENCODERS.get('SameEncoder') is not None


def test_a_built_in_name_is_taken(load):
    with pytest.warns(UserWarning):
        records = load(FakeEntry('a', plugin_with(new_class('UMTEncoder'))))
    assert 'registered by salkit itself' in records['a'].error
    assert registry.ENCODERS.get('UMTEncoder') is UMTEncoder


@pytest.mark.parametrize(
    'plugin', [plugin_with('NotAClass'), plugin_with(new_class('X'), hook='register_encodres')]
)
def test_wrong_use_of_hooks_is_an_error_of_that_plugin(load, plugin):
    with pytest.warns(UserWarning, match='left out'):
        assert load(FakeEntry('a', plugin))['a'].error


def test_config_folders(load, tmp_path):
    class Plugin:
        @hookimpl
        def config_dirs(self):
            return [tmp_path]

    assert load(FakeEntry('a', Plugin()))['a'].config_dirs == [tmp_path]


def protocol_plugin(*names, then=None):
    class Plugin:
        @hookimpl
        def register_protocols(self, register):
            for name in names:
                register(replace(get_protocol('exact'), name=name))
            if then:
                raise then

    return Plugin()


def test_a_plugin_brings_protocols(load):
    records = load(FakeEntry('a', protocol_plugin('first-protocol'), 'first'))
    assert records['a'].error is None and records['a'].protocols == ['first-protocol']
    try:
        assert get_protocol('first-protocol').metrics == get_protocol('exact').metrics
        assert owner_of('first-protocol') == 'salkit-first 1.0'
        with pytest.warns(UserWarning, match='left out'):
            records = load(FakeEntry('b', protocol_plugin('mine', 'first-protocol'), 'second'))
        assert (
            'salkit-first 1.0' in records['b'].error and 'salkit-second 1.0' in records['b'].error
        )
        assert records['b'].protocols == [] and 'mine' not in protocol_names()
        # Those of the first plugin are not taken back with them.
        assert 'first-protocol' in protocol_names()
    finally:
        unregister_protocol('first-protocol')


def test_a_broken_plugin_leaves_no_protocol(load):
    with pytest.warns(UserWarning, match='left out'):
        load(FakeEntry('a', protocol_plugin('half', then=RuntimeError('broken'))))
    with pytest.raises(ConfigError, match=r'plugin a .* failed to load: RuntimeError: broken'):
        get_protocol('half')
