"""From data sets as they are published to the layout that salkit reads."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .options import FolderOptions, GazeOptions, PrepareOptions

if TYPE_CHECKING:
    from .report import PrepareReport
    from .run import prepare

__all__ = ['FolderOptions', 'GazeOptions', 'PrepareOptions', 'PrepareReport', 'prepare']


def __getattr__(name: str) -> object:
    # On first use: the options alone import nothing heavy.
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    home = 'run' if name == 'prepare' else 'report'
    return getattr(importlib.import_module(f'.{home}', __name__), name)
