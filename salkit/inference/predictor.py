"""From a model and a video to the maps of where people look."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, DataError
from ..media.clips import HEADS
from ..media.images import resize_image
from ..utils.text import check_choice
from .backends import Backend
from .maps import SaliencyMaps, interpolate, predict_windows
from .sliding_window import sliding_windows
from .stimulus import MIN_SIDE, Stimulus, open_stimulus

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..checkpoints import Checkpoint

# Files that hold a whole exported model.
EXPORTED = ('.onnx', '.pt2')


def open_backend(
    model: Config | str | Path,
    checkpoint: Checkpoint | str | Path | None,
    device: str,
    precision: str,
) -> Backend:
    """What runs a model: an exported file, or a config and its checkpoint."""
    suffix = Path(model).suffix.lower() if isinstance(model, (str, Path)) else ''
    if suffix not in EXPORTED:
        from .backends.torch import TorchBackend

        return TorchBackend(model, checkpoint, device, precision)
    if checkpoint is not None:
        raise ConfigError(f'{model}: an exported model holds its weights, got {checkpoint} too')
    if precision != 'auto':
        raise ConfigError(f'{model}: the precision was chosen when the model was exported')
    if suffix == '.onnx':
        from .backends.onnx import OnnxBackend

        return OnnxBackend(model, device)
    from .backends.exported import ExportedBackend

    return ExportedBackend(model, device)


class SaliencyPredictor:
    """Predicts where people look in videos and pictures.

    The sliding window, what stands before a video's first frame, and what is done to the maps are
    those of testing: for the same frames the maps are the same as `salkit test --dump` writes.

    Args:
        config_or_name: a loaded config, its file, its name, or a model that `salkit export` wrote
            (.onnx, .pt2), which needs neither a checkpoint nor mmengine (.onnx not even PyTorch).
        checkpoint: weights of the whole model: see `salkit.build_model`. Without, they are random.
        device: 'auto' (a GPU where there is one), 'cpu', 'cuda:1'.
        precision: 'float32', 'float16' or 'bfloat16'; 'auto' is that of testing with the config.
        batch_size: clips predicted at once; 'auto' goes by device and model. It changes no value.
        size: (rows, columns) of the clips, where it shall not be that of the config's test set.
        head: what stands before a video's first frame, likewise: 'repeat-first', 'reverse-time' or
            'skip'.

    Attributes:
        settings: how clips are cut and normalised.
        device: where the model runs.
        name: of the config.

    Raises:
        ConfigError: a config, device or argument that does not fit.
        CheckpointError: a file that cannot be read or does not fit.
    """

    def __init__(
        self,
        config_or_name: Config | str | Path,
        checkpoint: Checkpoint | str | Path | None = None,
        device: str = 'auto',
        precision: str = 'auto',
        batch_size: int | str = 'auto',
        *,
        size: tuple[int, int] | None = None,
        head: str | None = None,
    ) -> None:
        if batch_size != 'auto' and (not isinstance(batch_size, int) or batch_size < 1):
            raise ConfigError(f"batch_size must be 'auto' or at least 1, got {batch_size!r}")
        if head is not None:
            check_choice('SaliencyPredictor', 'head', head, HEADS)
        self.backend = open_backend(config_or_name, checkpoint, device, precision)
        changes: dict[str, Any] = {}
        if size is not None and tuple(size) != self.backend.settings.size:
            if Path(str(config_or_name)).suffix.lower() in EXPORTED:
                raise ConfigError(
                    f'{config_or_name}: was exported for clips of {self.backend.settings.size}, '
                    f'got size {tuple(size)}'
                )
            changes['size'] = tuple(size)
        if head is not None:
            changes['head'] = head
        self.backend.settings = dataclasses.replace(self.backend.settings, **changes)
        self._given_batch_size = batch_size != 'auto'
        fixed = self.backend.batch_size
        if fixed and self._given_batch_size and batch_size != fixed:
            raise ConfigError(
                f'{config_or_name}: was exported for batches of {fixed}, got batch_size '
                f'{batch_size}; export it with --dynamic-batch for others'
            )
        if not self._given_batch_size:
            batch_size = self.backend.suggest_batch_size()
        self.batch_size = int(batch_size)
        left_out = getattr(self.backend, 'left_out', None)
        if left_out:
            warnings.warn(
                f"{self.name}: predicting leaves out {', '.join(left_out)} of the config's test "
                'pipeline',
                stacklevel=2,
            )

    @property
    def settings(self) -> Any:
        """The `ClipSettings`."""
        return self.backend.settings

    @property
    def device(self) -> str:
        """Where the model runs."""
        return self.backend.device

    @property
    def name(self) -> str:
        """Of the config."""
        return self.settings.name

    def __repr__(self) -> str:
        return f'SaliencyPredictor({self.name!r} on {self.device})'

    def predict(
        self,
        stimulus: Any,
        *,
        start: float | None = None,
        end: float | None = None,
        fps: float | None = None,
        stride: int = 1,
    ) -> SaliencyMaps:
        """The maps of a video, of pictures or of an array; computed when they are looked at.

        Args:
            stimulus: see `open_stimulus`: the path of a video, picture or folder, an array
                (T, H, W, 3) or (H, W, 3) uint8 RGB, a list of pictures, or a `Stimulus`.
            start: seconds; frames before get no map, but the first clips look at them.
            end: seconds; frames from there on get no map.
            fps: take the frames of a video at this rate, where it has more; the rate of pictures
                and arrays, which come without one.
            stride: predict every `stride`-th frame and the last, and interpolate between.

        Raises:
            DataError: nothing that can be read, or no frame between `start` and `end`.
            ConfigError: an argument out of range.
        """
        if fps is not None and not 0 < fps < 1e4:
            raise ConfigError(f'fps must be positive, got {fps}')
        stimulus = open_stimulus(stimulus, fps)
        timeline = _at_rate(stimulus, fps)
        predicted = self.settings.predicted(len(timeline))
        places = _between(stimulus, timeline, predicted, start, end)
        return SaliencyMaps(self.backend, stimulus, self.batch_size, timeline, places, stride)

    def stream(
        self, frames: Iterable[np.ndarray], *, stride: int = 1, batch_size: int | None = None
    ) -> Iterator[np.ndarray]:
        """Maps of frames that come one by one: a camera, or a video that is decoded elsewhere.

        Args:
            frames: (H, W, 3) uint8 RGB, all of one size.
            stride: see `predict`.
            batch_size: clips predicted at once, so many frames late; None for the predictor's
                where that was given, else 1, so that a map comes with its frame.

        Yields:
            (H, W) float32, one a frame (under the head policy 'skip', none for the first
            `clip_len - 1`; under 'reverse-time' the first ones come late).

        Raises:
            DataError: a frame of another type, shape or size.
        """
        if stride < 1:
            raise ConfigError(f'stride must be at least 1, got {stride}')
        if batch_size is None:
            fixed = self.batch_size if self._given_batch_size else self.backend.batch_size
            batch_size = fixed or 1
        return self._stream(frames, stride, batch_size)

    def _stream(
        self, frames: Iterable[np.ndarray], stride: int, batch_size: int
    ) -> Iterator[np.ndarray]:
        size: tuple[int, int] | None = None

        def prepared() -> Iterator[Any]:
            nonlocal size
            for number, frame in enumerate(frames, 1):
                size = _checked(frame, number, size)
                wanted = self.settings.size
                small = frame if wanted is None else resize_image(frame, wanted)
                yield self.backend.prepare(np.ascontiguousarray(small))

        windows = sliding_windows(prepared(), self.settings, stride=stride)
        maps = predict_windows(self.backend, windows, batch_size)
        for small in _filled(maps) if stride > 1 else (small for _, small in maps):
            yield self.backend.finish(small, size)


def _filled(maps: Iterable[tuple[int, np.ndarray]]) -> Iterator[np.ndarray]:
    """Maps of every position from the first to the last that was predicted."""
    previous = None
    for current in maps:
        if previous is None:
            yield current[1]
        else:
            yield from interpolate([previous, current], range(previous[0] + 1, current[0] + 1))
        previous = current


def _checked(frame: Any, number: int, size: tuple[int, int] | None) -> tuple[int, int]:
    """The size of a streamed frame, if it is one."""
    shape, dtype = getattr(frame, 'shape', ()), getattr(frame, 'dtype', type(frame).__name__)
    if len(shape) != 3 or shape[2] != 3 or dtype != np.uint8 or min(shape[:2]) < MIN_SIDE:
        raise DataError(
            f'frame {number}: expected (H, W, 3) uint8 RGB of at least {MIN_SIDE} x {MIN_SIDE} '
            f'pixels, got {dtype} of shape {tuple(shape)}'
        )
    if size is not None and shape[:2] != size:
        raise DataError(
            f'frame {number} is {shape[0]} x {shape[1]} pixels, the first is {size[0]} x {size[1]}'
        )
    return shape[:2]


def _at_rate(stimulus: Stimulus, fps: float | None) -> Any:
    """Numbers of the frames that are seen at `fps` frames per second."""
    count = len(stimulus)
    if fps is None or stimulus.kind != 'video' or fps >= stimulus.fps:
        return range(count)
    times = np.asarray(stimulus.times)
    # Half a millisecond for what time stamps are rounded to.
    asked = np.arange(int(times[-1] * fps + 1 + 1e-6)) / fps + 5e-4
    return np.unique(np.searchsorted(times, asked, side='right') - 1).clip(0).tolist()


def _between(
    stimulus: Stimulus, timeline: Any, predicted: range, start: float | None, end: float | None
) -> range:
    """The part of `predicted` whose frames lie in [start, end)."""
    for name, value in (('start', start), ('end', end)):
        if value is not None and (value < 0 or value != value):
            raise ConfigError(f'{name} must be seconds from 0 on, got {value}')
    times = np.asarray(stimulus.times)[list(timeline)]
    low = 0 if start is None else int(np.searchsorted(times, start - 5e-4))
    high = len(times) if end is None else int(np.searchsorted(times, end - 5e-4))
    places = range(max(low, predicted.start), min(high, predicted.stop))
    if not places:
        until = 'its end' if end is None else f'{end:g} s'
        raise DataError(
            f'{stimulus.path or stimulus.name}: no frame to predict from {start or 0:g} s to '
            f'{until}; the last is shown at {times[-1]:.3f} s'
        )
    return places
