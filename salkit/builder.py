"""Strict building: an unknown name or argument is an error that helps."""

from __future__ import annotations

import copy
import difflib
import inspect
from typing import Any

from mmengine.registry import Registry

from .errors import ConfigError
from .plugin import load_plugins, unavailable

# The plugins that are developed beside salkit, by what they offer.
PUBLISHED = {
    'FrozenEncoder': 'salkit-peft',
    'InternVideo2Encoder': 'salkit-internvideo2',
    'LoRAEncoder': 'salkit-peft',
    'TinyEncoder': 'salkit-tiny',
    'VJEPA2Encoder': 'salkit-vjepa2',
    'VideoMAEEncoder': 'salkit-videomae',
}


def known_names(registry: Registry) -> list[str]:
    """Every name that `registry` can build, those of its parents included, sorted."""
    names: set[str] = set()
    level: Registry | None = registry
    while level is not None:
        level.import_from_location()
        names.update(level.module_dict)
        level = level.parent
    return sorted(names)


def resolve(registry: Registry, name: str | type) -> type:
    """The class that `registry` holds under `name` (built in, or from a plugin).

    Raises:
        ConfigError: no such name; tells the nearest ones and the plugins that failed to load.
    """
    if not isinstance(name, str):
        return name
    registry.import_from_location()
    records = load_plugins()
    found = registry.get(name)
    if found is not None:
        return found
    names = known_names(registry)
    nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f'did you mean {" or ".join(nearest)}?' if nearest else f'known: {", ".join(names)}'
    published = PUBLISHED.get(name)
    if published and all(record.package != published for record in records):
        hint = f'pip install {published}'
    raise ConfigError(
        f'no installed plugin offers the {registry.name} {name!r}, nor does salkit itself; {hint}'
        + unavailable()
    )


def parameters_of(cls: Any) -> tuple[dict[str, inspect.Parameter], bool]:
    """Named parameters of calling `cls`, and whether it takes others as well.

    A class that hands `**options` on to its base class takes the parameters of that one.
    """
    initialisers = [cls]
    if isinstance(cls, type):
        initialisers = [c.__init__ for c in cls.__mro__ if '__init__' in vars(c)]
    parameters: dict[str, inspect.Parameter] = {}
    for call in initialisers:
        found = inspect.signature(call).parameters.values()
        for parameter in found:
            parameters.setdefault(parameter.name, parameter)
        if not any(p.kind is p.VAR_KEYWORD for p in found):
            break
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in found)
    return {k: p for k, p in parameters.items() if p.kind in named and k != 'self'}, open_ended


def check_arguments(cls: Any, arguments: set[str], given: set[str] = frozenset()) -> None:
    """Raise ConfigError unless `cls` can be called with `arguments` from a config plus `given`."""
    name = getattr(cls, '__name__', str(cls))
    parameters, open_ended = parameters_of(cls)
    for argument in sorted(arguments & given):
        raise ConfigError(f'{name}: the argument {argument!r} is filled in by salkit itself')
    for argument in sorted(arguments):
        if argument not in parameters and not open_ended:
            usable = [p for p in parameters if p not in given]
            nearest = difflib.get_close_matches(argument, usable, n=1)
            hint = f'did you mean {nearest[0]!r}?' if nearest else f'it takes {", ".join(usable)}'
            raise ConfigError(f'{name} has no argument {argument!r}; {hint}')
    for parameter in parameters.values():
        missing = parameter.name not in arguments | given
        if parameter.default is parameter.empty and missing:
            raise ConfigError(f'{name} needs the argument {parameter.name!r}')


def check(registry: Registry, cfg: dict, given: set[str] = frozenset()) -> type:
    """Resolve the type of `cfg` and check its arguments without building it."""
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise ConfigError(f"a {registry.name} needs a dict with the key 'type', got {cfg!r}")
    cls = resolve(registry, cfg['type'])
    check_arguments(cls, {key for key in cfg if key not in ('type', '_scope_')}, given)
    return cls


def build(registry: Registry, cfg: dict, kind: type | None = None, **given: Any) -> Any:
    """Build what `cfg` describes.

    Args:
        registry: where its type is looked up.
        cfg: `type` and the arguments of that class.
        kind: the class it must be a subclass of, where one registry holds several kinds.
        given: arguments that the caller fills in beside those of the config.

    Raises:
        ConfigError: unknown type, unknown or missing argument, or another kind than wanted.
    """
    cls = check(registry, cfg, set(given))
    if kind is not None and not (isinstance(cls, type) and issubclass(cls, kind)):
        raise ConfigError(f'{cls.__name__} is no {kind.__name__}, which is what is wanted here')
    arguments = {key: value for key, value in cfg.items() if key not in ('type', '_scope_')}
    return cls(**arguments, **given)


def build_on_meta(registry: Registry, cfg: dict) -> Any:
    """Build what `cfg` describes without memory for its weights; `cfg` stays as it is.

    Tables computed on the way may still have values.

    Raises:
        ConfigError: as `build`.
    """
    import torch

    with torch.device('meta'):
        return build(registry, copy.deepcopy(cfg))
