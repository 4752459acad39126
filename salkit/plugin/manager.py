"""Loads plugins one by one, so that a broken one never stops the others."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pluggy
from mmengine.registry import Registry

from .. import registry
from ..builder import check_contract
from ..errors import ConfigError, PluginError, PluginWarning, one_line
from ..utils.text import nearest_names
from . import hookspecs
from .record import PluginRecord, Smoke, find_installed, plain_name
from .watch import Interrupted, watched

ROLES = {
    'register_encoders': registry.ENCODERS,
    'register_decoders': registry.DECODERS,
    'register_losses': registry.LOSSES,
    'register_metrics': registry.METRICS,
    'register_datasets': registry.DATASETS,
    'register_transforms': registry.TRANSFORMS,
    'register_hooks': registry.HOOKS,
    'register_protocols': registry.PROTOCOLS,
    'register_published': registry.PUBLISHED,
}

_lock = threading.RLock()
# None until somebody asks.
_records: list[PluginRecord] | None = None


def installed_plugins() -> tuple[PluginRecord, ...]:
    """Load every installed plugin, once per process; what became of each.

    A plugin that fails is named in one warning and keeps its error in its record; what it had
    registered before it failed is taken back. With the environment variable SALKIT_PLUGINS set,
    only those that it names are loaded (`name,name`; nothing: none).
    """
    global _records
    with _lock:
        # A plugin that builds something while it is imported sees those loaded before it.
        if _records is not None:
            return tuple(_records)
        _records = []
        chosen = _chosen()
        for entry, record in find_installed():
            _records.append(record)
            record.chosen = chosen is None or bool(chosen & record.names)
            if record.chosen:
                _load_safely(entry, record)
        if _is_first_process():
            _warn(_records, chosen or set())
        return tuple(_records)


def load_plugins() -> tuple[PluginRecord, ...]:
    """`installed_plugins`, for those who need what plugins register.

    Raises:
        PluginError: a plugin failed, and the environment variable SALKIT_STRICT_PLUGINS is 1.
    """
    records = installed_plugins()
    failures = [record.failure for record in records if record.error]
    if failures and os.environ.get('SALKIT_STRICT_PLUGINS', '') not in ('', '0'):
        raise PluginError(f'{"; ".join(failures)} (SALKIT_STRICT_PLUGINS is set)')
    return records


def reset_plugins() -> None:
    """Take back all that plugins registered, so that the next use of one looks again.

    For a notebook in which a plugin has just been installed.
    """
    global _records
    with _lock:
        for record in _records or ():
            _take_back(record)
        _records = None


def plugins_of(*cfgs: object) -> dict[str, str]:
    """Versions of the plugins whose classes and protocols configs name, by distribution.

    Asked of configs that have been built, so that no plugin is loaded for the question alone.
    """
    names = {name for cfg in cfgs for name in _names_in(cfg)}
    return {
        record.package: record.version
        for record in _records or ()
        if any(name in names for _, name, _ in record.registered)
    }


def _names_in(cfg: object) -> Iterator[str]:
    """Every value of `type` and `protocol` inside a config."""
    if isinstance(cfg, Mapping):
        for key, value in cfg.items():
            yield from _names_in(value)
            if key not in ('type', 'protocol'):
                continue
            for each in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(each, (str, type)):
                    name = each if isinstance(each, str) else each.__name__
                    # mmengine takes the name of a scope before that of a class.
                    yield name.rpartition('.')[2]
    elif isinstance(cfg, (list, tuple)):
        for item in cfg:
            yield from _names_in(item)


def owner_of(registry_: Registry, name: str) -> str | None:
    """Who holds a name in a registry or in those that it inherits from; None where it is free."""
    for record in _records or ():
        if any(entry[:2] == (registry_.name, name) for entry in record.registered):
            return record.distribution
    level: Registry | None = registry_
    while level is not None:
        level.import_from_location()
        if name in level.module_dict:
            return 'salkit itself' if level.scope == registry.SCOPE else level.scope
        level = level.parent
    return None


def _chosen() -> set[str] | None:
    """The plugins that SALKIT_PLUGINS names; None where it is not set."""
    text = os.environ.get('SALKIT_PLUGINS')
    if text is None:
        return None
    return {plain_name(name.strip()) for name in text.split(',') if name.strip()}


def _is_first_process() -> bool:
    """Whether this is neither a worker nor another rank, which would repeat what is said."""
    ranks = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
    rank = next((os.environ[name] for name in ranks if os.environ.get(name)), '0')
    return multiprocessing.parent_process() is None and rank == '0'


def _warn(records: list[PluginRecord], chosen: set[str]) -> None:
    """Warn of plugins that failed, and of chosen ones that are not installed."""
    texts = [
        f'plugin {record.name} ({record.distribution}) was left out: {record.error}'
        for record in records
        if record.error
    ]
    known = ', '.join(record.name for record in records) or 'none'
    for name in sorted(chosen.difference(*(record.names for record in records))):
        texts.append(f'SALKIT_PLUGINS names {name}, which is not installed; installed: {known}')
    for text in texts:
        warnings.warn(text, PluginWarning, stacklevel=4)


# One plugin ---------------------------------------------------------------------------------------


def _load_safely(entry: metadata.EntryPoint, record: PluginRecord) -> None:
    try:
        # The standard output may be read by a program, so nothing that a plugin prints goes there.
        with contextlib.redirect_stdout(sys.stderr), watched(record.name):
            _load(entry, record)
    except Interrupted:
        raise KeyboardInterrupt from None
    # Whatever a third party's code raises must not stop salkit, sys.exit() included.
    except BaseException as error:
        own = isinstance(error, PluginError)
        record.error = one_line(error) if own else f'{type(error).__name__}: {one_line(error)}'
        record.traceback = traceback.format_exc()
        _take_back(record)


def _load(entry: metadata.EntryPoint, record: PluginRecord) -> None:
    # One each, so that a hook calls no other plugin.
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugin = entry.load()
    _check_hooks(manager, plugin)
    manager.register(plugin)
    for hook, target in ROLES.items():
        _call(manager, hook, register=partial(_register, record, target))
    for folders in _call(manager, 'config_dirs'):
        if isinstance(folders, (str, Path)):
            raise PluginError(f'config_dirs: expected a list of folders, got {str(folders)!r}')
        for folder in folders:
            if not Path(folder).is_dir():
                raise PluginError(f'config_dirs: the folder {folder} does not exist')
            record.config_dirs.append(Path(folder))


def _check_hooks(manager: pluggy.PluginManager, plugin: ModuleType) -> None:
    """Raise PluginError unless the plugin implements at least one hook, and no unknown one."""
    known = [*ROLES, 'config_dirs']
    marked = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name)]
    for name in marked:
        if name not in known:
            hint = nearest_names(name, known, most=1, cutoff=0.6)
            raise PluginError(f'implements {name}, which is not a hook of salkit; {hint}')
    if not marked:
        raise PluginError(
            'implements no hook: its functions, register_encoders for example, need the decorator '
            '@salkit.hookimpl'
        )


def _call(manager: pluggy.PluginManager, hook: str, **arguments: object) -> list:
    """What the hook of one plugin returns; an error names the hook."""
    try:
        return getattr(manager.hook, hook)(**arguments)
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f'{hook}: {type(error).__name__}: {one_line(error)}') from error


def _register(
    record: PluginRecord, target: Registry, thing: object, smoke: Smoke | None = None
) -> None:
    try:
        name = check_contract(target, thing)
    except ConfigError as error:
        raise PluginError(f'registers {one_line(error)}') from None
    variants = smoke if isinstance(smoke, (list, tuple)) else [smoke or {}]
    if not all(isinstance(variant, Mapping) for variant in variants):
        raise PluginError(
            f'registers {name} with smoke={smoke!r}, expected a dict of arguments, or several'
        )
    target.import_from_location()
    # A class may carry the registry's decorator besides.
    is_own = getattr(thing, '__module__', 'salkit.').startswith('salkit.')
    if target.module_dict.get(name) is not thing or is_own:
        owner = owner_of(target, name)
        if owner is not None:
            raise PluginError(
                f'the {target.name} {name} is registered by {owner} already; '
                f'{record.distribution} has to rename its own'
            )
        target.module_dict[name] = thing
    record.registered.append((target.name, name, smoke))


def _take_back(record: PluginRecord) -> None:
    """Undo what a plugin has registered."""
    by_name = {target.name: target for target in ROLES.values()}
    for registry_name, name, _ in record.registered:
        by_name[registry_name].module_dict.pop(name, None)
    record.registered.clear()
    record.config_dirs.clear()
