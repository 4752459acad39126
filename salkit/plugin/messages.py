"""All messages about plugins, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def unusable(records: Iterable[PluginRecord]) -> list[str]:
    """Which plugins are installed and offer nothing, and why."""
    texts = []
    for record in records:
        if record.error:
            texts.append(
                f'plugin {record.name} ({record.distribution}) failed to load: {record.error}'
            )
        elif not record.chosen:
            texts.append(f'SALKIT_PLUGINS leaves out {record.name} ({record.distribution})')
    return texts


def missing_part(name: str, records: Iterable[PluginRecord]) -> str:
    """Why no plugin offers `name`: its package is not installed, or plugins are unusable."""
    records = list(records)
    package = KNOWN_PLUGINS.get(name)
    install = []
    if package and all(record.package != package for record in records):
        install = [f'pip install {package}']
    return '; '.join(install + unusable(records))


def absent(needed: Mapping[str, str], records: Iterable[PluginRecord]) -> str:
    """What keeps the plugins that a file was made with from being there; empty: nothing does.

    Args:
        needed: their versions by distribution.
        records: what is installed.
    """
    found = {plain_name(record.package): record for record in records}
    texts = []
    for package, version in needed.items():
        record = found.get(plain_name(package))
        made_with = f'the file was made with the plugin {package} {version}'
        if record is None:
            texts.append(f'{made_with}, which is not installed: pip install {package}')
        elif not record.chosen:
            texts.append(f'{made_with}, which SALKIT_PLUGINS leaves out')
        elif record.error:
            texts.append(f'{made_with}, which failed to load: {record.error}')
        elif record.version != version:
            texts.append(f'{made_with}; installed is {record.version}')
    return '; '.join(texts)


def warnings_after_loading(records: Iterable[PluginRecord], unknown: Iterable[str]) -> list[str]:
    """What is to be said once plugins were loaded.

    Args:
        records: those that were.
        unknown: names in SALKIT_PLUGINS that no plugin answers to.
    """
    records, texts = list(records), []
    for record in records:
        said = [f'was left out: {record.error}'] if record.error else []
        said += record.notes
        if said:
            texts.append(f'plugin {record.name} ({record.distribution}) {"; ".join(said)}')
    known = ', '.join(record.name for record in records) or 'none'
    for name in sorted(unknown):
        texts.append(f'SALKIT_PLUGINS names {name}, which is not installed; installed: {known}')
    return texts
