"""The data set of folders that all others are made from."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..builder import build
from ..errors import ConfigError, DataError
from ..media.clips import HEADS, SAMPLINGS, clip_indices, scored_frames
from ..registry import DATASETS, TRANSFORMS
from ..utils.folders import check_folder
from ..utils.text import check_choice
from .layout import (
    SPLIT_FOLDERS,
    VideoRecord,
    find_split_folder,
    holds_videos,
    read_videos,
    subfolders,
)

if TYPE_CHECKING:
    from torch.utils.data import Dataset
else:
    # A DataLoader asks for no class. The public data sets, whose modules hold theirs, are known
    # and their files are checked without PyTorch; it is imported where clips are to be made.
    Dataset = object


@DATASETS.register_module()
class VideoSaliencyDataset(Dataset):
    """Any folder in the layout `<root>/<split>/<video>/{images,maps,fixation}/`.

    One file a frame in each, paired by sorted name; frames may mix .png and .jpg, fixations are
    images or .mat files in `fixation/maps`. A file `video.<suffix>` may stand in for `images`, its
    frames are decoded when they are needed. Split folders may be called train or training, val or
    validation, test or testing. Without a validation folder, videos of the training folder are held
    out. A root with a single split, or with the videos themselves, serves every split, with a
    warning.

    Args:
        data_root: the root folder.
        split: 'train', 'val' or 'test', or the name of a folder in the root.
        clip_len: T, frames per clip.
        sampling: 'random' gives one random clip a video and epoch, 'strided' clips `stride` frames
            apart, 'all' one clip for every frame.
        stride: frames between strided clips.
        clips_per_video: random clips a video and epoch; more make an epoch of few videos longer.
        every: random clips end at every k-th frame only, counted from the first that they may.
        clip_stride: frames from one of a clip to the next; or (least, most), drawn for each random
            clip, no more than its video has frames for.
        head: what stands before a video's first frame, see `clip_indices`: 'repeat-first',
            'reverse-time' or 'skip'.
        pipeline: configs of the transforms.
        holdout: share of the training videos held out as 'val' where there is no such folder.
        seed: of the held-out choice and of random clips.
        require_fixations: whether videos without fixation maps are an error.

    Raises:
        DataError: a folder or file that is missing or does not pair up.
    """

    # Which folder a split is read from; 'val' falls back to a part of 'train'.
    folder_of_split = {'train': 'train', 'val': 'val', 'test': 'test'}
    # Whether a root with one split folder serves all splits.
    single_split_serves_all = True

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        clip_len: int = 16,
        sampling: str = 'random',
        stride: int = 32,
        clips_per_video: int = 1,
        clip_stride: int | tuple[int, int] = 1,
        every: int = 1,
        head: str = 'repeat-first',
        pipeline: Sequence[dict] = (),
        holdout: float = 0.1,
        seed: int = 0,
        require_fixations: bool = True,
    ) -> None:
        name = type(self).__name__
        check_choice(name, 'sampling', sampling, SAMPLINGS)
        check_choice(name, 'head', head, HEADS)
        counts = dict(clip_len=clip_len, stride=stride, clips_per_video=clips_per_video)
        counts['every'] = every
        for argument, value in counts.items():
            if value < 1:
                raise ConfigError(f'{name}: {argument} must be at least 1, got {value}')
        strides = (clip_stride, clip_stride) if isinstance(clip_stride, int) else clip_stride
        if len(strides) != 2 or not 1 <= strides[0] <= strides[1]:
            raise ConfigError(
                f'{name}: clip_stride must be a number from 1 or (least, most), got {clip_stride!r}'
            )
        if strides[0] < strides[1] and sampling != 'random':
            raise ConfigError(
                f"{name}: clip_stride is drawn for sampling 'random' only, got {clip_stride!r}"
            )
        if not 0 < holdout < 1:
            raise ConfigError(f'{name}: holdout must lie between 0 and 1, got {holdout}')
        if not data_root:
            raise DataError(f'{name}: data_root is not set; --cfg-options data_root=FOLDER sets it')
        self.data_root = Path(data_root).expanduser()
        self.split = split
        self.clip_len = clip_len
        self.sampling = sampling
        self.stride = stride
        self.every = every
        self.clip_strides = tuple(strides)
        self.head = head
        self.holdout = holdout
        self.seed = seed
        check_folder(self.data_root, 'the data root')
        self.videos: list[VideoRecord] = read_videos(self.video_folders(), require_fixations)
        if not self.videos:
            raise DataError(f'{self.data_root}: the split {split!r} holds no videos')
        if sampling == 'random':
            samples = [clips_per_video] * len(self.videos)
        else:
            samples = [len(self._scored(video)) for video in self.videos]
        self._ends = list(accumulate(samples))
        import torch
        from mmengine.dataset import Compose

        # Shared with DataLoader workers, which may outlive an epoch.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self.pipeline = Compose([build(TRANSFORMS, cfg) for cfg in pipeline])

    # Which videos ------------------------------------------------------------------------------

    def video_folders(self) -> list[Path]:
        """Folders of this split's videos, in order.

        Raises:
            DataError: the split cannot be found.
        """
        root, split = self.data_root, self.split
        if split not in SPLIT_FOLDERS:
            if not (root / split).is_dir():
                raise DataError(f'{root / split}: the split folder does not exist')
            return subfolders(root / split)
        folder = find_split_folder(root, self.folder_of_split[split])
        if split == 'val' and (folder is None or self.folder_of_split['val'] == 'train'):
            train = find_split_folder(root, 'train')
            if train is not None:
                return self._hold_out(subfolders(train))[1]
        if folder is not None:
            videos = subfolders(folder)
            return self._hold_out(videos)[0] if self._train_is_shared(split) else videos
        return self._only_split(split)

    def _train_is_shared(self, split: str) -> bool:
        """Whether the held-out videos have to be left out of this split."""
        if split != 'train':
            return False
        own_folder = self.folder_of_split['val'] != 'train'
        return not (own_folder and find_split_folder(self.data_root, 'val'))

    def _hold_out(self, folders: list[Path]) -> tuple[list[Path], list[Path]]:
        """The videos kept for training and those held out, chosen by the seed alone."""
        if len(folders) < 2:
            raise DataError(
                f'{self.data_root}: no validation folder, and {len(folders)} training video(s) '
                'are too few to hold one out'
            )
        count = max(1, round(self.holdout * len(folders)))
        chosen = set(np.random.default_rng(self.seed).permutation(len(folders))[:count].tolist())
        kept = [folder for i, folder in enumerate(folders) if i not in chosen]
        return kept, [folders[i] for i in sorted(chosen)]

    def _only_split(self, split: str) -> list[Path]:
        """Videos of the one split there is, or a DataError that lists what there is."""
        root = self.data_root
        with_videos = [folder for folder in subfolders(root) if holds_videos(folder)]
        if holds_videos(root):
            with_videos = [root]
        if self.single_split_serves_all and len(with_videos) == 1:
            from mmengine.logging import print_log

            print_log(
                f'{type(self).__name__}: {root} has no {split!r} split, its only videos are in '
                f'{with_videos[0]}: using these. Scores on them are not held out.',
                logger='current',
                level=30,
            )
            self.split = with_videos[0].name
            return subfolders(with_videos[0])
        names = ' or '.join(SPLIT_FOLDERS[self.folder_of_split[split]])
        found = ', '.join(folder.name for folder in with_videos) or 'no folder with videos'
        raise DataError(
            f'{root}: {type(self).__name__} needs a folder {names} for its split {split!r}, '
            f'found {found}'
        )

    # Which clips -------------------------------------------------------------------------------

    def _span(self, clip_stride: int) -> int:
        """Frames from a clip's first to its last, both counted."""
        return clip_stride * (self.clip_len - 1) + 1

    def _scored(self, video: VideoRecord) -> range:
        span = self._span(self.clip_strides[0])
        return scored_frames(len(video.frames), span, self.sampling, self.stride, self.head)

    def _draw_stride(self, index: int, video: VideoRecord) -> int:
        """Frames from one of the clip's to the next."""
        least, most = self.clip_strides
        if least == most:
            return least
        fitting = (len(video.frames) - 1) // max(1, self.clip_len - 1)
        rng = np.random.default_rng((self.seed, self.epoch, index, 2))
        return int(rng.integers(least, max(least, min(most, fitting)) + 1))

    @property
    def metainfo(self) -> dict[str, Any]:
        """Names that go into checkpoints and reports; a folder of no class goes by its own name."""
        own = type(self) is VideoSaliencyDataset
        # As `salkit score` calls it, so that score files of both can be compared.
        name = self.data_root.absolute().name if own else type(self).__name__
        return dict(dataset=name, split=self.split)

    @property
    def epoch(self) -> int:
        """The epoch that random clips are drawn for."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Draw other random clips: they follow from seed, epoch and sample, and nothing else."""
        self._epoch.fill_(epoch)

    def __deepcopy__(self, memo: dict) -> VideoSaliencyDataset:
        # Nothing but the epoch ever changes, and that is meant to be shared; mmengine copies
        # data loader configs, and a data set may list a million files.
        return self

    def __len__(self) -> int:
        return self._ends[-1]

    def locate(self, index: int) -> tuple[int, int]:
        """The video's number and the predicted frame's number (both from 0) of sample `index`.

        Raises:
            IndexError: index out of range.
        """
        if not 0 <= index < len(self):
            raise IndexError(f'sample {index} of {len(self)}')
        number = bisect.bisect_right(self._ends, index)
        video = self.videos[number]
        if self.sampling == 'random':
            ends = self._drawn_from(video, self._draw_stride(index, video))
            rng = np.random.default_rng((self.seed, self.epoch, index))
            return number, ends[int(rng.integers(len(ends)))]
        before = self._ends[number - 1] if number else 0
        return number, self._scored(video)[index - before]

    def _drawn_from(self, video: VideoRecord, clip_stride: int) -> range:
        """The frames that a random clip may end at."""
        frames = len(video.frames)
        return range(min(self._span(clip_stride), frames) - 1, frames, self.every)

    def ends_of(self, video: VideoRecord) -> range:
        """The frames (from 0) that the samples of a video may end at, for one `clip_stride`."""
        if self.sampling == 'random':
            return self._drawn_from(video, self.clip_strides[0])
        return self._scored(video)

    def sample_files(self, index: int) -> dict[str, Any]:
        """Files and names of sample `index`, what the pipeline starts from."""
        number, last = self.locate(index)
        stride = self._draw_stride(index, self.videos[number])
        # For transforms that draw at random; another stream than the choice of the clip.
        rng = np.random.default_rng((self.seed, self.epoch, index, 1))
        return dict(self.clip_files(self.videos[number], last, stride), rng=rng)

    def clip_files(self, video: VideoRecord, last: int, stride: int) -> dict[str, Any]:
        """Files and names of the clip of a video that ends at frame `last`."""
        indices = clip_indices(last, self._span(stride), len(video.frames), self.head)[::stride]
        return dict(
            self.metainfo,
            video=video.name,
            frame=Path(video.frames[last]).stem,
            frame_paths=[video.frames[i] for i in indices],
            frame_indices=indices,
            video_path=video.video_path,
            density_path=video.densities[last],
            fixation_path=video.fixations[last] if video.fixations else None,
        )

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.pipeline(self.sample_files(index))
