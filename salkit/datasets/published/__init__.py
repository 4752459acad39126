"""The public data sets, one module each."""

from . import avimos, dhf1k, hollywood2, ucf_sports
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
    'dataset_at',
    'density_recipes',
    'dhf1k',
    'find_ground_truth',
    'find_in_splits',
    'get_published',
    'hollywood2',
    'published_datasets',
    'recognize',
    'ucf_sports',
    'video_at',
]
