"""Overlays of whole stimuli, as videos and pictures."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES
from ..utils.files import whole_file
from ..utils.threads import in_background
from .stimulus import VideoStimulus

if TYPE_CHECKING:
    from .maps import OnFrame, SaliencyMaps, Truth
    from .overlay import Overlay

# Frames that are decoded, and drawn, ahead.
_AHEAD = 8


def _drawn(maps: SaliencyMaps, overlay: Overlay, truth: Truth | None):
    """Each frame with its map over it."""
    frames = in_background(maps.stimulus.frames(maps.frames), _AHEAD)
    finished = iter(maps)
    try:
        for number, frame, saliency_map in zip(maps.frames, frames, finished, strict=True):
            fixation_map, density_map = truth(number) if truth else (None, None)
            yield overlay(frame, saliency_map, fixation_map, density_map)
    finally:
        frames.close()
        finished.close()


def write_picture(path: str | Path, picture: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB, complete or not at all."""
    from PIL import Image

    kind = {'.jpg': 'JPEG', '.jpeg': 'JPEG', '.bmp': 'BMP'}.get(Path(path).suffix.lower(), 'PNG')
    with whole_file(path) as temporary:
        Image.fromarray(picture).save(temporary, format=kind)


def write_overlay(
    maps: SaliencyMaps,
    path: Path,
    overlay: Overlay,
    truth: Truth | None = None,
    on_frame: OnFrame | None = None,
) -> Path:
    """Write frames with their maps over them; see `SaliencyMaps.overlay`."""
    from ..media.video import SoundPart, VideoWriter

    is_picture = path.suffix.lower() in IMAGE_SUFFIXES
    if is_picture and len(maps) > 1:
        raise DataError(f'{path}: a picture holds one frame, there are {len(maps)}; expected .mp4')
    if not is_picture and path.suffix.lower() != '.mp4':
        raise DataError(
            f'{path}: overlays are written as .mp4, or as .png where there is one frame'
        )
    stimulus = maps.stimulus
    drawn = in_background(_drawn(maps, overlay, truth), _AHEAD)
    try:
        if is_picture:
            write_picture(path, next(drawn))
            return path
        first = next(drawn)
        sound, pixel_aspect = None, 1.0
        if isinstance(stimulus, VideoStimulus):
            end = float(maps.times[-1]) + 1 / maps.fps
            sound = SoundPart(stimulus.path, float(maps.times[0]), end)
            pixel_aspect = stimulus.info.pixel_aspect
        writer = VideoWriter(
            path, first.shape[:2], maps.fps, sound=sound, pixel_aspect=pixel_aspect
        )
        with writer:
            for index, time in enumerate(maps.times):
                writer.write(first if index == 0 else next(drawn), float(time - maps.times[0]))
                if on_frame:
                    on_frame(1)
        for told in writer.warnings:
            warnings.warn(told, stacklevel=3)
    finally:
        drawn.close()
    return path
