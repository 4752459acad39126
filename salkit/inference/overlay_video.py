"""Overlays of whole stimuli, as videos and pictures."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES
from ..media.video import SoundPart, VideoWriter
from ..utils.files import whole_file
from ..utils.threads import in_background
from .map_sequence import MapSequence, OnFrame, Truth
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
    is_picture = path.suffix.lower() in IMAGE_SUFFIXES
    if is_picture and len(maps) > 1:
        raise DataError(f'{path}: a picture holds one frame, there are {len(maps)}; expected .mp4')
    if not is_picture and path.suffix.lower() != '.mp4':
        raise DataError(
            f'{path}: overlays are written as .mp4, or as .png where there is one frame'
        )
    with closing(in_background(_drawn(maps, stimulus, overlay, truth), _AHEAD)) as drawn:
        if is_picture:
            with whole_file(path) as temporary:
                kind = Image.registered_extensions()[path.suffix.lower()]
                Image.fromarray(next(drawn)).save(temporary, format=kind)
            return path
        first = next(drawn)
        sound, pixel_aspect = None, 1.0
        if isinstance(stimulus, VideoStimulus):
            end = float(maps.times[-1]) + 1 / maps.fps
            sound = SoundPart(stimulus.path, float(maps.times[0]), end)
            pixel_aspect = stimulus.info.pixel_aspect
        writer = VideoWriter(
            path,
            (first.shape[0], first.shape[1]),
            maps.fps,
            sound=sound,
            pixel_aspect=pixel_aspect,
        )
        with writer:
            for index, time in enumerate(maps.times):
                writer.write(first if index == 0 else next(drawn), float(time - maps.times[0]))
                if on_frame:
                    on_frame(1)
        for warning in writer.warnings:
            warnings.warn(warning, stacklevel=4)
    return path
