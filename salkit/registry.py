"""The registries that configs are assembled from.

Encoders, decoders (whole decoders and their branches) and losses are registries of their own: two
children of one mmengine registry that share a scope would replace each other. The rest are
children of mmengine's, because the Runner looks there. Protocols and public data sets are objects
that are ready to use, so their registries hold no classes.

Every registry imports `salkit.plugin` with its own classes; that module adds itself to `sources`,
which `salkit.builder` asks before it looks a name up.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

SCOPE = 'salkit'
PLUGINS = 'salkit.plugin'


@dataclass(frozen=True)
class Source:
    """Where more names come from than a registry has by itself.

    Attributes:
        load: registers them, at once or not again.
        explain: what to know of a name that it does not bring, to end a message with.
    """

    load: Callable[[], object]
    explain: Callable[[str], str]


sources: list[Source] = []


@runtime_checkable
class Named(Protocol):
    """What an `ObjectRegistry` holds."""

    @property
    def name(self) -> str:
        """What it is called in configs and on the command line."""


Thing = TypeVar('Thing', bound=Named)


class ObjectRegistry(Registry):
    """A registry of objects that are ready to use, by their attribute `name`."""

    def __init__(self, name: str, locations: Sequence[str]) -> None:
        super().__init__(name, scope=SCOPE)
        self._places = list(locations)

    def import_from_location(self) -> None:
        """Import what registers its own; mmengine's does so by way of PyTorch."""
        for place in self._places:
            importlib.import_module(place)

    def add(self, thing: Thing) -> Thing:
        """Make `thing` known under its name.

        Raises:
            KeyError: the name is taken.
        """
        if thing.name in self.module_dict:
            raise KeyError(f'{thing.name} is already registered in {self.name}')
        self.module_dict[thing.name] = thing
        return thing


def _registry(name: str, place: str, parent: Registry | None = None) -> Registry:
    return Registry(name, parent=parent, scope=SCOPE, locations=[f'salkit.{place}', PLUGINS])


ENCODERS = _registry('encoder', 'encoders')
DECODERS = _registry('decoder', 'decoders')
LOSSES = _registry('loss', 'losses')
MODELS = _registry('model', 'models', mmengine_registry.MODELS)
DATASETS = _registry('dataset', 'datasets.classes', mmengine_registry.DATASETS)
TRANSFORMS = _registry('transform', 'datasets.transforms', mmengine_registry.TRANSFORMS)
METRICS = _registry('metric', 'metrics.saliency_metric', mmengine_registry.METRICS)
OPTIM_WRAPPERS = _registry('optim_wrapper', 'engine', mmengine_registry.OPTIM_WRAPPERS)
OPTIM_WRAPPER_CONSTRUCTORS = _registry(
    'optimizer wrapper constructor', 'engine', mmengine_registry.OPTIM_WRAPPER_CONSTRUCTORS
)
RUNNERS = _registry('runner', 'engine', mmengine_registry.RUNNERS)
DATA_SAMPLERS = _registry('data sampler', 'datasets.classes', mmengine_registry.DATA_SAMPLERS)
HOOKS = _registry('hook', 'engine', mmengine_registry.HOOKS)
PROTOCOLS = ObjectRegistry('protocol', ['salkit.metrics', PLUGINS])
PUBLISHED = ObjectRegistry('public data set', ['salkit.datasets.published', PLUGINS])

# salkit adds nothing to the others so far; mmengine warns where a scope has no registry of its own.
for _parent in list(vars(mmengine_registry).values()):
    if isinstance(_parent, Registry) and SCOPE not in _parent.children:
        _registry(_parent.name, 'engine', _parent)
