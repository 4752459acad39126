"""Hollywood-2."""

from ..registry import DATASETS
from .base import VideoSaliencyDataset


@DATASETS.register_module()
class Hollywood2Dataset(VideoSaliencyDataset):
    """Hollywood-2 (Mathe and Sminchisescu 2015), cut into shots: `<root>/training|testing/<shot>`.

    A third of the test shots is shorter than 16 frames; none is dropped. 10 % of the training
    shots are held out by `seed` as 'val'.
    """

    folder_of_split = {'train': 'train', 'val': 'train', 'test': 'test'}
    single_split_serves_all = False
