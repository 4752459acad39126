"""The examples in docstrings print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import salkit

PACKAGE = Path(salkit.__file__).parent
MODULES = [
    '.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts)
    for path in sorted(PACKAGE.rglob('*.py'))
    if '>>> ' in path.read_text(encoding='utf-8')
]


@pytest.mark.parametrize('name', MODULES)
def test_they_print_what_they_say(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted and not result.failed


def test_every_measure_has_one():
    for name in salkit.functional.__all__:
        assert f'functional.{name}(' in (getattr(salkit.functional, name).__doc__ or ''), name
