"""All classes of data sets and samplers, so that importing this registers them."""

from .base import VideoSaliencyDataset as VideoSaliencyDataset
from .concat import ConcatDataset as ConcatDataset
from .demo import DemoDataset as DemoDataset
from .published.dhf1k import DHF1KDataset as DHF1KDataset
from .published.hollywood2 import Hollywood2Dataset as Hollywood2Dataset
from .published.ucf_sports import UCFSportsDataset as UCFSportsDataset
from .weighted_sampler import WeightedSampler as WeightedSampler
