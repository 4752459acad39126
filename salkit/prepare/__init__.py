"""From data sets as they are published to the layout that salkit reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..utils.lazy import on_first_use
from .options import FolderOptions, GazeOptions, PrepareOptions

if TYPE_CHECKING:
    from .report import PrepareReport
    from .run import prepare

__all__ = ['FolderOptions', 'GazeOptions', 'PrepareOptions', 'PrepareReport', 'prepare']

__getattr__, __dir__ = on_first_use(__name__, {'PrepareReport': 'report', 'prepare': 'run'})
