"""Hollywood-2 (Mathe and Sminchisescu, TPAMI 2015), as Wang et al. (CVPR 2018) published it."""

from __future__ import annotations

from ...registry import DATASETS, PUBLISHED
from ..base import VideoSaliencyDataset
from .base import DensityArguments, PublishedDataset

# How Wang et al. made density maps from the fixations of Mathe and Sminchisescu.
RECIPES: dict[str, DensityArguments] = {
    'ucf-hollywood2': DensityArguments(sigma_px=20.0, window_px=150)
}

PUBLISHED.add(
    PublishedDataset(
        'hollywood2',
        'Hollywood-2',
        dataset_type='Hollywood2Dataset',
        counts={'train': (2699, 192_661), 'test': (3558, 244_860)},
        video_names=r'(actionclip|sceneclip)(auto)?(train|test)\d+.*',
        recipes=RECIPES,
    )
)


@DATASETS.register_module()
class Hollywood2Dataset(VideoSaliencyDataset):
    """Hollywood-2 (Mathe and Sminchisescu 2015), cut into shots: `<root>/training|testing/<shot>`.

    A third of the test shots is shorter than 16 frames; none is dropped. 10 % of the training
    shots are held out by `seed` as 'val'.
    """

    folder_of_split = {'train': 'train', 'val': 'train', 'test': 'test'}
    single_split_serves_all = False
