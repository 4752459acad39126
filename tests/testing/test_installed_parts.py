import subprocess
import sys

import pytest

from salkit import registry
from salkit.testing.smoke import BUILT_INS, REGISTRIES, WRAPPERS, registered_part, registered_parts


def run_pytest(cwd, *options):
    command = [
        sys.executable,
        '-m',
        'pytest',
        '--pyargs',
        'salkit.testing',
        '-p',
        'no:cacheprovider',
    ]
    return subprocess.run([*command, *options], cwd=cwd, capture_output=True, text=True)


def test_every_built_in_part_has_smoke_arguments():
    own = {
        (part.registry, part.cls.__name__) for part in registered_parts() if part.owner == 'salkit'
    }
    # Data sets share theirs.
    assert {part for part in own if part[0] != 'dataset'} == set(BUILT_INS) and not own & WRAPPERS
    assert all(part.smoke is not None for part in registered_parts() if part.owner == 'salkit')
    assert set(REGISTRIES) == {'encoder', 'decoder', 'loss', 'metric', 'dataset'}


def test_a_class_may_have_several_variants(monkeypatch):
    variants = [dict(width=0.25), dict(width=0.5)]
    monkeypatch.setitem(BUILT_INS, ('decoder', 'DFDBranch'), variants)
    cls = registry.DECODERS.get('DFDBranch')
    assert registered_part('decoder', cls).variants == tuple(variants)


def test_without_the_option_it_says_what_to_do(tmp_path):
    ran = run_pytest(tmp_path, '-rs')
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert '1 skipped' in ran.stdout and '--pyargs salkit.testing --installed' in ran.stdout


def write_plugins(folder):
    """Installs two plugins in a folder of their own, one of which cannot be loaded."""
    for name, code in {
        'salkit_here': (
            'import salkit\n'
            'from salkit.losses import CCLoss\n'
            'class HereLoss(CCLoss): pass\n'
            'class BareLoss(CCLoss): pass\n'
            '@salkit.hookimpl\n'
            'def register_losses(register):\n'
            '    register(HereLoss, smoke=dict(weight=0.5))\n'
            '    register(BareLoss)\n'
        ),
        'salkit_broken': 'import no_such_library\n',
    }.items():
        (folder / f'{name}.py').write_text(code)
        info = folder / f'{name}-0.1.dist-info'
        info.mkdir(parents=True)
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n')
        (info / 'entry_points.txt').write_text(f'[salkit]\n{name} = {name}\n')


@pytest.fixture(scope='module')
def session(tmp_path_factory):
    """One run on a few parts, in an environment with two more plugins."""
    folder = tmp_path_factory.mktemp('plugins')
    write_plugins(folder)
    empty = tmp_path_factory.mktemp('empty')
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv('PYTHONPATH', str(folder))
        chosen = 'HereLoss or CCLoss or plugin_loads or smoke_arguments'
        return run_pytest(empty, '--installed', '-v', '-rs', '-k', chosen)


def test_registered_parts_are_tested_by_name(session):
    assert 'TestHereLoss::test_weight_is_a_factor PASSED' in session.stdout, session.stdout
    assert 'TestCCLoss::test_weight_is_a_factor PASSED' in session.stdout
    assert 'TestHereLoss::test_scalar FAILED' not in session.stdout


def test_parts_without_smoke_arguments_are_skipped_by_name(session):
    assert 'test_smoke_arguments SKIPPED' in session.stdout
    reason = 'register(PART, smoke=dict(...)): BareLoss of salkit_here 0.1'
    assert reason in session.stdout


def test_a_plugin_that_fails_to_load_fails_a_test(session):
    assert session.returncode == 1
    assert 'test_plugin_loads[salkit_here] PASSED' in session.stdout
    assert 'test_plugin_loads[salkit_broken] FAILED' in session.stdout
    line = 'the plugin salkit_broken (salkit_broken 0.1) failed to load: ModuleNotFoundError'
    assert line in session.stdout


def test_importing_the_kit_is_light():
    code = (
        'import sys, salkit.testing, salkit.testing.pytest_plugin\n'
        "print([m for m in ('torch', 'mmengine', 'numpy', 'pytest') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == '[]'


def test_public_names_are_found():
    import salkit.testing

    assert all(getattr(salkit.testing, name) for name in salkit.testing.__all__)
    assert set(salkit.testing.__all__) <= set(dir(salkit.testing))
    with pytest.raises(AttributeError, match='NoSuite'):
        _ = salkit.testing.NoSuite
