"""Third-party plugins, found through the entry-point group `salkit`."""

from ..registry import Source, sources
from .hookspecs import hookimpl
from .manager import forget_plugins, installed_plugins, load_plugins, owner_of
from .record import PluginRecord
from .use import explain_missing, lacking_plugins, plugins_of, unavailable

sources.append(Source(load_plugins, explain_missing))

__all__ = [
    'PluginRecord',
    'forget_plugins',
    'hookimpl',
    'installed_plugins',
    'lacking_plugins',
    'load_plugins',
    'owner_of',
    'plugins_of',
    'unavailable',
]
