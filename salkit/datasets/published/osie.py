"""OSIE (Xu et al., Journal of Vision 2014): photos, looked at by 15 people."""

from __future__ import annotations

from ...registry import DATASETS, PUBLISHED
from ..base import VideoSaliencyDataset
from .base import DensityArguments
from .pictures import SIGMA_WIDTH, PictureDataset

PUBLISHED.add(
    PictureDataset(
        'osie',
        'OSIE',
        dataset_type='OSIEDataset',
        counts={'train': (490, 490), 'val': (70, 70), 'test': (140, 140)},
        video_names=r'osie-\d{4}',
        recipes={'osie': DensityArguments(sigma_width=SIGMA_WIDTH)},
        layout='data/stimuli/1001.jpg ... 1700.jpg and data/eye/fixations.mat',
        stems=[str(number) for number in range(1001, 1701)],
        # Both show the same photo.
        twins={'1374': '1279'},
    )
)


@DATASETS.register_module()
class OSIEDataset(VideoSaliencyDataset):
    """OSIE (Xu et al. 2014), each photo as a video of one frame: `<root>/train|val|test/<photo>`.

    490 photos for training, 70 for validation and 140 for testing, by salkit's own fixed split.
    """

    single_split_serves_all = False
