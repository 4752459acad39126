"""Overlays of whole stimuli: as videos and pictures."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from ..errors import DataError, DataWarning
from ..media.images import IMAGE_SUFFIXES
from ..media.video import SoundPart, VideoWriter
from ..utils.files import whole_file
from ..utils.threads import in_background
from .outputs import MapSequence, OnFrame, Truth
from .overlay import Overlay
from .stimulus import Stimulus, VideoStimulus

# Frames that are decoded, and drawn, ahead.
_AHEAD = 8


class FrameTimes(Protocol):
    """When frames are shown.

    Attributes:
        times: (T,) seconds from the stimulus' first frame.
        fps: frames per second.
    """

    times: np.ndarray
    fps: float


def _drawn(
    maps: MapSequence, stimulus: Stimulus, overlay: Overlay, truth: Truth | None
) -> Generator[np.ndarray, None, None]:
    """Each frame with its map over it."""
    frames = in_background(stimulus.frames(maps.frames), _AHEAD)
    with closing(frames), closing(iter(maps)) as finished:
        for number, frame, saliency_map in zip(maps.frames, frames, finished, strict=True):
            fixation_map, density_map = truth(number) if truth else (None, None)
            yield overlay(frame, saliency_map, fixation_map, density_map)


def write_overlay(
    maps: MapSequence,
    stimulus: Stimulus,
    path: Path,
    overlay: Overlay,
    truth: Truth | None = None,
    on_frame: OnFrame | None = None,
) -> Path:
    """Write frames of a stimulus with their maps over them; see `SaliencyMaps.overlay`."""
    size = (maps.shape[1], overlay.width(maps.shape[2]))
    return write_pictures(
        _drawn(maps, stimulus, overlay, truth), size, maps, stimulus, path, on_frame
    )


def write_pictures(
    pictures: Generator[np.ndarray, None, None],
    size: tuple[int, int],
    shown: FrameTimes,
    stimulus: Stimulus,
    path: Path,
    on_frame: OnFrame | None = None,
) -> Path:
    """Write what was made of frames as a video with their times and sound, or the only one as PNG.

    Args:
        pictures: (rows, columns, 3) uint8 RGB, one a frame; made in a thread.
        size: (rows, columns) of them.
        shown: the frames.
        stimulus: that they are of.
        path: .mp4; or .png where there is one frame.
        on_frame: called with 1 after each frame.

    Raises:
        DataError: another suffix, or see `VideoWriter`.
    """
    kind, count = path.suffix.lower(), len(shown.times)
    is_picture = kind in IMAGE_SUFFIXES and count == 1
    if not is_picture and kind != '.mp4':
        raise DataError(
            f'{path}: such videos are written as .mp4, or as .png where there is one frame; there '
            f'are {count}'
        )
    with closing(in_background(pictures, _AHEAD)) as made:
        if is_picture:
            with whole_file(path) as temporary:
                Image.fromarray(next(made)).save(temporary, Image.registered_extensions()[kind])
            return path
        sound = None
        if isinstance(stimulus, VideoStimulus):
            end = float(shown.times[-1]) + 1 / shown.fps
            sound = SoundPart(stimulus.path, float(shown.times[0]), end)
        aspect = stimulus.pixel_aspect
        writer = VideoWriter(path, size, shown.fps, sound=sound, pixel_aspect=aspect)
        with writer:
            for time, picture in zip(shown.times, made, strict=True):
                writer.write(picture, float(time - shown.times[0]))
                if on_frame:
                    on_frame(1)
        for warning in writer.warnings:
            warnings.warn(warning, DataWarning, stacklevel=3)
    return path
