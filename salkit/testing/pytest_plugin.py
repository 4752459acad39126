"""The option `--installed`, which has to be known before salkit's tests are found.

pytest loads this module in every session of an environment that has salkit, so it imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# Whether the session was asked to test what is installed.
installed = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--installed`."""
    group = parser.getgroup('salkit', 'salkit')
    group.addoption(
        '--installed',
        action='store_true',
        help='with --pyargs salkit.testing: test every installed part of salkit and its plugins',
    )


def pytest_configure(config: pytest.Config) -> None:
    """Note whether it was given: a test module has no other way to know what to collect."""
    global installed
    installed = config.getoption('--installed')
