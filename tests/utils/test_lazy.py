"""What packages offer is found, whether it is imported with them or on first use."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import salkit

PACKAGES = [
    'salkit',
    *(m.name for m in pkgutil.walk_packages(salkit.__path__, 'salkit.') if m.ispkg),
]


@pytest.mark.parametrize('name', PACKAGES)
def test_every_public_name_is_found_and_listed(name):
    package, got = importlib.import_module(name), {}
    exec(f'from {name} import *', got)
    public = getattr(package, '__all__', [])
    assert {*public} <= {*got} and {*public} <= {*dir(package)}
    with pytest.raises(AttributeError, match=f'module {name!r} has no attribute'):
        _ = package.typo


def test_packages_of_files_and_scores_import_without_pytorch():
    names = [
        f'salkit.{each}' for each in ('checkpoints', 'datasets', 'metrics', 'prepare', 'scoring')
    ]
    code = f'import sys, {", ".join(names)}; print("torch" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout == 'False\n'
