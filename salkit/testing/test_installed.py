"""Runs the suites on everything that is installed: `pytest --pyargs salkit.testing --installed`.

Each part gets a test class called after it, so that `-k TinyEncoder` selects its tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import pytest_plugin

if TYPE_CHECKING:
    from ..plugin import PluginRecord

HOW = 'pytest --pyargs salkit.testing --installed tests every part of salkit and of its plugins'


def _make_classes() -> dict[str, type]:
    from . import DatasetSuite, DecoderSuite, EncoderSuite, LossSuite, MetricSuite
    from .smoke import registered_parts

    suites = (EncoderSuite, DecoderSuite, LossSuite, MetricSuite, DatasetSuite)
    by_registry: dict[str, type] = {suite.registry: suite for suite in suites}
    classes: dict[str, type] = {}
    for part in registered_parts():
        for number, smoke in enumerate(part.variants):
            name = f'Test{part.cls.__name__}' + f'_{number}' * (len(part.variants) > 1)
            # One name may stand in two registries.
            name = f'{name}_{part.registry}' if name in classes else name
            about = f'{part.cls.__name__} of {part.owner}.'
            own = dict(part=part.cls, smoke=smoke, __doc__=about, __module__=__name__)
            classes[name] = type(name, (by_registry[part.registry],), own)
    return classes


if pytest_plugin.installed:
    from ..plugin import load_plugins
    from .smoke import registered_parts

    globals().update(_make_classes())

    @pytest.mark.parametrize('record', load_plugins(), ids=lambda record: record.name)
    def test_plugin_loads(record: PluginRecord) -> None:
        """An installed plugin can be loaded."""
        if record.error:
            pytest.fail(
                f'the plugin {record.name} ({record.distribution}) failed to load: {record.error}',
                pytrace=False,
            )

    def test_smoke_arguments() -> None:
        """The arguments of a tiny instance of every part are known; others are not tested."""
        lacking = [f'{p.cls.__name__} of {p.owner}' for p in registered_parts() if not p.variants]
        if lacking:
            pytest.skip(
                f'registered without smoke arguments, register(PART, smoke=dict(...)): '
                f'{", ".join(lacking)}'
            )

else:

    def test_installed() -> None:
        """Nothing is tested unless it is asked for."""
        pytest.skip(HOW)
