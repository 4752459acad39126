"""Reads the frames of a clip."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from mmcv.transforms import BaseTransform

from ...errors import ConfigError, DataError
from ...media.images import read_image, read_reduced_jpeg, resize_image
from ...media.video import open_video
from ...registry import TRANSFORMS
from ..clip_cache import AUTO, find_cache


def read_frame(
    path: str, size: tuple[int, int] | None, fast_jpeg: bool = False
) -> tuple[np.ndarray, tuple[int, int]]:
    """Read a frame from its image and resize it.

    Args:
        path: of the image.
        size: (rows, columns); None keeps its own.
        fast_jpeg: see `LoadClip`.

    Returns:
        (H, W, 3) uint8 RGB, and its (rows, columns) as shown.

    Raises:
        DataError: it cannot be read.
    """
    reduced = read_reduced_jpeg(path, size) if fast_jpeg and size is not None else None
    if reduced is None:
        frame = read_image(path)
        shown = frame.shape[:2]
    else:
        frame, shown = reduced
    if size is not None and frame.shape[:2] != size:
        frame = resize_image(frame, size)
    return frame, shown


@TRANSFORMS.register_module()
class LoadClip(BaseTransform):
    """Read and resize the frames named in `frame_paths`.

    Where the sample names a `video_path`, its `frame_indices` are decoded from that instead. No
    frame is read twice for one clip. Where `salkit cache` has kept the resized frames and their
    files have not changed, these are taken: the same values, much quicker.

    Adds `clip` (T, H, W, 3) uint8 RGB and `size`, the (rows, columns) of the frames as shown.

    Args:
        size: (rows, columns) to resize to, bilinear with anti-aliasing; None keeps the frames.
        cache_frames: how many resized frames to keep in memory. The clips of neighbouring frames
            share all but one of theirs.
        cache: where the resized frames of `salkit cache` are looked for: 'auto' beside the videos
            and in salkit's cache folder; the folder it was given as `--dir`; None nowhere.
        fast_jpeg: decode .jpg frames of at least twice `size` at a half, a quarter or an eighth of
            theirs. Pixels differ a little from those of resized frames, so nothing is taken from
            the cache.

    Raises:
        ConfigError: a size that is not two positive numbers, or `fast_jpeg` with a cache's folder.
    """

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        cache_frames: int = 32,
        cache: str | None = AUTO,
        fast_jpeg: bool = False,
    ) -> None:
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ConfigError(f'LoadClip: size must be (rows, columns), got {size!r}')
        if fast_jpeg and cache not in (None, AUTO):
            raise ConfigError(
                'LoadClip: fast_jpeg gives other pixels than a cache, take one of them'
            )
        self.size = None if size is None else (int(size[0]), int(size[1]))
        self.cache_frames = cache_frames
        self.fast_jpeg = fast_jpeg
        self._stored = None if fast_jpeg else find_cache('LoadClip', cache, self.size)
        self._cache: OrderedDict[str, tuple[np.ndarray, tuple[int, int]]] = OrderedDict()

    def __getstate__(self) -> dict:
        # Frames that are kept need not travel to workers.
        return dict(vars(self), _cache=OrderedDict())

    def _read_missing(self, results: dict) -> dict[str, tuple[np.ndarray, tuple[int, int]]]:
        """The clip's frames that are not kept from earlier, by path."""
        missing = [path for path in results['frame_paths'] if path not in self._cache]
        if results.get('video_path') is None:
            return {
                path: read_frame(path, self.size, self.fast_jpeg) for path in dict.fromkeys(missing)
            }
        if not missing:
            return {}
        # A video is decoded once for all that is wanted of it.
        numbers = dict(zip(results['frame_paths'], results['frame_indices'], strict=True))
        video = open_video(results['video_path'])
        frames = video.read([numbers[path] for path in missing], size=self.size)
        shown = (video.info.height, video.info.width)
        return {path: (frame, shown) for path, frame in zip(missing, frames, strict=True)}

    def _load(self, results: dict) -> list[tuple[np.ndarray, tuple[int, int]]]:
        """The clip's frames with their sizes as shown."""
        read = self._read_missing(results)
        loaded = []
        for path in results['frame_paths']:
            if path in self._cache:
                self._cache.move_to_end(path)
            loaded.append(self._cache.get(path) or read[path])
        self._cache.update(read)
        while len(self._cache) > self.cache_frames:
            self._cache.popitem(last=False)
        return loaded

    def transform(self, results: dict) -> dict:
        """Add `clip` and `size` to `results`.

        Raises:
            DataError: a frame that cannot be read, or of another size than the last one.
        """
        stored = None if self._stored is None else self._stored.clip(results)
        if stored is not None:
            results['clip'], results['size'] = stored
            return results
        paths = results['frame_paths']
        loaded = self._load(results)
        size = loaded[-1][1]
        for path, (_, shown) in zip(paths, loaded, strict=True):
            if shown != size:
                raise DataError(
                    f'{path}: the frame is {shown[0]} x {shown[1]} pixels, others of its video '
                    f'are {size[0]} x {size[1]}'
                )
        results['clip'] = np.stack([frame for frame, _ in loaded])
        results['size'] = size
        return results
