"""Offline scoring of anybody's maps, and what is done with scores: comparing, baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Not on first use: the function would then give way to the module of its name.
from .compare import compare
from .comparison import Comparison

if TYPE_CHECKING:
    from .run import Scoring, score, score_protocols

__all__ = ['Comparison', 'Scoring', 'compare', 'score', 'score_protocols']


def __getattr__(name: str) -> Any:
    # On first use: comparing scores needs nothing of what reads maps.
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import run

    return getattr(run, name)
