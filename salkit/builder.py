"""Strict building: an unknown name or argument is an error that helps."""

from __future__ import annotations

import copy
import importlib
import inspect
import numbers
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from mmengine.registry import Registry

from .errors import ConfigError, SalkitError, one_line
from .registry import Named, ObjectRegistry, sources
from .utils.text import nearest_names

Kind = TypeVar('Kind')

# What a registry may hold beside any class, and where that is defined.
CONTRACTS = {
    'encoder': ('salkit.encoders.base', 'Encoder'),
    'protocol': ('salkit.metrics.protocol', 'Protocol'),
    'public data set': ('salkit.datasets.published.base', 'PublishedDataset'),
}
# What an argument may be whose annotation reads so.
_PLAIN_TYPES: dict[str, tuple[type, ...]] = {
    'int': (numbers.Integral,),
    'float': (numbers.Real,),
    'str': (str, os.PathLike),
    'bool': (bool, numbers.Integral),
    'None': (type(None),),
}


def fill(registry: Registry) -> None:
    """Let a registry import its own classes, then those of every source of others."""
    registry.import_from_location()
    for source in sources:
        source.load()


def check_contract(registry: Registry, thing: object) -> str:
    """The name under which a registry would hold `thing`.

    Raises:
        ConfigError: it is not what this registry holds.
    """
    place, contract_name = CONTRACTS.get(registry.name, ('', ''))
    contract = getattr(importlib.import_module(place), contract_name) if place else object
    if isinstance(registry, ObjectRegistry):
        if not isinstance(thing, contract) or not isinstance(thing, Named):
            raise ConfigError(f'{thing!r} is not a {contract_name}, which a {registry.name} is')
        return thing.name
    if not isinstance(thing, type):
        raise ConfigError(f'{thing!r} is not a class')
    if not issubclass(thing, contract):
        raise ConfigError(
            f'{thing.__name__} as an {registry.name}, which is not a subclass of {contract_name}'
        )
    return thing.__name__


def known_names(registry: Registry) -> list[str]:
    """Every name that `registry` can build, those of its parents included, sorted."""
    names: set[str] = set()
    level: Registry | None = registry
    while level is not None:
        fill(level)
        names.update(level.module_dict)
        level = level.parent
    return sorted(names)


def resolve(registry: Registry, name: str | object) -> Any:
    """What `registry` holds under `name` (built in, or from a plugin).

    Raises:
        ConfigError: there is none; with the nearest names, and why a plugin may lack it.
    """
    of_objects = isinstance(registry, ObjectRegistry)
    if not isinstance(name, str):
        ready = isinstance(name, Named) if of_objects else callable(name)
        if not ready:
            raise ConfigError(f'{registry.name}: expected a name, got {name!r}')
        return name
    if of_objects:
        # A plugin may make its own from one of salkit's while it is being loaded.
        registry.import_from_location()
        if name in registry.module_dict:
            return registry.module_dict[name]
    fill(registry)
    # mmengine's own way imports PyTorch.
    found = (registry.module_dict if of_objects else registry).get(name) if name else None
    if found is not None:
        return found
    hint = nearest_names(name, known_names(registry))
    reasons = ''.join(f'; {text}' for source in sources if (text := source.explain(name)))
    if of_objects:
        problem = f'unknown {registry.name} {name!r}'
    else:
        problem = f'no installed plugin offers the {registry.name} {name!r}, nor does salkit itself'
    raise ConfigError(f'{problem}; {hint}{reasons}')


def parameters_of(cls: Callable[..., object]) -> tuple[dict[str, inspect.Parameter], bool]:
    """Named parameters of calling `cls`, and whether it takes others as well.

    A class that hands `**options` on to its base class takes the parameters of that one.
    """
    initializers: list[Callable[..., object]] = [cls]
    if isinstance(cls, type):
        initializers = [vars(c)['__init__'] for c in cls.__mro__ if '__init__' in vars(c)]
    parameters: dict[str, inspect.Parameter] = {}
    for call in initializers:
        found = inspect.signature(call).parameters.values()
        for parameter in found:
            parameters.setdefault(parameter.name, parameter)
        if not any(p.kind is p.VAR_KEYWORD for p in found):
            break
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in found)
    return {k: p for k, p in parameters.items() if p.kind in named and k != 'self'}, open_ended


def check_arguments(
    cls: Callable[..., object], arguments: Collection[str], given: Collection[str] = ()
) -> None:
    """Raise ConfigError unless `cls` can be called with `arguments` from a config plus `given`."""
    name = getattr(cls, '__name__', str(cls))
    parameters, open_ended = parameters_of(cls)
    for argument in sorted({*arguments} & {*given}):
        raise ConfigError(f'{name}: the argument {argument!r} is filled in by salkit itself')
    for argument in sorted(arguments):
        if argument not in parameters and not open_ended:
            usable = [p for p in parameters if p not in given]
            hint = nearest_names(argument, usable, most=1, cutoff=0.6, there='it takes')
            raise ConfigError(f'{name} has no argument {argument!r}; {hint}')
    for parameter in parameters.values():
        missing = parameter.name not in (*arguments, *given)
        if parameter.default is parameter.empty and missing:
            raise ConfigError(f'{name} needs the argument {parameter.name!r}')


def check(registry: Registry, cfg: Mapping, given: Collection[str] = ()) -> Callable[..., Any]:
    """Resolve the type of `cfg` and check its arguments without building it."""
    if not isinstance(cfg, Mapping) or 'type' not in cfg:
        raise ConfigError(f"a {registry.name} needs a dict with the key 'type', got {cfg!r}")
    cls = resolve(registry, cfg['type'])
    check_arguments(cls, {key for key in cfg if key not in ('type', '_scope_')}, given)
    for name, parameter in parameters_of(cls)[0].items():
        if name in cfg and not _is_of_type(cfg[name], parameter):
            raise ConfigError(
                f'{getattr(cls, "__name__", cls)}: {name} must be {_type_of(parameter)}, '
                f'got {cfg[name]!r}'
            )
    return cls


def _type_of(parameter: inspect.Parameter) -> str:
    """The annotation of a parameter as it is written."""
    written = parameter.annotation
    return written.__name__ if isinstance(written, type) else str(written)


def _is_of_type(value: object, parameter: inspect.Parameter) -> bool:
    """Whether a value is of the type of a parameter, where that is a plain one such as `int`."""
    kinds = [_PLAIN_TYPES.get(name.strip()) for name in _type_of(parameter).split('|')]
    return value is parameter.default or any(
        kind is None or isinstance(value, kind) for kind in kinds
    )


def build(registry: Registry, cfg: Mapping, kind: type | None = None, **given: object) -> Any:
    """Build what `cfg` describes.

    Args:
        registry: where its type is looked up.
        cfg: `type` and the arguments of that class.
        kind: the class it must be a subclass of, where one registry holds several kinds.
        given: arguments that the caller fills in beside those of the config.

    Raises:
        ConfigError: unknown type, unknown or missing argument, or another kind than wanted.
    """
    cls = check(registry, cfg, given)
    if kind is not None and not (isinstance(cls, type) and issubclass(cls, kind)):
        raise ConfigError(f'expected a {kind.__name__}, got the type {cfg["type"]!r}')
    arguments = {key: value for key, value in cfg.items() if key not in ('type', '_scope_')}
    with named_errors(getattr(cls, '__name__', str(cls))):
        return cls(**arguments, **given)


@contextmanager
def named_errors(what: str) -> Iterator[None]:
    """Turn what other people's code raises over values that a user gave into one ConfigError.

    Args:
        what: the class, the entry of the config or the option that is worked on, for the message.

    Raises:
        ConfigError: for every error but those of salkit, of the system and of missing memory.
    """
    try:
        yield
    except (SalkitError, OSError, MemoryError):
        raise
    except Exception as error:
        raise ConfigError(
            f'{what} cannot be set up as asked: {type(error).__name__}: {one_line(error)}'
        ) from error


def build_on_meta(registry: Registry, cfg: Mapping) -> Any:
    """Build what `cfg` describes without memory for its weights; `cfg` stays as it is.

    Tables computed on the way may still have values.

    Raises:
        ConfigError: as `build`.
    """
    # Looking names up needs no torch.
    import torch

    with torch.device('meta'):
        return build(registry, copy.deepcopy(cfg))
