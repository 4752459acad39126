"""Config files: finding them, reading them strictly, overriding entries."""

from .find import config_name, config_names, config_root, find_config
from .load import load_config, model_digest, plain_config
from .options import apply_options, dataset_configs, missing_data_roots, parse_options

__all__ = [
    'apply_options',
    'config_name',
    'config_names',
    'config_root',
    'dataset_configs',
    'find_config',
    'load_config',
    'missing_data_roots',
    'model_digest',
    'parse_options',
    'plain_config',
]
