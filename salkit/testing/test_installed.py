"""Runs the suites on everything that is installed: `pytest --pyargs salkit.testing --installed`.

Each part gets a test class called after it, so that `-k TinyEncoder` selects its tests.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from . import pytest_plugin

HOW = 'pytest --pyargs salkit.testing --installed tests every part of salkit and of its plugins'


def _labels(variants: tuple[dict[str, Any], ...]) -> list[str]:
    """What tells the variants of one class apart in the names of their tests."""
    if len(variants) == 1:
        return ['']
    for key in variants[0]:
        values = [variant.get(key) for variant in variants]
        values = [v.get('name') if isinstance(v, dict) else v for v in values]
        if all(isinstance(v, (str, int)) for v in values) and len(set(values)) == len(values):
            return ['_' + re.sub(r'\W+', '_', str(v)) for v in values]
    return [f'_{number}' for number in range(len(variants))]


def _without_smoke(part: Any) -> type:
    """A test that is skipped, and says why."""

    class Without:
        def test_smoke_arguments(self) -> None:
            pytest.skip(
                f'{part.cls.__name__}: {part.owner} registers this {part.registry} without smoke '
                f'arguments, register({part.cls.__name__}, smoke=dict(...))'
            )

    return Without


def _make_classes() -> dict[str, type]:
    from . import DatasetSuite, DecoderSuite, EncoderSuite, LossSuite, MetricSuite
    from .smoke import registered_parts

    suites = (EncoderSuite, DecoderSuite, LossSuite, MetricSuite, DatasetSuite)
    by_registry = {suite.registry: suite for suite in suites}
    classes: dict[str, type] = {}

    for found in registered_parts():
        bases = [_without_smoke(found)]
        attributes = [{}]
        if found.variants:
            bases = [by_registry[found.registry]] * len(found.variants)
            attributes = [dict(part=found.cls, smoke=smoke) for smoke in found.variants]
        labels = _labels(found.variants) if found.variants else ['']
        for label, base, own in zip(labels, bases, attributes, strict=True):
            name = f'Test{found.cls.__name__}{label}'
            # One name may stand in two registries.
            name = f'{name}_{found.registry}' if name in classes else name
            own |= dict(__doc__=f'{found.cls.__name__} of {found.owner}.', __module__=__name__)
            classes[name] = type(name, (base,), own)
    return classes


if pytest_plugin.installed:
    from ..plugin import load_plugins

    globals().update(_make_classes())

    @pytest.mark.parametrize('record', load_plugins(), ids=lambda record: record.name)
    def test_plugin_loads(record) -> None:
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
