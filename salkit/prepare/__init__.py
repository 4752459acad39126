"""From data sets as they are published to the layout that salkit reads."""

from .options import PrepareOptions
from .report import PrepareReport
from .run import prepare

__all__ = ['PrepareOptions', 'PrepareReport', 'prepare']
