"""Records what a webcam sees, to be predicted like any other video."""

from __future__ import annotations

import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path

import cv2

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
    interrupted = threading.Event()
    previous = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    # It would say in several lines of its own that there is no camera.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(number)
    try:
        is_read, frame = capture.read()
        if not is_read:
            raise DataError(
                f'camera {number}: expected a frame, got none; another program may use it, or '
                f'there is no such camera (a file of this name is ./{number})'
            )
        fps = float(capture.get(cv2.CAP_PROP_FPS)) or _FPS
        began = time.monotonic()
        with VideoWriter(path, frame.shape[:2], fps) as video:
            while is_read and not interrupted.is_set() and video.frames != frames:
                video.write(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), time.monotonic() - began)
                is_read, frame = capture.read()
    finally:
        capture.release()
        signal.signal(signal.SIGINT, previous)
    return Input(path, name)
