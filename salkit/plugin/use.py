"""Which plugins a config uses, and which of those that a file names are not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .manager import installed_plugins, plugins_so_far
from .record import PluginRecord, plain_name

# The plugins that are developed beside salkit, by what they offer.
KNOWN_PLUGINS = {
    'FrozenEncoder': 'salkit-peft',
    'InternVideo2Encoder': 'salkit-internvideo2',
    'LoRAEncoder': 'salkit-peft',
    'TinyEncoder': 'salkit-tiny',
    'VJEPA2Encoder': 'salkit-vjepa2',
    'VideoMAEEncoder': 'salkit-videomae',
}


def _names_in(cfg: Any) -> Iterator[str]:
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


def plugins_of(*cfgs: Any) -> dict[str, str]:
    """Versions of the plugins whose classes and protocols configs name, by distribution.

    Asked of configs that have been built, so that no plugin is loaded for the question alone.
    """
    names = {name for cfg in cfgs for name in _names_in(cfg)}
    used = {}
    for record in plugins_so_far():
        offered = {name for _, name, _ in record.registered}
        if offered & names:
            used[record.package] = record.version
    return used


def unavailable() -> str:
    """What to know of plugins that are installed and offer nothing, to end a message with."""
    told = ''
    for record in installed_plugins():
        if record.error:
            told += f'; plugin {record.name} ({record.distribution}) failed to load: {record.error}'
        elif not record.chosen:
            told += f'; SALKIT_PLUGINS leaves out {record.name} ({record.distribution})'
    return told


def explain_missing(name: str) -> str:
    """Why no plugin offers `name`: the package that would is not installed, or plugins failed."""
    package = KNOWN_PLUGINS.get(name)
    if package and all(record.package != package for record in installed_plugins()):
        return f'pip install {package}' + unavailable()
    return unavailable().removeprefix('; ')


def _find(package: str) -> PluginRecord | None:
    records = installed_plugins()
    return next((r for r in records if plain_name(r.package) == plain_name(package)), None)


def lacking_plugins(needed: Mapping[str, str]) -> str:
    """What keeps the plugins of a file from being there, in words; empty where nothing does.

    Args:
        needed: as `plugins_of` gave it when the file was written.
    """
    told = []
    for package, version in needed.items():
        record = _find(package)
        made_with = f'the file was made with the plugin {package} {version}'
        if record is None:
            told.append(f'{made_with}, which is not installed: pip install {package}')
        elif not record.chosen:
            told.append(f'{made_with}, which SALKIT_PLUGINS leaves out')
        elif record.error:
            told.append(f'{made_with}, which failed to load: {record.error}')
        elif record.version != version:
            told.append(f'{made_with}; installed is {record.version}')
    return '; '.join(told)
