"""The hooks that a plugin may implement (pluggy, project name `salkit`).

Each `register_*` hook receives `register(thing, smoke=None)`. A class is called `cls.__name__` in
configs, a protocol or a public data set by its attribute `name`. `smoke` holds the arguments of a
tiny instance that runs on a CPU with random weights, so that the conformance suites can test it; a
list of such where one class covers several models.
"""

import pluggy

PROJECT = 'salkit'
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_encoders(register):
    """Register encoders."""


@hookspec
def register_decoders(register):
    """Register decoders, branches and fusion heads."""


@hookspec
def register_losses(register):
    """Register losses."""


@hookspec
def register_metrics(register):
    """Register metrics."""


@hookspec
def register_datasets(register):
    """Register data sets."""


@hookspec
def register_transforms(register):
    """Register transforms."""


@hookspec
def register_hooks(register):
    """Register Runner hooks."""


@hookspec
def register_protocols(register):
    """Register scoring protocols: `register(protocol)`, a `salkit.metrics.Protocol`."""


@hookspec
def register_published(register):
    """Register public data sets: `register(published)`, a `PublishedDataset`."""


@hookspec
def config_dirs():
    """Return the folders that hold this plugin's configs."""
