"""Offline scoring of anybody's maps, and what is done with scores: comparing, baselines."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .differences import Comparison
    from .options import ScoreOptions
    from .paired_comparison import compare
    from .run import Scoring, score, score_protocols

# Public name -> where it lives. Imported on first use: comparing scores needs nothing of what
# reads maps.
_HOMES = {
    'Comparison': 'differences',
    'ScoreOptions': 'options',
    'Scoring': 'run',
    'compare': 'paired_comparison',
    'score': 'run',
    'score_protocols': 'run',
}
__all__ = ['Comparison', 'ScoreOptions', 'Scoring', 'compare', 'score', 'score_protocols']


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'.{_HOMES[name]}', __name__), name)
