import signal
import subprocess
import sys
import warnings

import pytest
from make_plugin import BROKEN, ENCODER, make_plugin, register_source

from salkit import registry
from salkit.builder import resolve
from salkit.encoders import UMTEncoder
from salkit.errors import ConfigError, PluginError, PluginWarning
from salkit.metrics import get_protocol, protocol_names
from salkit.plugin import installed_plugins, load_plugins, owner_of, reset_plugins

PROTOCOLS = """
from dataclasses import replace

from salkit import hookimpl
from salkit.metrics import get_protocol


@hookimpl
def register_protocols(register):
    for name in {names}:
        register(replace(get_protocol('exact'), name=name))
    {then}
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on Python's path; what is loaded from it is forgotten afterwards."""
    folder = tmp_path / 'site'
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv('SALKIT_PLUGINS', raising=False)
    monkeypatch.delenv('SALKIT_STRICT_PLUGINS', raising=False)
    reset_plugins()
    yield folder
    reset_plugins()
    for name in [name for name in sys.modules if name.startswith('plugin_')]:
        del sys.modules[name]


def load(names=()):
    """The records by name, and what was said of each of `names`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        records = {record.name: record for record in installed_plugins()}
    said = [str(w.message) for w in caught if issubclass(w.category, PluginWarning)]
    return records, {name: [m for m in said if f'plugin {name} (' in m] for name in names}


def test_a_plugin_registers_its_classes(site):
    make_plugin(site, 'one')
    records, said = load(['one'])
    record = records['one']
    assert record.error is None and said['one'] == []
    assert record.registered == [('encoder', 'OneEncoder', dict(arch='tiny', clip_len=8))]
    assert (record.package, record.version) == ('salkit-one', '1.0')
    assert record.location == str(site)
    assert registry.ENCODERS.get('OneEncoder').__name__ == 'OneEncoder'


@pytest.mark.parametrize('name', BROKEN)
def test_a_broken_plugin_is_reported_once_and_stops_no_other(site, name):
    source, message = BROKEN[name]
    make_plugin(site, name, source)
    make_plugin(site, 'a-good')
    make_plugin(site, 'z-good')
    records, said = load([name, 'a-good', 'z-good'])
    (told,) = said[name]
    assert message in told and f'(salkit-{name} 1.0)' in told and '\n' not in told
    assert message in records[name].error and records[name].traceback
    assert records[name].registered == []
    for good, encoder in (('a-good', 'AGoodEncoder'), ('z-good', 'ZGoodEncoder')):
        assert records[good].error is None and said[good] == []
        assert registry.ENCODERS.get(encoder)
    # What is there already is not harmed, and what is missing tells of the broken one.
    assert registry.ENCODERS.get('UMTEncoder') is UMTEncoder
    with pytest.raises(ConfigError) as error:
        resolve(registry.ENCODERS, 'WantedEncoder')
    assert f'plugin {name} (salkit-{name} 1.0) failed to load' in str(error.value)
    # Nobody is told again.
    assert load([name])[1][name] == []


HANG = 'import time\nwhile True:\n    try:\n        time.sleep(60)\n    except {}:\n        pass\n'


@pytest.mark.parametrize('caught', ['Exception', 'KeyboardInterrupt'])
@pytest.mark.parametrize('where', ['import', 'hook'])
def test_a_plugin_that_never_returns_is_left_out(site, monkeypatch, where, caught):
    source = HANG.format(caught)
    make_plugin(site, 'slow', source if where == 'import' else register_source(*source.split('\n')))
    make_plugin(site, 'z-good')
    monkeypatch.setenv('SALKIT_PLUGIN_SECONDS', '0.3')
    records, said = load(['slow'])
    assert 'took more than 0.3 s to load' in said['slow'][0]
    assert records['z-good'].error is None
    # Nothing of the limit is left.
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_while_a_plugin_is_loaded_is_not_its_fault(site):
    make_plugin(site, 'slow', 'import signal\nsignal.raise_signal(signal.SIGINT)\n')
    with pytest.raises(KeyboardInterrupt):
        load()


def test_a_clash_names_both_and_the_first_stays(site):
    make_plugin(site, 'first', class_name='SameEncoder')
    two = register_source(
        'from salkit.encoders import UMTEncoder',
        "register(type('BeforeEncoder', (UMTEncoder,), {}))",
        "register(type('SameEncoder', (UMTEncoder,), {}))",
    )
    make_plugin(site, 'second', two)
    records, said = load(['first', 'second'])
    assert said['first'] == [] and len(said['second']) == 1
    assert 'salkit-first 1.0' in records['second'].error
    assert 'salkit-second 1.0' in records['second'].error
    assert registry.ENCODERS.get('BeforeEncoder') is None
    assert registry.ENCODERS.get('SameEncoder').__module__ == 'plugin_first'


def test_of_two_versions_the_one_python_finds_counts(site, tmp_path, monkeypatch):
    make_plugin(site, 'twice', version='2.0', class_name='NewEncoder')
    make_plugin(tmp_path / 'later', 'twice', version='1.0', class_name='OldEncoder')
    monkeypatch.setattr(sys, 'path', [*sys.path, str(tmp_path / 'later')])
    records, said = load(['twice'])
    assert said['twice'] == []
    assert records['twice'].version == '2.0' and registry.ENCODERS.get('NewEncoder')
    assert registry.ENCODERS.get('OldEncoder') is None


def test_what_a_plugin_prints_is_kept_off_the_output(site, capsys):
    make_plugin(site, 'loud', "print('Welcome!')\n" + ENCODER.format(class_name='LoudEncoder'))
    records, said = load(['loud'])
    printed = capsys.readouterr()
    assert (printed.out, printed.err, said['loud']) == ('', 'Welcome!\n', [])
    assert records['loud'].error is None


def test_a_class_may_be_registered_by_the_registrys_decorator_as_well(site):
    source = (
        'from salkit.encoders import UMTEncoder\nfrom salkit.registry import ENCODERS\n\n\n'
        '@ENCODERS.register_module()\nclass BothEncoder(UMTEncoder):\n    pass\n\n\n'
    )
    make_plugin(site, 'both', source + register_source('register(BothEncoder)'))
    records, said = load(['both'])
    assert said['both'] == [] and records['both'].registered == [('encoder', 'BothEncoder', None)]


def test_a_plugin_that_builds_while_it_is_imported(site):
    source = 'from salkit.builder import resolve\nfrom salkit.registry import ENCODERS\n'
    source += "resolve(ENCODERS, 'UMTEncoder')\n" + ENCODER.format(class_name='EagerEncoder')
    make_plugin(site, 'eager', source)
    assert load()[0]['eager'].error is None


@pytest.mark.parametrize(
    ('value', 'chosen'),
    [('', []), ('one', ['one']), ('salkit-two', ['two']), ('plugin_one,two', ['one', 'two'])],
)
def test_plugins_are_chosen_by_the_environment(site, monkeypatch, value, chosen):
    monkeypatch.setenv('SALKIT_PLUGINS', value)
    make_plugin(site, 'one')
    make_plugin(site, 'two', 'raise RuntimeError\n')
    records, said = load(['one', 'two'])
    assert [name for name in ('one', 'two') if records[name].chosen] == chosen
    assert bool(said['two']) == ('two' in chosen)
    assert ('plugin_one' in sys.modules) == ('one' in chosen)
    if not chosen:
        with pytest.raises(ConfigError, match=r'SALKIT_PLUGINS leaves out one \(salkit-one 1.0\)'):
            resolve(registry.ENCODERS, 'OneEncoder')


def test_an_unknown_choice_is_told(site, monkeypatch):
    monkeypatch.setenv('SALKIT_PLUGINS', 'one,tow')
    make_plugin(site, 'one')
    with pytest.warns(PluginWarning, match='SALKIT_PLUGINS names tow, which is not installed'):
        installed_plugins()


def test_strict_loading_stops_at_every_call(site, monkeypatch):
    monkeypatch.setenv('SALKIT_STRICT_PLUGINS', '1')
    make_plugin(site, 'good')
    make_plugin(site, 'bad', 'raise RuntimeError("broken")\n')
    load()
    for _ in range(2):
        with pytest.raises(PluginError, match=r'bad \(salkit-bad 1.0\).*RuntimeError: broken'):
            load_plugins()
    monkeypatch.setenv('SALKIT_STRICT_PLUGINS', '0')
    assert any(record.error for record in load_plugins())


def test_a_plugin_brings_protocols(site):
    make_plugin(site, 'first', PROTOCOLS.format(names=['first-protocol'], then=''))
    make_plugin(site, 'second', PROTOCOLS.format(names=['mine', 'first-protocol'], then=''))
    records, _ = load()
    assert records['first'].registered == [('protocol', 'first-protocol', None)]
    assert get_protocol('first-protocol').metrics == get_protocol('exact').metrics
    assert owner_of(registry.PROTOCOLS, 'first-protocol') == 'salkit-first 1.0'
    assert 'salkit-first 1.0' in records['second'].error
    assert records['second'].registered == [] and 'mine' not in protocol_names()
    reset_plugins()
    assert owner_of(registry.PROTOCOLS, 'first-protocol') is None


def test_a_broken_plugin_leaves_no_protocol(site):
    make_plugin(site, 'half', PROTOCOLS.format(names=['half'], then="raise RuntimeError('broken')"))
    load()
    with pytest.raises(ConfigError, match=r'plugin half .* failed to load: .*RuntimeError: broken'):
        get_protocol('half')


def test_what_is_forgotten_is_found_anew(site):
    make_plugin(site, 'early')
    load()
    reset_plugins()
    assert registry.ENCODERS.module_dict.get('EarlyEncoder') is None
    make_plugin(site, 'late')
    assert {'early', 'late'} <= set(load()[0])
    assert resolve(registry.ENCODERS, 'LateEncoder')


def test_importing_salkit_and_asking_for_help_imports_no_plugin(site):
    for number in range(50):
        make_plugin(site, f'many{number}')
    code = (
        'import sys, salkit, salkit.cli\n'
        "try:\n    salkit.cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('plugin_')], file=sys.stderr)\n"
        "print([name for name in ('torch', 'pluggy') if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, env={'PYTHONPATH': str(site)}
    )
    assert done.stderr.split() == ['[]', '[]']
