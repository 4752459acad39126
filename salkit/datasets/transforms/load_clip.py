"""Reads the frames of a clip."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from ...errors import ConfigError, DataError
from ...media.clips import size_in_shape
from ...media.images import checked_size, read_image, resize_image
from ...media.video import open_video
from ...registry import TRANSFORMS
from ...utils.text import check_range
from ..clip_cache import AUTO, ClipCache

# A frame (H, W, 3) uint8 RGB, and its (rows, columns) as shown.
Frame = tuple[np.ndarray, tuple[int, int]]


def read_frame(path: str, size: tuple[int, int] | None, keep_shape: int = 0) -> Frame:
    """Read a frame from its image and resize it to (rows, columns), if any; see `LoadClip`.

    Raises:
        DataError: it cannot be read.
    """
    frame = read_image(path)
    shown = frame.shape[:2]
    if size is not None and keep_shape:
        size = size_in_shape(shown, size, keep_shape)
    return frame if size is None else resize_image(frame, size), shown


@TRANSFORMS.register_module()
class LoadClip(BaseTransform):
    """Read and resize the frames named in `frame_paths`.

    Where the sample names a `video_path`, its `frame_indices` are decoded from that instead. No
    frame is read twice for one clip. Where `salkit cache` has kept the resized frames and their
    files have not changed, these are taken: the same values, much quicker.

    Adds `clip` (T, H, W, 3) uint8 RGB and `size`, the (rows, columns) of the frames as shown.

    Args:
        size: (rows, columns) to resize to, bilinear with anti-aliasing; None keeps the frames.
        keep_shape: where it is not 0, frames keep their shape: they get about as many pixels as
            `size` has, and sides that are multiples of it. Batches are then of one clip.
        cache_frames: how many resized frames to keep in memory. The clips of neighbouring frames
            share all but one of theirs.
        cache: where the resized frames of `salkit cache` are looked for: 'auto' beside the videos;
            the folder it was given as `--dir`; None nowhere.

    Raises:
        ConfigError: a size that is not two positive numbers, or a cache's folder without a size.
    """

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        cache_frames: int = 32,
        cache: str | None = AUTO,
        keep_shape: int = 0,
    ) -> None:
        if cache is not None and not isinstance(cache, (str, os.PathLike)):
            raise ConfigError(f"LoadClip: cache must be 'auto', a folder or None, got {cache!r}")
        if size is None and cache not in (None, AUTO):
            raise ConfigError('LoadClip: a cache is of resized frames: it needs a size')
        self.size = None if size is None else checked_size('LoadClip', size)
        check_range('LoadClip', 'keep_shape', keep_shape, 0)
        if keep_shape and self.size is None:
            raise ConfigError('LoadClip: keep_shape needs a size, whose pixels it shares out')
        if keep_shape and cache not in (None, AUTO):
            raise ConfigError('LoadClip: a cache is of frames of one size: it needs keep_shape=0')
        self.keep_shape = keep_shape
        self.cache_frames = cache_frames
        self._stored = None
        if cache is not None and self.size is not None and not keep_shape:
            self._stored = ClipCache(cache, self.size)
        # The last used ones last.
        self._kept: dict[str, Frame] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Frames that are kept need not travel to workers.
        return dict(vars(self), _kept={})

    def _read(self, sample: Mapping[str, Any], paths: Sequence[str]) -> list[Frame]:
        """Some of the sample's frames from their files."""
        if sample.get('video_path') is None or not paths:
            return [read_frame(path, self.size, self.keep_shape) for path in paths]
        # A video is decoded once for all that is wanted of it.
        numbers = dict(zip(sample['frame_paths'], sample['frame_indices'], strict=True))
        video = open_video(sample['video_path'])
        shown = (video.info.height, video.info.width)
        size = self.size
        if size is not None and self.keep_shape:
            size = size_in_shape(shown, size, self.keep_shape)
        frames = video.read([numbers[path] for path in paths], size=size)
        return [(frame, shown) for frame in frames]

    def _load(self, sample: Mapping[str, Any]) -> list[Frame]:
        """The sample's frames, those that are kept from earlier and those that are not."""
        paths = sample['frame_paths']
        kept = {path: self._kept.pop(path) for path in dict.fromkeys(paths) if path in self._kept}
        missing = [path for path in dict.fromkeys(paths) if path not in kept]
        loaded = kept | dict(zip(missing, self._read(sample, missing), strict=True))
        self._kept.update(loaded)
        while len(self._kept) > self.cache_frames:
            del self._kept[next(iter(self._kept))]
        return [loaded[path] for path in paths]

    def transform(self, results: dict) -> dict:
        """Add `clip` and `size` to `results`.

        Raises:
            DataError: a frame that cannot be read, or of another size than the last one.
        """
        stored = None if self._stored is None else self._stored.clip(results)
        clip, sizes = zip(*self._load(results), strict=True) if stored is None else stored
        shown = tuple(int(side) for side in sizes[-1])
        for path, size in zip(results['frame_paths'], sizes, strict=True):
            if tuple(size) != shown:
                raise DataError(
                    f'{path}: the frame is {size[0]} x {size[1]} pixels, others of its video '
                    f'are {shown[0]} x {shown[1]}'
                )
        results['clip'] = np.asarray(clip)
        results['size'] = shown
        return results
