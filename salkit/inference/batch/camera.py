"""Records what a webcam sees, to be predicted like any other video."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from ...errors import DataError
from ...media.video import VideoWriter
from .inputs import Input

# Frames per second of a camera that does not say.
_FPS = 25.0


def record_camera(number: int, out: Path, frames: int | None = None) -> Input:
    """Record until Ctrl-C, or a number of frames.

    Args:
        number: of the camera, from 0.
        out: folder of the recording, `cameraN_recording.mp4`; earlier ones are left as they are.
        frames: how many at most.

    Returns:
        The recording, whose outputs are called `cameraN`.

    Raises:
        DataError: there is no such camera, or it gives no frame.
    """
    turns = (f'camera{number}' if turn == 1 else f'camera{number}_{turn}' for turn in count(1))
    name = next(name for name in turns if not (out / f'{name}_recording.mp4').exists())
    path = out / f'{name}_recording.mp4'
    print(f'camera {number}: recording until Ctrl-C', file=sys.stderr)
    with _frames_of(number, frames) as (fps, seen):
        first = next(seen, None)
        if first is None:
            raise DataError(
                f'camera {number}: expected a frame, got none; another program may use it, or '
                f'there is no such camera (a file of this name is ./{number})'
            )
        began = time.monotonic()
        with VideoWriter(path, (first.shape[0], first.shape[1]), fps) as video:
            video.write(first, 0.0)
            for frame in seen:
                video.write(frame, time.monotonic() - began)
    return Input(path, name)


@contextmanager
def _frames_of(number: int, frames: int | None) -> Iterator[tuple[float, Iterator[np.ndarray]]]:
    """The rate of a camera, and frames (H, W, 3) uint8 RGB until it has no more, or Ctrl-C."""
    interrupts: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda kind, _: interrupts.append(kind))
    # It would say in several lines of its own that there is no camera.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(number)

    def seen() -> Iterator[np.ndarray]:
        for _ in range(frames) if frames else count():
            read, frame = capture.read()
            if interrupts or not read:
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    try:
        yield float(capture.get(cv2.CAP_PROP_FPS)) or _FPS, seen()
    finally:
        capture.release()
        signal.signal(signal.SIGINT, previous)
