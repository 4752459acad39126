"""salkit: video saliency prediction with video foundation models."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from . import functional
    from .config.load import load_config
    from .inference import SaliencyPredictor
    from .models.load import build_model
    from .plugin.hookspecs import hookimpl
    from .scoring import leaderboard, score

# Public name -> where it lives. Imported on first use: `import salkit` stays light.
_HOMES = {
    'SaliencyPredictor': 'inference',
    'build_model': 'models.load',
    'functional': 'functional',
    'hookimpl': 'plugin.hookspecs',
    'leaderboard': 'scoring',
    'load_config': 'config.load',
    'score': 'scoring',
}
__all__ = [
    'SaliencyPredictor',
    '__version__',
    'build_model',
    'functional',
    'hookimpl',
    'leaderboard',
    'load_config',
    'score',
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
