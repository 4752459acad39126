"""Third-party plugins, found through the entry-point group `salkit`."""

from .hookspecs import hookimpl
from .manager import forget_plugins, installed_plugins, load_plugins
from .record import PluginRecord
from .use import lacking_plugins, plugins_of, unavailable

__all__ = [
    'PluginRecord',
    'forget_plugins',
    'hookimpl',
    'installed_plugins',
    'lacking_plugins',
    'load_plugins',
    'plugins_of',
    'unavailable',
]
