"""Finding what is wrong with a data set on disk, and what to do about it."""

from ..options import CheckOptions
from .faults import ERROR, KINDS, WARNING, Fault
from .report import CheckReport
from .run import check_dataset

__all__ = ['ERROR', 'KINDS', 'WARNING', 'CheckOptions', 'CheckReport', 'Fault', 'check_dataset']
