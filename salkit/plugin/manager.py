"""Loads plugins one by one, so that a broken one never stops the others."""

from __future__ import annotations

import contextlib
import inspect
import io
import multiprocessing
import os
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pluggy
from mmengine.registry import Registry

from .. import registry
from ..builder import check_contract
from ..errors import ConfigError, PluginError, PluginWarning, one_line
from ..utils.text import nearest_names
from . import hookspecs, messages
from .record import PluginRecord, Smoke, find_installed, plain_name

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
# A plugin that takes longer to import does so at the cost of every command.
SLOW_SECONDS = 1.0

_lock = threading.RLock()
_manager: pluggy.PluginManager | None = None
_records: list[PluginRecord] = []
# Minus the time spent on importing salkit's own parts, which no plugin is charged with.
_own_seconds = 0.0


def installed_plugins() -> tuple[PluginRecord, ...]:
    """Load every installed plugin, once per process; what became of each.

    A plugin that fails is named in one warning and keeps its error in its record; what it had
    registered before it failed is taken back. With the environment variable SALKIT_PLUGINS set,
    only those that it names are loaded (`name,name`; nothing: none).
    """
    global _manager
    with _lock:
        # A plugin that builds something while it is imported sees those loaded before it.
        if _manager is not None:
            return tuple(_records)
        _manager = pluggy.PluginManager(hookspecs.PROJECT)
        _manager.add_hookspecs(hookspecs)
        chosen = _chosen()
        answered: set[str] = set()
        for entry, record in find_installed():
            _records.append(record)
            if chosen is not None:
                record.chosen = bool(chosen & record.names)
                answered |= record.names
            if record.chosen:
                # What every plugin would import first.
                for parts in (registry.ENCODERS, registry.DECODERS, registry.LOSSES):
                    _fill(parts)
                _load_safely(_manager, entry, record)
        if _is_first_process():
            loaded = [record for record in _records if record.chosen]
            for text in messages.warnings_after_loading(loaded, (chosen or set()) - answered):
                warnings.warn(text, PluginWarning, stacklevel=3)
        return tuple(_records)


def load_plugins() -> tuple[PluginRecord, ...]:
    """`installed_plugins`, for those who need what plugins register.

    Raises:
        PluginError: a plugin failed, and the environment variable SALKIT_STRICT_PLUGINS is 1.
    """
    records = installed_plugins()
    failed = [record for record in records if record.error]
    if failed and os.environ.get('SALKIT_STRICT_PLUGINS', '') not in ('', '0'):
        raise PluginError(f'{"; ".join(messages.unusable(failed))} (SALKIT_STRICT_PLUGINS is set)')
    return records


def reset_plugins() -> None:
    """Take back all that plugins registered, so that the next use of one looks again.

    For a notebook in which a plugin has just been installed.
    """
    global _manager
    with _lock:
        if _manager is not None:
            for record in _records:
                _take_back(_manager, record)
        _records.clear()
        _manager = None


def unusable_plugins() -> list[str]:
    """Which plugins are installed and offer nothing, and why."""
    return messages.unusable(installed_plugins())


def explain_missing(name: str) -> str:
    """Why no plugin offers `name`, to end a message with; empty where there is nothing to say."""
    return messages.missing_part(name, installed_plugins())


def absent_plugins(needed: Mapping[str, str]) -> str:
    """What keeps the plugins that a file was made with from being there; empty: nothing does.

    Args:
        needed: as `plugins_of` gave it when the file was written.
    """
    return messages.absent(needed, installed_plugins())


def plugins_of(*cfgs: object) -> dict[str, str]:
    """Versions of the plugins whose classes and protocols configs name, by distribution.

    Asked of configs that have been built, so that no plugin is loaded for the question alone.
    """
    names = {name for cfg in cfgs for name in _names_in(cfg)}
    return {
        record.package: record.version
        for record in _records
        if any(name in names for _, name, _ in record.registered)
    }


def _names_in(cfg: object) -> Iterator[str]:
    """Every value of `type` and `protocol` inside a config."""
    if isinstance(cfg, Mapping):
        for key, value in cfg.items():
            if key in ('type', 'protocol') and isinstance(value, (str, type)):
                name = value if isinstance(value, str) else value.__name__
                # mmengine takes the name of a scope before that of a class.
                yield name.rpartition('.')[2]
            else:
                yield from _names_in(value)
    elif isinstance(cfg, (list, tuple)):
        for item in cfg:
            yield from _names_in(item)


def owner_of(registry_: Registry, name: str) -> str | None:
    """Who holds a name in a registry or in those that it inherits from; None where it is free."""
    for record in _records:
        if any(entry[:2] == (registry_.name, name) for entry in record.registered):
            return record.distribution
    level: Registry | None = registry_
    while level is not None:
        _fill(level)
        if name in level.module_dict:
            return 'salkit itself' if level.scope == registry.SCOPE else level.scope
        level = level.parent
    return None


def _fill(registry_: Registry) -> None:
    """Let a registry import its own classes."""
    global _own_seconds
    start = time.perf_counter()
    registry_.import_from_location()
    _own_seconds -= time.perf_counter() - start


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


# One plugin ---------------------------------------------------------------------------------------


def _load_safely(
    manager: pluggy.PluginManager, entry: metadata.EntryPoint, record: PluginRecord
) -> None:
    start = time.perf_counter() + _own_seconds
    printed = io.StringIO()
    try:
        # The standard output may be read by a program.
        with contextlib.redirect_stdout(printed):
            _load(manager, entry, record)
    # Whatever a third party's code raises must not stop salkit, sys.exit() included.
    except (Exception, SystemExit) as error:
        own = isinstance(error, PluginError)
        record.error = one_line(error) if own else f'{type(error).__name__}: {one_line(error)}'
        record.traceback = traceback.format_exc()
        _take_back(manager, record)
    text = printed.getvalue().strip()
    if text:
        record.notes.append(f'prints when it is loaded: {text.splitlines()[0][:80]!r}')
    record.seconds = time.perf_counter() + _own_seconds - start
    if record.seconds > SLOW_SECONDS:
        record.notes.append(
            f'took {record.seconds:.1f} s to load: heavy imports belong into the functions that '
            'need them'
        )


def _load(manager: pluggy.PluginManager, entry: metadata.EntryPoint, record: PluginRecord) -> None:
    plugin = entry.load()
    taken = manager.get_name(plugin)
    if taken is not None:
        raise PluginError(f'its module is that of {taken.partition(":")[0]} already')
    _check_hooks(plugin)
    manager.register(plugin, name=f'{record.distribution}:{entry.name}')
    for hook_name, target in ROLES.items():

        def register(thing: object, smoke: Smoke | None = None, target: Registry = target) -> None:
            _register(record, target, thing, smoke)

        _call(manager, hook_name, plugin, register=register)

    for folders in _call(manager, 'config_dirs', plugin):
        if isinstance(folders, (str, Path)):
            raise PluginError(f'config_dirs: expected a list of folders, got {str(folders)!r}')
        for folder in folders:
            if not Path(folder).is_dir():
                raise PluginError(f'config_dirs: the folder {folder} does not exist')
            record.config_dirs.append(Path(folder))


def _check_hooks(plugin: ModuleType) -> None:
    """Raise PluginError unless the plugin implements at least one hook, and no unknown one."""
    known = [
        n for n, value in vars(hookspecs).items() if hasattr(value, f'{hookspecs.PROJECT}_spec')
    ]
    marked = [
        name
        for name, value in inspect.getmembers(plugin, inspect.isroutine)
        if hasattr(value, f'{hookspecs.PROJECT}_impl')
    ]
    for name in marked:
        if name not in known:
            hint = nearest_names(name, known, most=1, cutoff=0.6)
            raise PluginError(f'implements {name}, which is not a hook of salkit; {hint}')
    if not marked:
        raise PluginError(
            'implements no hook: its functions, register_encoders for example, need the decorator '
            '@salkit.hookimpl'
        )


def _call(
    manager: pluggy.PluginManager, hook: str, plugin: ModuleType, **arguments: object
) -> list:
    """What the hook of one plugin returns; an error names the hook."""
    others = [other for other in manager.get_plugins() if other is not plugin]
    try:
        return manager.subset_hook_caller(hook, others)(**arguments)
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f'{hook}: {type(error).__name__}: {one_line(error)}') from error


def _register(record: PluginRecord, target: Registry, thing: object, smoke: Smoke | None) -> None:
    try:
        name = check_contract(target, thing)
    except ConfigError as error:
        raise PluginError(f'registers {one_line(error)}') from None
    variants = smoke if isinstance(smoke, (list, tuple)) else [smoke or {}]
    if not all(isinstance(variant, Mapping) for variant in variants):
        raise PluginError(
            f'registers {name} with smoke={smoke!r}, expected a dict of arguments, or several'
        )
    _fill(target)
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


def _take_back(manager: pluggy.PluginManager, record: PluginRecord) -> None:
    """Undo what a plugin has registered."""
    by_name = {target.name: target for target in ROLES.values()}
    for registry_name, name, _ in record.registered:
        by_name[registry_name].module_dict.pop(name, None)
    record.registered.clear()
    record.config_dirs.clear()
    name = f'{record.distribution}:{record.name}'
    if manager.has_plugin(name):
        manager.unregister(name=name)
