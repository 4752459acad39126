"""Frames from torchcodec, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...errors import ConfigError, DataError

# Frames compared with PyAV's, spread over the video.
COMPARED = 8


class TorchcodecFrames:
    """Gives frames by number; refuses videos of which it gives other frames than PyAV.

    Args:
        path: of the video.
        count: how many frames it has.
        truth: gives a frame as PyAV decodes it.

    Raises:
        ConfigError: torchcodec is not installed, or does not find FFmpeg's libraries.
        DataError: other frames.
    """

    def __init__(self, path: str | Path, count: int, truth: Callable[[int], np.ndarray]) -> None:
        try:
            from torchcodec.decoders import VideoDecoder
        except (ImportError, OSError, RuntimeError) as error:
            reason = str(error).strip().splitlines()
            raise ConfigError(
                "the backend 'torchcodec' cannot be used "
                f"({reason[0] if reason else type(error).__name__}); 'pyav' always can"
            ) from error
        try:
            # 'exact' reads all packets, as the frame index does.
            self._decoder = VideoDecoder(
                str(path), dimension_order='NHWC', num_ffmpeg_threads=1, seek_mode='exact'
            )
            found = len(self._decoder)
            numbers = sorted(set(np.linspace(0, count - 1, COMPARED).astype(int).tolist()))
            same = found == count and all(np.array_equal(self(n), truth(n)) for n in numbers)
        except (RuntimeError, ValueError, IndexError) as error:
            raise DataError(f'{path}: torchcodec cannot read the video ({error})') from error
        if not same:
            raise DataError(
                f'{path}: torchcodec gives other frames than PyAV ({found} and {count} in all); '
                "use the backend 'pyav'"
            )

    def __call__(self, number: int) -> np.ndarray:
        """Frame `number`, (H, W, 3) uint8 RGB."""
        return self._decoder.get_frame_at(number).data.numpy()
