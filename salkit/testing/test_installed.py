"""Runs the suites on everything that is installed: `pytest --pyargs salkit.testing --installed`.

Each part gets a test class called after it, so that `-k TinyEncoder` selects its tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import pytest_plugin

if TYPE_CHECKING:
    from ..plugin import PluginRecord
    from .smoke import Part

HOW = 'pytest --pyargs salkit.testing --installed tests every part of salkit and of its plugins'


class _WithoutSmoke:
    """A test that is skipped, and says why."""

    found: Part

    def test_smoke_arguments(self) -> None:
        """The arguments of a tiny instance are known."""
        name, owner = self.found.cls.__name__, self.found.owner
        pytest.skip(
            f'{name}: {owner} registers this {self.found.registry} without smoke arguments, '
            f'register({name}, smoke=dict(...))'
        )


def _make_classes() -> dict[str, type]:
    from . import DatasetSuite, DecoderSuite, EncoderSuite, LossSuite, MetricSuite
    from .smoke import registered_parts

    suites = (EncoderSuite, DecoderSuite, LossSuite, MetricSuite, DatasetSuite)
    by_registry: dict[str, type] = {suite.registry: suite for suite in suites}
    classes: dict[str, type] = {}
    for found in registered_parts():
        base = by_registry[found.registry] if found.variants else _WithoutSmoke
        variants = found.variants or ({},)
        for number, smoke in enumerate(variants):
            name = f'Test{found.cls.__name__}' + f'_{number}' * (len(variants) > 1)
            # One name may stand in two registries.
            name = f'{name}_{found.registry}' if name in classes else name
            own = dict(part=found.cls, smoke=smoke, found=found)
            own |= dict(__doc__=f'{found.cls.__name__} of {found.owner}.', __module__=__name__)
            classes[name] = type(name, (base,), own)
    return classes


if pytest_plugin.installed:
    from ..plugin import load_plugins

    globals().update(_make_classes())

    @pytest.mark.parametrize('record', load_plugins(), ids=lambda record: record.name)
    def test_plugin_loads(record: PluginRecord) -> None:
        """An installed plugin can be loaded."""
        if record.error:
            pytest.fail(
                f'the plugin {record.name} ({record.distribution}) failed to load: {record.error}',
                pytrace=False,
            )

else:

    def test_installed() -> None:
        """Nothing is tested unless it is asked for."""
        pytest.skip(HOW)
