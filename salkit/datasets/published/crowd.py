"""Saliency in Crowd (Jiang et al., ECCV 2014): photos of crowds, looked at by 16 people."""

from __future__ import annotations

from ...registry import DATASETS, PUBLISHED
from ..base import VideoSaliencyDataset
from .base import DensityArguments
from .pictures import SIGMA_WIDTH, PictureDataset

PUBLISHED.add(
    PictureDataset(
        'crowd',
        'Saliency in Crowd',
        dataset_type='CrowdDataset',
        counts={'train': (350, 350), 'val': (50, 50), 'test': (100, 100)},
        video_names=r'crowd-\d{3}',
        recipes={'crowd': DensityArguments(sigma_width=SIGMA_WIDTH)},
        layout='data/stimuli/001.jpg ... 500.jpg and data/eye/fixations.mat',
        stems=[f'{number:03d}' for number in range(1, 501)],
    )
)


@DATASETS.register_module()
class CrowdDataset(VideoSaliencyDataset):
    """Saliency in Crowd (Jiang et al. 2014), each photo as a video of one frame.

    `<root>/train|val|test/<photo>`: 350 photos for training, 50 for validation and 100 for testing,
    by salkit's own fixed split.
    """

    single_split_serves_all = False
