"""Finds the plugins that are installed, without importing any."""

from __future__ import annotations

from importlib import metadata

from .record import PluginRecord, plain_name

GROUP = 'salkit'


def find_installed() -> list[tuple[metadata.EntryPoint, PluginRecord]]:
    """The entry points of the group `salkit`, in the order of their names.

    Of a distribution that is found twice, the one that Python would import counts, and its record
    notes the other.
    """
    found: dict[str, list[tuple[metadata.EntryPoint, PluginRecord]]] = {}
    places: dict[str, tuple[str, str]] = {}
    for distribution in metadata.distributions():
        try:
            entries = list(distribution.entry_points.select(group=GROUP))
            if not entries:
                continue
            package, version = distribution.metadata['Name'], distribution.version
            location = str(distribution.locate_file(''))
        except Exception:
            # The remains of a broken installation, of whatever package.
            continue
        if not package:
            continue
        key = plain_name(package)
        if key in found:
            first_version, first_location = places[key]
            if version != first_version:
                found[key][0][1].notes.append(
                    f'is installed in two versions: {first_version} in {first_location}, which is '
                    f'used, and {version} in {location}; uninstall one'
                )
            continue
        places[key] = version, location
        found[key] = [
            (entry, PluginRecord(entry.name, package, version, entry.value, location))
            for entry in entries
        ]
    plugins = [plugin for plugins in found.values() for plugin in plugins]
    return sorted(plugins, key=lambda plugin: (plugin[0].name, plugin[0].value))
