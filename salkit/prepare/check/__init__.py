"""Finding what is wrong with a data set on disk, and what to do about it."""

from .fault import ERROR, KINDS, WARNING, Fault
from .report import CheckReport
from .run import check_dataset

__all__ = ['ERROR', 'KINDS', 'WARNING', 'CheckReport', 'Fault', 'check_dataset']
