"""The hooks that a plugin may implement (pluggy, project name `salkit`).

Each `register_*` hook receives `register(thing, smoke=None)`. A class is called `cls.__name__` in
configs, a protocol or a public data set by its attribute `name`. `smoke` holds the arguments of a
tiny instance that runs on a CPU with random weights, so that the conformance suites can test it; a
list of such where one class covers several models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pluggy

from .record import Smoke

PROJECT = 'salkit'
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Register(Protocol):
    """What a hook is given."""

    def __call__(self, thing: object, smoke: Smoke | None = None) -> None:
        """Register a class, a protocol or a public data set."""


@hookspec
def register_encoders(register: Register) -> None:
    """Register encoders."""


@hookspec
def register_decoders(register: Register) -> None:
    """Register decoders, branches and fusion heads."""


@hookspec
def register_losses(register: Register) -> None:
    """Register losses."""


@hookspec
def register_metrics(register: Register) -> None:
    """Register metrics."""


@hookspec
def register_datasets(register: Register) -> None:
    """Register data sets."""


@hookspec
def register_transforms(register: Register) -> None:
    """Register transforms."""


@hookspec
def register_hooks(register: Register) -> None:
    """Register Runner hooks."""


@hookspec
def register_protocols(register: Register) -> None:
    """Register scoring protocols: `register(protocol)`, a `salkit.metrics.Protocol`."""


@hookspec
def register_published(register: Register) -> None:
    """Register public data sets: `register(published)`, a `PublishedDataset`."""


@hookspec
def config_dirs() -> Sequence[str | Path]:  # type: ignore[empty-body]  # pluggy calls others
    """Return the folders that hold this plugin's configs."""
