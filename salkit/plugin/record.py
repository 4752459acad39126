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
        chosen: False where SALKIT_PLUGINS leaves it out.
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
    chosen: bool = True

    @property
    def distribution(self) -> str:
        """The distribution with its version, for messages."""
        return f'{self.package} {self.version}'.strip()

    @property
    def failure(self) -> str:
        """Its error as a sentence, where it has one."""
        return f'plugin {self.name} ({self.distribution}) failed to load: {self.error}'

    @property
    def names(self) -> set[str]:
        """The names that it answers to: entry point, top module and distribution."""
        module = re.split('[.:]', self.module)[0]
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

    Of a distribution that is found twice, the one that Python would import counts.
    """
    found = []
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        package = entry.dist
        if package is not None:
            location = str(package.locate_file(''))
            record = PluginRecord(entry.name, package.name, package.version, entry.value, location)
            found.append((entry, record))
    return found
