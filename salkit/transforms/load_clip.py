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

    def _load(self, path: str) -> tuple[np.ndarray, tuple[int, int]]:
        if path in self._cache:
            self._cache.move_to_end(path)
            return self._cache[path]
        frame = read_image(path)
        shown = frame.shape[:2]
        if self.size is not None and shown != self.size:
            frame = mmcv.imresize(frame, self.size[::-1], backend='pillow')
        self._cache[path] = (frame, shown)
        while len(self._cache) > self.cache_frames:
            self._cache.popitem(last=False)
        return frame, shown

    def transform(self, results: dict) -> dict:
        """Add `clip` and `size` to `results`.

        Raises:
            DataError: a frame that cannot be read, or of another size than the last one.
        """
        paths = results['frame_paths']
        loaded = [self._load(path) for path in paths]
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
