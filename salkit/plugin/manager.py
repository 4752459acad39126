"""Loads plugins one by one, so that a broken one never stops the others."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import pluggy

from .. import registry
from ..errors import PluginError
from . import hookspecs

GROUP = 'salkit'
ROLES = {
    'register_encoders': registry.ENCODERS,
    'register_decoders': registry.DECODERS,
    'register_losses': registry.LOSSES,
    'register_metrics': registry.METRICS,
    'register_datasets': registry.DATASETS,
    'register_transforms': registry.TRANSFORMS,
    'register_hooks': registry.HOOKS,
}


@dataclass
class PluginRecord:
    """What became of one installed plugin.

    Attributes:
        name: its entry point's name.
        distribution: the installed package it comes from, with its version.
        registered: (registry name, class name, smoke arguments or None), in order.
        protocols: names of the scoring protocols it brings.
        config_dirs: folders of configs it brings.
        error: why it could not be loaded, or None.
    """

    name: str
    distribution: str
    registered: list[tuple[str, str, dict | None]] = field(default_factory=list)
    protocols: list[str] = field(default_factory=list)
    config_dirs: list[Path] = field(default_factory=list)
    error: str | None = None


def _owner(records: list[PluginRecord], registry_name: str, class_name: str) -> str:
    for record in records:
        if any(entry[:2] == (registry_name, class_name) for entry in record.registered):
            return record.distribution
    return 'salkit itself'


def _load_one(
    manager: pluggy.PluginManager,
    entry: metadata.EntryPoint,
    record: PluginRecord,
    earlier: list[PluginRecord],
) -> None:
    plugin = entry.load()
    manager.register(plugin, name=f'{record.distribution}:{entry.name}')
    manager.check_pending()
    others = [other for other in manager.get_plugins() if other is not plugin]
    for hook_name, target in ROLES.items():

        def register(cls: type, smoke: dict | None = None, target=target) -> None:
            if not isinstance(cls, type):
                raise PluginError(f'registers {cls!r}, which is not a class')
            target.import_from_location()
            if cls.__name__ in target.module_dict:
                owner = _owner([*earlier, record], target.name, cls.__name__)
                raise PluginError(
                    f'{target.name} {cls.__name__} is registered by {owner} already; '
                    f'{record.distribution} has to rename its own'
                )
            target.register_module(module=cls)
            record.registered.append((target.name, cls.__name__, smoke))

        manager.subset_hook_caller(hook_name, others)(register=register)

    def register_protocol(protocol: object) -> None:
        # Imported by plugins that bring one; scoring is more than most of them need.
        from ..metrics.protocols import register_protocol

        register_protocol(protocol, owner=record.distribution)
        record.protocols.append(protocol.name)

    manager.subset_hook_caller('register_protocols', others)(register=register_protocol)
    for folders in manager.subset_hook_caller('config_dirs', others)():
        record.config_dirs.extend(Path(folder) for folder in folders)


def _forget_protocols(record: PluginRecord) -> None:
    if record.protocols:
        from ..metrics.protocols import unregister_protocol

        for name in record.protocols:
            unregister_protocol(name)
        record.protocols.clear()


@lru_cache(maxsize=1)
def load_plugins() -> tuple[PluginRecord, ...]:
    """Load every installed plugin, once per process, in the order of their names.

    A plugin that fails is named in one warning and keeps its error in its record; what it had
    registered before it failed is taken back.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    records: list[PluginRecord] = []
    entries = metadata.entry_points(group=GROUP)
    for entry in sorted(entries, key=lambda e: (e.name, e.value)):
        dist = f'{entry.dist.name} {entry.dist.version}' if entry.dist else entry.value
        record = PluginRecord(entry.name, dist)
        try:
            _load_one(manager, entry, record, records)
        except Exception as error:
            # Whatever a third party's code raises must not stop salkit.
            record.error = f'{type(error).__name__}: {error}'
            by_name = {target.name: target for target in ROLES.values()}
            for registry_name, class_name, _ in record.registered:
                by_name[registry_name].module_dict.pop(class_name, None)
            record.registered.clear()
            _forget_protocols(record)
            warnings.warn(
                f'salkit: plugin {record.name} ({record.distribution}) was left out: '
                f'{record.error}',
                stacklevel=2,
            )
            name = f'{record.distribution}:{entry.name}'
            if manager.has_plugin(name):
                manager.unregister(name=name)
        records.append(record)
    return tuple(records)
