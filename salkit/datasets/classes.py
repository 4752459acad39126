"""All classes of data sets and samplers, so that importing this registers them."""

from .base import VideoSaliencyDataset
from .concat import ConcatDataset
from .demo import DemoDataset
from .published.dhf1k import DHF1KDataset
from .published.hollywood2 import Hollywood2Dataset
from .published.ucf_sports import UCFSportsDataset
from .weighted_sampler import WeightedSampler

__all__ = [
    'ConcatDataset',
    'DHF1KDataset',
    'DemoDataset',
    'Hollywood2Dataset',
    'UCFSportsDataset',
    'VideoSaliencyDataset',
    'WeightedSampler',
]
