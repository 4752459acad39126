"""DHF1K."""

from ..registry import DATASETS
from .base import VideoSaliencyDataset


@DATASETS.register_module()
class DHF1KDataset(VideoSaliencyDataset):
    """DHF1K (Wang et al. 2019) with the splits of the paper (sec. 1).

    `<root>/train/<video>` holds the 600 training videos and `<root>/val/<video>` the 100 public
    validation videos. 10 % of the training videos are held out by `seed` as 'val'; the public
    validation videos are 'test', since the ground truth of the official test videos is withheld.
    """

    folder_of_split = {'train': 'train', 'val': 'train', 'test': 'val'}
    single_split_serves_all = False
