"""salkit: video saliency prediction with video foundation models."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from . import functional
    from .cli.train import train
    from .config.load import load_config
    from .inference import SaliencyPredictor
    from .models.load import build_model
    from .models.profile import profile
    from .plugin.hookspecs import hookimpl
    from .prepare.check import check_dataset
    from .scoring import compare, leaderboard, score

if 'ipykernel' in sys.modules:
    # Libraries that salkit imports say so where ipywidgets are missing; text bars do as well.
    warnings.filterwarnings('ignore', message='IProgress not found')

# Public name -> where it lives. Imported on first use: `import salkit` stays light.
_HOMES = {
    'SaliencyPredictor': 'inference',
    'build_model': 'models.load',
    'check_dataset': 'prepare.check',
    'compare': 'scoring',
    'functional': 'functional',
    'hookimpl': 'plugin.hookspecs',
    'leaderboard': 'scoring',
    'load_config': 'config.load',
    'profile': 'models.profile',
    'score': 'scoring',
    'train': 'cli.train',
}
__all__ = [
    'SaliencyPredictor',
    '__version__',
    'build_model',
    'check_dataset',
    'compare',
    'functional',
    'hookimpl',
    'leaderboard',
    'load_config',
    'profile',
    'score',
    'train',
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module = importlib.import_module(f'.{_HOMES[name]}', __name__)
    value = module if name == 'functional' else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
