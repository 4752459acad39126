"""Third-party plugins, found through the entry-point group `salkit`."""

from ..registry import Source, sources
from .hookspecs import hookimpl
from .manager import installed_plugins, load_plugins, owner_of, plugins_of, reset_plugins
from .messages import absent_plugins, explain_missing, unusable_plugins
from .record import PluginRecord, plain_name

sources.append(Source(load_plugins, explain_missing))

__all__ = [
    'PluginRecord',
    'absent_plugins',
    'hookimpl',
    'installed_plugins',
    'load_plugins',
    'owner_of',
    'plain_name',
    'plugins_of',
    'reset_plugins',
    'unusable_plugins',
]
