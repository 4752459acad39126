"""Overlays of whole stimuli: as videos and pictures."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

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
    kind = path.suffix.lower()
    is_picture = kind in IMAGE_SUFFIXES and len(maps) == 1
    if not is_picture and kind != '.mp4':
        raise DataError(
            f'{path}: overlays are written as .mp4, or as .png where there is one frame; there '
            f'are {len(maps)}'
        )
    with closing(in_background(_drawn(maps, stimulus, overlay, truth), _AHEAD)) as drawn:
        if is_picture:
            with whole_file(path) as temporary:
                Image.fromarray(next(drawn)).save(temporary, Image.registered_extensions()[kind])
            return path
        sound, pixel_aspect = None, 1.0
        if isinstance(stimulus, VideoStimulus):
            end = float(maps.times[-1]) + 1 / maps.fps
            sound = SoundPart(stimulus.path, float(maps.times[0]), end)
            pixel_aspect = stimulus.info.pixel_aspect
        size = (maps.shape[1], overlay.width(maps.shape[2]))
        writer = VideoWriter(path, size, maps.fps, sound=sound, pixel_aspect=pixel_aspect)
        with writer:
            for time, picture in zip(maps.times, drawn, strict=True):
                writer.write(picture, float(time - maps.times[0]))
                if on_frame:
                    on_frame(1)
        for warning in writer.warnings:
            warnings.warn(warning, DataWarning, stacklevel=3)
    return path
