"""The public data sets, one module each."""

from . import (
    audio_visual,
    avimos,
    crowd,
    davsod,
    dhf1k,
    hollywood2,
    ledov,
    osie,
    scene,
    ucf_sports,
    xu_video,
)
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
    'audio_visual',
    'avimos',
    'crowd',
    'dataset_at',
    'davsod',
    'density_recipes',
    'dhf1k',
    'find_ground_truth',
    'find_in_splits',
    'get_published',
    'hollywood2',
    'ledov',
    'osie',
    'published_datasets',
    'recognize',
    'scene',
    'ucf_sports',
    'video_at',
    'xu_video',
]
