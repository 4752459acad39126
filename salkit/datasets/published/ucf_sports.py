"""UCF-Sports (Mathe and Sminchisescu, TPAMI 2015), as Wang et al. (CVPR 2018) published it."""

from __future__ import annotations

from ...registry import DATASETS, PUBLISHED
from ..base import VideoSaliencyDataset
from .base import PublishedDataset
from .hollywood2 import RECIPES

_SPORTS = (
    'Diving-Side|Golf-Swing-Back|Golf-Swing-Front|Golf-Swing-Side|Kicking-Front|Kicking-Side|'
    'Lifting|Riding-Horse|Run-Side|SkateBoarding-Front|Swing-Bench|Swing-SideAngle|Walk-Front'
)

PUBLISHED.add(
    PublishedDataset(
        'ucf-sports',
        'UCF-Sports',
        dataset_type='UCFSportsDataset',
        counts={'train': (103, 6_501), 'test': (47, 2_929)},
        video_names=rf'({_SPORTS})[-_]\d+',
        recipes=RECIPES,
    )
)


@DATASETS.register_module()
class UCFSportsDataset(VideoSaliencyDataset):
    """UCF-Sports (Mathe and Sminchisescu 2015): `<root>/training|testing/<video>`.

    103 training and 47 test videos. 10 % of the training videos are held out by `seed` as 'val'.
    """

    folder_of_split = {'train': 'train', 'val': 'train', 'test': 'test'}
    single_split_serves_all = False
