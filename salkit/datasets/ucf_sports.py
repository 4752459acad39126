"""UCF-Sports."""

from ..registry import DATASETS
from .base import VideoSaliencyDataset


@DATASETS.register_module()
class UCFSportsDataset(VideoSaliencyDataset):
    """UCF-Sports (Mathe and Sminchisescu 2015): `<root>/training|testing/<video>`.

    103 training and 47 test videos. 10 % of the training videos are held out by `seed` as 'val'.
    """

    folder_of_split = {'train': 'train', 'val': 'train', 'test': 'test'}
    single_split_serves_all = False
