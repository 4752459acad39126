"""From data sets as they are published to the layout that salkit reads."""

from .options import FolderOptions, GazeOptions, PrepareOptions
from .report import PrepareReport
from .run import prepare

__all__ = ['FolderOptions', 'GazeOptions', 'PrepareOptions', 'PrepareReport', 'prepare']
