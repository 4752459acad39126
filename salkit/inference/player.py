"""Maps in a notebook: a short video of them over their frames, inside the page."""

from __future__ import annotations

import base64
import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..media.video import VideoWriter
from ..utils.tabular import as_html
from .outputs import MapSequence
from .overlay import Overlay
from .stimulus import Stimulus

# Shown are so many frames at most of the first seconds, with so many pixels along the longer side;
# fewer where the model needs longer for them than a reader waits, in seconds.
MOST_FRAMES, SPAN_S, LONGER_SIDE, PATIENCE_S = 48, 20.0, 320, 10.0
# Frames of the picture, for what plays no video: paper, or the page of a repository.
SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Player:
    """What a notebook shows of maps.

    Attributes:
        png: a picture of some frames with their maps over them.
        html: a video of more of them; None for a single map.
    """

    png: bytes
    html: str | None = None


def shown_part(maps: MapSequence) -> slice:
    """Which of the maps the player shows: at even distances, from the first on."""
    within = int(np.searchsorted(maps.times - maps.times[0], SPAN_S))
    return slice(0, within, -(-within // MOST_FRAMES))


def player(
    maps: MapSequence, stimulus: Stimulus, part: slice, finished: Iterator[np.ndarray]
) -> Player:
    """Draw what a notebook shows of maps.

    The video plays as fast as the stimulus. Each map is drawn with its own maximum as the
    brightest, so that no others have to be predicted.

    Args:
        maps: all of them.
        stimulus: their frames.
        part: see `shown_part`.
        finished: gives the maps (H, W) of that part, one after another.
    """
    scale = LONGER_SIDE / max(maps.shape[1:])
    rows, columns = (max(1, round(scale * side)) for side in maps.shape[1:])
    overlay, end = Overlay(), time.monotonic() + PATIENCE_S
    pictures: list[np.ndarray] = []
    frames = stimulus.frames(maps.frames[part], (rows, columns))
    for frame, saliency_map in zip(frames, finished, strict=True):
        pictures.append(overlay(frame, saliency_map))
        if time.monotonic() > end:
            break
    if len(maps) == 1:
        return Player(_png(pictures))
    video = base64.b64encode(_mp4(pictures, maps.fps / part.step)).decode()
    seconds = maps.times[(len(pictures) - 1) * part.step] - maps.times[0] + 1 / maps.fps
    said = f'{maps!r}. Shown: {len(pictures)} of them, over the first {seconds:.1f} s.'
    return Player(
        _png(pictures),
        f'<video controls loop muted playsinline width="{columns}" height="{rows}" '
        f'src="data:video/mp4;base64,{video}"></video><p>{as_html(said)}</p>',
    )


def _png(pictures: list[np.ndarray]) -> bytes:
    """Some of the pictures side by side."""
    count = min(len(pictures), SIDE_BY_SIDE)
    chosen = np.linspace(0, len(pictures) - 1, count).round().astype(int)
    file = io.BytesIO()
    Image.fromarray(np.hstack([pictures[index] for index in chosen])).save(file, format='PNG')
    return file.getvalue()


def _mp4(pictures: list[np.ndarray], fps: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix='salkit-') as folder:
        path = Path(folder, 'player.mp4')
        rows, columns = pictures[0].shape[:2]
        with VideoWriter(path, (rows, columns), fps) as writer:
            for picture in pictures:
                writer.write(picture)
        return path.read_bytes()
