"""Video saliency data sets."""

from .base import VideoSaliencyDataset
from .demo import DemoDataset
from .dhf1k import DHF1KDataset
from .hollywood2 import Hollywood2Dataset
from .ucf_sports import UCFSportsDataset

__all__ = [
    'DHF1KDataset',
    'DemoDataset',
    'Hollywood2Dataset',
    'UCFSportsDataset',
    'VideoSaliencyDataset',
]
