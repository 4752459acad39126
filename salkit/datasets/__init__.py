"""Video saliency data sets.

The classes are imported on first use: the files of a data set can be found without PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..utils.lazy import on_first_use

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

__getattr__, __dir__ = on_first_use(__name__, dict.fromkeys(__all__, 'classes'))
