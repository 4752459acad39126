"""DHF1K (Wang et al., CVPR 2018 and TPAMI 2019)."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from pathlib import Path

from ...media.images import IMAGE_SUFFIXES
from ...registry import DATASETS, PUBLISHED
from ..base import VideoSaliencyDataset
from ..layout import subfolders
from .base import DensityArguments, PublishedDataset
from .raw_layout import NO_SPLIT, PublishedVideo, holds, is_annotation, video_at, video_files, walk

# First and last number of each split.
SPLITS = {'train': (1, 600), 'val': (601, 700), 'test': (701, 1000)}
# The Gaussian has a width at half maximum of 30 pixels in frames of 640 x 360 (CVPR 2018, and
# make_gauss_masks.m of their repository).
SIGMA_PX = 30 / (2 * math.sqrt(2 * math.log(2)))
RECIPES = {
    'dhf1k': DensityArguments(sigma_px=SIGMA_PX),
    # That script counts rows and columns from 0 where its caller counts from 1, and takes the
    # middle of its Gaussian one further on: two pixels too far down and right.
    'dhf1k-published': DensityArguments(sigma_px=SIGMA_PX, shift_px=2),
}
_NUMBER = re.compile(r'\d{3,4}')


class _DHF1K(PublishedDataset):
    def is_at(self, root: Path) -> bool:
        """Whether there is `annotation/0001`."""
        folder = root if root.name == 'annotation' else root / 'annotation'
        return folder.is_dir() and any(_NUMBER.fullmatch(sub.name) for sub in subfolders(folder))

    def find_videos(self, root: Path) -> list[PublishedVideo]:
        """`video/001.AVI` and `annotation/0001/{maps,fixation}`, up to three folders down.

        Frames that were extracted already, in folders named after the video, are taken where there
        is no video.
        """
        files, frames, truths = defaultdict(list), defaultdict(list), defaultdict(list)
        for folder in walk(root, 3, _NUMBER):
            for path in video_files(folder):
                if _NUMBER.fullmatch(path.stem):
                    files[int(path.stem)].append(path)
            for sub in subfolders(folder):
                if not _NUMBER.fullmatch(sub.name):
                    continue
                number = int(sub.name)
                if is_annotation(sub):
                    truths[number].append(sub)
                if (sub / 'images').is_dir():
                    frames[number].append(sub / 'images')
                elif holds(sub, IMAGE_SUFFIXES):
                    frames[number].append(sub)
                else:
                    # A video that is kept as it is.
                    files[number] += video_files(sub)
        annotation = root if root.name == 'annotation' else root / 'annotation'
        videos = []
        for number in sorted({n for found in (files, frames, truths) for n in found if found[n]}):
            name = f'{number:04d}'
            stimuli, folders = files[number] or frames[number], truths[number]
            split = next((s for s, (a, b) in SPLITS.items() if a <= number <= b), NO_SPLIT)
            twice = next((found for found in (stimuli, folders) if len(found) > 1), [])
            folder = folders[0] if folders else annotation / name
            stimulus = annotation.parent / 'video' / f'{number:03d}.AVI'
            problem = f'there twice: {" and ".join(map(str, twice[:2]))}' if twice else ''
            stimulus = stimuli[0] if stimuli else stimulus
            videos.append(video_at(folder, name, split, stimulus, problem))
        return videos


PUBLISHED.add(
    _DHF1K(
        'dhf1k',
        'DHF1K',
        dataset_type='DHF1KDataset',
        counts={'train': (600, 346_140), 'val': (100, 60_273), 'test': (300, 176_192)},
        video_names=r'\d{3,4}',
        withheld=('test',),
        recipes=RECIPES,
        layout='video/001.AVI and annotation/0001/{maps,fixation}',
    )
)


@DATASETS.register_module()
class DHF1KDataset(VideoSaliencyDataset):
    """DHF1K (Wang et al. 2019) with the splits of the paper (sec. 1).

    `<root>/train/<video>` holds the 600 training videos and `<root>/val/<video>` the 100 public
    validation videos. 10 % of the training videos are held out by `seed` as 'val'; the public
    validation videos are 'test', since the ground truth of the official test videos is withheld.
    """

    folder_of_split = {'train': 'train', 'val': 'train', 'test': 'val'}
    single_split_serves_all = False
