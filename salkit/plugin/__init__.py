"""Third-party plugins, found through the entry-point group `salkit`."""

from .hookspecs import hookimpl
from .manager import PluginRecord, load_plugins

__all__ = ['PluginRecord', 'hookimpl', 'load_plugins']
