"""The public data sets, one module each."""

from . import avimos, crowd, dhf1k, hollywood2, osie, scene, ucf_sports, xu_video
from .base import (
    LAYOUT,
    DensityArguments,
    PublishedDataset,
    dataset_at,
    density_recipes,
    get_published,
    published_datasets,
    recognize,
)
from .raw_layout import NO_SPLIT, PublishedVideo, find_in_splits, video_at
from .truth import GroundTruth, find_ground_truth

__all__ = [
    'LAYOUT',
    'NO_SPLIT',
    'DensityArguments',
    'GroundTruth',
    'PublishedDataset',
    'PublishedVideo',
    'avimos',
    'crowd',
    'dataset_at',
    'density_recipes',
    'dhf1k',
    'find_ground_truth',
    'find_in_splits',
    'get_published',
    'hollywood2',
    'osie',
    'published_datasets',
    'recognize',
    'scene',
    'ucf_sports',
    'video_at',
    'xu_video',
]
