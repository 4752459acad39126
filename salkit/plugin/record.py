"""What is known of an installed plugin, and which ones are installed, without importing any."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

GROUP = 'salkit'
# The arguments of a tiny instance, or of several where one class covers several models.
Smoke = Mapping[str, object] | Sequence[Mapping[str, object]]


def plain_name(name: str) -> str:
    """A distribution's or module's name as it is compared: `Salkit-Tiny` is `salkit_tiny`."""
    return re.sub(r'[-_.]+', '_', name).lower()


@dataclass
class PluginRecord:
    """What became of one installed plugin.

    Attributes:
        name: its entry point's name.
        package: the distribution it comes from.
        version: that one's version.
        module: what the entry point loads.
        location: the folder the distribution is installed in.
        registered: (registry name, name, smoke arguments or None), in order.
        config_dirs: folders of configs it brings.
        error: why it could not be loaded, or None.
        traceback: where that error came from.
        notes: what its author should mend though it loads.
        chosen: False where SALKIT_PLUGINS leaves it out.
        seconds: time that loading took.
    """

    name: str
    package: str
    version: str = ''
    module: str = ''
    location: str = ''
    registered: list[tuple[str, str, Smoke | None]] = field(default_factory=list)
    config_dirs: list[Path] = field(default_factory=list)
    error: str | None = None
    traceback: str = ''
    notes: list[str] = field(default_factory=list)
    chosen: bool = True
    seconds: float = 0.0

    @property
    def distribution(self) -> str:
        """The distribution with its version, for messages."""
        return f'{self.package} {self.version}'.strip()

    @property
    def names(self) -> set[str]:
        """The names that it answers to: entry point, top module and distribution."""
        module = self.module.partition(':')[0].partition('.')[0]
        return {plain_name(name) for name in (self.name, self.package, module) if name}

    def config_files(self) -> dict[str, Path]:
        """Its configs by name, those of a folder `_base_` left out."""
        found: dict[str, Path] = {}
        for folder in self.config_dirs:
            for path in sorted(folder.rglob('*.py')):
                name = path.relative_to(folder).with_suffix('')
                if name.parts[0] != '_base_':
                    found.setdefault(name.as_posix(), path)
        return found


def find_installed() -> list[tuple[metadata.EntryPoint, PluginRecord]]:
    """The entry points of the group `salkit`, in the order of their names.

    Of a distribution that is found twice, the one that Python would import counts, and its record
    notes the other.
    """
    found: dict[str, list[tuple[metadata.EntryPoint, PluginRecord]]] = {}
    for distribution in metadata.distributions():
        try:
            entries = list(distribution.entry_points.select(group=GROUP))
            package = distribution.metadata['Name'] if entries else None
            version, location = distribution.version, str(distribution.locate_file(''))
        except Exception:
            # The remains of a broken installation, of whatever package.
            continue
        if not package:
            continue
        plugins = found.setdefault(plain_name(package), [])
        if not plugins:
            plugins += [
                (entry, PluginRecord(entry.name, package, version, entry.value, location))
                for entry in entries
            ]
        elif version != plugins[0][1].version:
            first = plugins[0][1]
            first.notes.append(
                f'is installed in two versions: {first.version} in {first.location}, which is '
                f'used, and {version} in {location}; uninstall one'
            )
    plugins = [plugin for plugins in found.values() for plugin in plugins]
    return sorted(plugins, key=lambda plugin: (plugin[0].name, plugin[0].value))
