"""Video saliency data sets.

The classes are imported on first use: the files of a data set can be found without PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .classes import (
        ConcatDataset,
        DemoDataset,
        DHF1KDataset,
        Hollywood2Dataset,
        UCFSportsDataset,
        VideoSaliencyDataset,
        WeightedSampler,
    )

__all__ = [
    'ConcatDataset',
    'DHF1KDataset',
    'DemoDataset',
    'Hollywood2Dataset',
    'UCFSportsDataset',
    'VideoSaliencyDataset',
    'WeightedSampler',
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module('.classes', __name__), name)
