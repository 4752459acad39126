"""What is said of plugins that something lacks."""

from __future__ import annotations

from collections.abc import Mapping

from .manager import installed_plugins
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


def unusable_plugins() -> list[str]:
    """Which plugins are installed and offer nothing, and why."""
    texts = []
    for record in installed_plugins():
        if record.error:
            texts.append(record.failure)
        elif not record.chosen:
            texts.append(f'SALKIT_PLUGINS leaves out {record.name} ({record.distribution})')
    return texts


def explain_missing(name: str) -> str:
    """Why no plugin offers `name`, to end a message with; empty where there is nothing to say."""
    package = KNOWN_PLUGINS.get(name)
    install = []
    if package and all(record.package != package for record in installed_plugins()):
        install = [f'pip install {package}']
    return '; '.join(install + unusable_plugins())


def absent_plugins(needed: Mapping[str, str]) -> str:
    """What keeps the plugins that a file was made with from being there; empty: nothing does.

    Args:
        needed: their versions by distribution, as `plugins_of` gave them.
    """
    found = {plain_name(record.package): record for record in installed_plugins()}
    texts = []
    for package, version in needed.items():
        problem = _absence(package, version, found.get(plain_name(package)))
        if problem:
            texts.append(f'the file was made with the plugin {package} {version}{problem}')
    return '; '.join(texts)


def _absence(package: str, version: str, record: PluginRecord | None) -> str:
    if record is None:
        return f', which is not installed: pip install {package}'
    if not record.chosen:
        return ', which SALKIT_PLUGINS leaves out'
    if record.error:
        return f', which failed to load: {record.error}'
    return '' if record.version == version else f'; installed is {record.version}'
