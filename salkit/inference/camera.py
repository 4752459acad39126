"""Prediction on what a camera sees, until it is stopped."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, DataError
from ..utils.folders import put_in_place, unfinished_folder
from .one_input import PredictOptions
from .outputs import FILE_FORMATS, open_output

if TYPE_CHECKING:
    from .predictor import SaliencyPredictor

# Formats that need not know how many maps there will be.
FORMATS = ('png', 'png16', 'mp4')
# Of a camera that does not tell.
_FPS = 25.0


@dataclass
class Recording:
    """What came of a camera.

    Attributes:
        frames: that have a map.
        seconds: from the first frame to the end.
        paths: of the outputs.
    """

    frames: int
    seconds: float
    paths: list[Path]


class _Live:
    """Stands for `SaliencyMaps` whose frames are still coming."""

    def __init__(self, size: tuple[int, int], fps: float) -> None:
        self._size, self.fps = size, fps
        self.names: list[str] = []
        self.times: list[float] = []

    def __len__(self) -> int:
        return len(self.times)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self), *self._size)

    def add(self, at: float) -> None:
        self.names.append(f'{len(self) + 1:04d}')
        self.times.append(at)


def open_camera(number: int) -> Any:
    """An opened `cv2.VideoCapture`.

    Raises:
        DataError: there is no such camera, or another program uses it.
    """
    import cv2

    # It would say the same in several lines of its own.
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        capture = cv2.VideoCapture(number)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not capture.isOpened():
        raise DataError(
            f'camera {number}: there is none, or another program uses it; a file of this name '
            f'is ./{number}'
        )
    return capture


def predict_camera(
    predictor: SaliencyPredictor,
    number: int,
    out: Path,
    options: PredictOptions,
    frames: int | None = None,
    tell: Callable[[str], Any] | None = None,
) -> Recording:
    """Predict on a camera until Ctrl-C, a number of frames, or `options.end` seconds.

    Outputs are written as the frames come; they get their names at the end, which keeps what was
    recorded however it came.

    Args:
        predictor: the model.
        number: of the camera, from 0.
        out: folder of the outputs, `cameraN...` with a number more where that is taken.
        options: what to make.
        frames: stop after so many.
        tell: called with lines for the user; None writes them to stderr.

    Raises:
        ConfigError: a format, or ground truth, that a camera cannot have.
        DataError: no such camera, or it gives no frame.
    """
    _check(options)
    if options.overlay is not None:
        from .overlay import Overlay

        # What it loads would take the time of the first frames.
        Overlay(options.overlay, 1.0)
    capture = open_camera(number)
    try:
        with _stopped_by_signals() as stopped:
            return _record(predictor, capture, number, out, options, frames, stopped, tell)
    finally:
        capture.release()


def _check(options: PredictOptions) -> None:
    for name in options.formats:
        if name not in FORMATS:
            raise ConfigError(
                f'--format {name} needs to know the number of frames; for a camera: '
                f'{", ".join(FORMATS)} or none'
            )
    if options.needs_fixations or options.needs_densities:
        raise ConfigError('a camera has no ground truth to show: no --fixations, no --side-by-side')
    if options.start is not None:
        raise ConfigError('--start is for files; a camera starts at once')


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second one interrupts at once."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    previous = {kind: signal.signal(kind, stop) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for kind, handler in previous.items():
            signal.signal(kind, handler)


def _frames(
    capture: Any,
    options: PredictOptions,
    count: int | None,
    stopped: threading.Event,
    waiting: deque[tuple[np.ndarray, float]],
) -> Iterator[np.ndarray]:
    """Frames (H, W, 3) uint8 RGB; also put into `waiting`, with their times."""
    import cv2

    began, due, given = None, 0.0, 0
    while not stopped.is_set() and given != count:
        read, frame = capture.read()
        now = time.monotonic()
        if not read or frame is None:
            return
        began = now if began is None else began
        at = now - began
        if options.end is not None and at >= options.end:
            return
        if at < due:
            continue
        if options.fps:
            due += 1 / options.fps
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        waiting.append((rgb, at))
        given += 1
        yield rgb


def _record(
    predictor: SaliencyPredictor,
    capture: Any,
    number: int,
    out: Path,
    options: PredictOptions,
    count: int | None,
    stopped: threading.Event,
    tell: Callable[[str], Any] | None,
) -> Recording:
    from tqdm import tqdm

    waiting: deque[tuple[np.ndarray, float]] = deque()
    maps = predictor.stream(
        _frames(capture, options, count, stopped, waiting), stride=options.stride
    )
    name = _free_name(out, f'camera{number}', options)
    with unfinished_folder(out, name) as temporary:
        with ExitStack() as stack:
            bar = stack.enter_context(tqdm(total=count, desc=name, unit='frames', smoothing=0.1))
            line = f'camera {number}: recording until Ctrl-C'
            bar.write(line, file=sys.stderr) if tell is None else tell(line)
            writer: _Writer | None = None
            for saliency_map in maps:
                if writer is None:
                    # Under the head policy 'skip', the first frames have no map.
                    if predictor.settings.head == 'skip':
                        for _ in range(min(predictor.settings.span, len(waiting)) - 1):
                            waiting.popleft()
                    fps = options.fps or float(capture.get(5) or 0) or _FPS
                    live = _Live(saliency_map.shape, fps)
                    writer = _Writer(stack, live, temporary, name, options)
                frame, at = waiting.popleft()
                writer.write(frame, saliency_map, at)
                bar.update()
        if writer is None:
            raise DataError(f'camera {number}: gives no frames')
        paths = []
        for place in writer.places:
            (out / place).parent.mkdir(exist_ok=True)
            put_in_place(temporary / place, out / place, temporary)
            paths.append(out / place)
    live = writer.live
    return Recording(len(live), live.times[-1] - live.times[0], paths)


def _places(name: str, options: PredictOptions) -> dict[str, str]:
    places = {}
    for kind in options.formats:
        place = f'{name}.{kind}' if kind in FILE_FORMATS else name
        places[kind] = place if len(options.formats) == 1 else f'{kind}/{place}'
    if options.overlay is not None:
        places['overlay'] = f'{name}_overlay.mp4'
    return places


def _free_name(out: Path, name: str, options: PredictOptions) -> str:
    """The name, with a number where an earlier recording has it."""
    chosen, number = name, 1
    while any(os.path.lexists(out / place) for place in _places(chosen, options).values()):
        number += 1
        chosen = f'{name}_{number}'
    return chosen


class _Writer:
    """Writes each frame's map and overlay when it comes."""

    def __init__(
        self, stack: ExitStack, live: _Live, temporary: Path, name: str, options: PredictOptions
    ) -> None:
        self.live = live
        self._stack, self._style = stack, options.overlay
        self._peak, self._draw = 0.0, None
        places = _places(name, options)
        self.places = list(places.values())
        for place in self.places:
            (temporary / place).parent.mkdir(exist_ok=True)
        self._outputs = [
            stack.enter_context(open_output(temporary / place, kind, live))
            for kind, place in places.items()
            if kind != 'overlay'
        ]
        self._video: Any = None
        self._video_path = temporary / places['overlay'] if options.overlay else None

    def write(self, frame: np.ndarray, saliency_map: np.ndarray, at: float) -> None:
        from ..media.video.writer import VideoWriter
        from .overlay import Overlay

        self.live.add(at)
        for output in self._outputs:
            output.write(saliency_map)
        if self._video_path is None:
            return
        # The whole video's maximum is not known before its end.
        peak = float(saliency_map.max())
        if self._draw is None or peak > self._peak:
            self._peak = max(self._peak, peak)
            self._draw = Overlay(self._style, self._peak)
        drawn = self._draw(frame, saliency_map)
        if self._video is None:
            video = VideoWriter(self._video_path, drawn.shape[:2], self.live.fps)
            self._video = self._stack.enter_context(video)
        self._video.write(drawn, at - self.live.times[0])
