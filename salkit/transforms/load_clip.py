"""Reads the frames of a clip."""

from __future__ import annotations

from collections import OrderedDict

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform

from ..errors import ConfigError, DataError
from ..registry import TRANSFORMS
from .image_io import read_image


@TRANSFORMS.register_module()
class LoadClip(BaseTransform):
    """Read and resize the frames named in `frame_paths`.

    Where the sample names a `video_path`, its `frame_indices` are decoded from that instead.

    Adds `clip` (T, H, W, 3) uint8 RGB and `size`, the (rows, columns) of the frames as shown.

    Args:
        size: (rows, columns) to resize to, bilinear with anti-aliasing; None keeps the frames.
        cache_frames: how many resized frames to keep. The clips of neighbouring frames share all
            but one of theirs.

    Raises:
        ConfigError: a size that is not two positive numbers.
    """

    def __init__(self, size: tuple[int, int] | None = None, cache_frames: int = 32) -> None:
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ConfigError(f'LoadClip: size must be (rows, columns), got {size!r}')
        self.size = None if size is None else tuple(size)
        self.cache_frames = cache_frames
        self._cache: OrderedDict[str, tuple[np.ndarray, tuple[int, int]]] = OrderedDict()

    def _read_image(self, path: str) -> tuple[np.ndarray, tuple[int, int]]:
        """A frame from its image, resized, and its size as shown."""
        frame = read_image(path)
        shown = frame.shape[:2]
        if self.size is not None and shown != self.size:
            frame = mmcv.imresize(frame, self.size[::-1], backend='pillow')
        return frame, shown

    def _read_missing(self, results: dict) -> dict[str, tuple[np.ndarray, tuple[int, int]]]:
        """The clip's frames that are not kept from earlier, by path."""
        missing = [path for path in results['frame_paths'] if path not in self._cache]
        if results.get('video_path') is None:
            return {path: self._read_image(path) for path in dict.fromkeys(missing)}
        if not missing:
            return {}
        from ..video import open_video

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
