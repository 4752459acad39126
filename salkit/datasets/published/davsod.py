"""DAVSOD (Fan et al., CVPR 2019): parts of DHF1K's videos, with the gaze on them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ...registry import DATASETS, PUBLISHED
from ...utils.files import natural_key
from ..base import VideoSaliencyDataset
from ..layout import SPLIT_FOLDERS, subfolders
from .base import PublishedDataset
from .raw_layout import PublishedVideo, walk

FRAMES, DENSITIES, FIXATIONS = 'Imgs', 'Fixation_maps_smoothed', 'Fixation_maps'
_VIDEO = re.compile(r'select_\d{4}(_\d+)?')
# Names of archives, and of the folders that they are unpacked to, by split and group.
PACKAGES = {
    'trainingset': ('train', ''),
    'validationset': ('val', ''),
    'easy35': ('test', 'Easy-35'),
    'normal25': ('test', 'Normal-25'),
    'difficult20': ('test', 'Difficult-20'),
}


class _DAVSOD(PublishedDataset):
    def is_at(self, root: Path) -> bool:
        """Whether there is `<package>/select_0001/Fixation_maps`; `root` may be a package, too."""
        return any(video.is_annotated for video in self.find_videos(root))

    def find_videos(self, root: Path) -> list[PublishedVideo]:
        """`<package>/[...]/select_0001/{Imgs,Fixation_maps,Fixation_maps_smoothed}`.

        The package says the split: `DAVSOD-TrainingSet`, `Validation Set`, `Easy-35` and so on.
        Masks of objects are not read.
        """
        videos: dict[tuple[str, str], PublishedVideo] = {}
        for package in _packages(root):
            split, group = PACKAGES[_key(package)]
            for folder in walk(package, 2, _VIDEO):
                for sub in subfolders(folder):
                    if not _VIDEO.fullmatch(sub.name):
                        continue
                    densities, fixations = sub / DENSITIES, sub / FIXATIONS
                    video = PublishedVideo(
                        sub.name,
                        split,
                        sub,
                        sub / FRAMES,
                        densities if densities.is_dir() else None,
                        fixations if fixations.is_dir() else None,
                        groups=(group,) if group else (),
                    )
                    if before := videos.get((split, sub.name)):
                        video = replace(
                            before if before.is_annotated else video,
                            groups=before.groups + video.groups,
                            problem=f'there twice: {before.folder} and {sub}',
                        )
                    videos[split, sub.name] = video
        order = list(SPLIT_FOLDERS)
        return sorted(videos.values(), key=lambda v: (order.index(v.split), natural_key(v.name)))


def _key(folder: Path) -> str:
    """The package that a folder is called after, in any spelling."""
    return re.sub(r'[^a-z0-9]', '', folder.name.lower()).removeprefix('davsod')


def _packages(root: Path) -> list[Path]:
    """The folders of packages in `root`, or `root` itself."""
    if _key(root) in PACKAGES:
        return [root]
    found = []
    for folder in subfolders(root):
        inside = [folder, *(subfolders(folder) if _key(folder) not in PACKAGES else [])]
        found += [package for package in inside if _key(package) in PACKAGES]
    return found


PUBLISHED.add(
    _DAVSOD(
        'davsod',
        'DAVSOD',
        dataset_type='DAVSODDataset',
        counts={'train': (61, None), 'val': (46, None), 'test': (80, None)},
        video_names=_VIDEO.pattern,
        layout='DAVSOD-TrainingSet, DAVSOD-ValidationSet, Easy-35, Normal-25, Difficult-20, with '
        f'select_0001/{{{FRAMES},{DENSITIES},{FIXATIONS}}}',
    )
)


@DATASETS.register_module()
class DAVSODDataset(VideoSaliencyDataset):
    """DAVSOD (Fan et al. 2019): `<root>/train|val|test/<video>`.

    61 videos for training, 46 for validation and 80 for testing. All are parts of videos of DHF1K,
    whichever split these are in there.
    """

    single_split_serves_all = False
