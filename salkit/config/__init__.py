"""Config files: finding them, reading them strictly, overriding entries."""

from .find import config_name, config_names, config_root, find_config
from .load import apply_options, load_config, parse_options

__all__ = [
    'apply_options',
    'config_name',
    'config_names',
    'config_root',
    'find_config',
    'load_config',
    'parse_options',
]
