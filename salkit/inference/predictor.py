"""From a model and a video to the maps of where people look."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ConfigError, pytorch_needed
from ..media.images import resize_image
from ..utils.text import check_choice
from .backends import Backend
from .maps import SaliencyMaps
from .selection import Selection
from .smoothing import smoothed
from .stimulus import Picture, Stimulus, check_frame, open_stimulus
from .window import predict_windows, sliding_windows

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..checkpoints import Checkpoint
    from .backends.exported import ExportedBackend

# Files that hold a whole exported model; those of 0.1's second format are refused with the reason.
EXPORTED = ('.onnx', '.pt2')
ENGINES = ('auto', 'onnxruntime', 'openvino')


def _open_backend(
    model: Config | str | Path | None,
    checkpoint: Checkpoint | str | Path | None,
    device: str,
    precision: str | None,
    random_weights: bool,
    engine: str,
) -> Backend:
    """What runs a model: an exported file, or a config and its checkpoint.

    The backends are imported here, since each needs a library that the other does without.
    """
    check_choice('', 'engine', engine, ENGINES)
    if not isinstance(model, (str, Path)) or Path(model).suffix.lower() not in EXPORTED:
        if engine == 'onnxruntime':
            raise ConfigError(
                'engine onnxruntime runs models that `salkit export` wrote (.onnx); expected auto '
                'or openvino for the model of a config'
            )
        with pytorch_needed():
            from .backends.torch import TorchBackend

        if engine == 'openvino':
            from .backends.openvino import ConvertedBackend

            device = 'cpu' if device == 'auto' else device
            plain = TorchBackend(model, checkpoint, device, None, random_weights, prepared=False)
            return ConvertedBackend(plain, precision)
        return TorchBackend(model, checkpoint, device, precision, random_weights)
    if checkpoint is not None or (precision is not None and engine != 'openvino'):
        raise ConfigError(
            f'{model}: an exported model holds its weights and its precision, got '
            f'{getattr(checkpoint, "source", checkpoint) or precision} too'
        )
    if Path(model).suffix.lower() == '.pt2':
        raise ConfigError(
            f'{model}: expected an .onnx file; .pt2 files, which can run code when they are '
            'loaded, are not opened: export the model anew'
        )
    backend: ExportedBackend
    if engine == 'openvino':
        from .backends.openvino import OpenVINOBackend

        backend = OpenVINOBackend(model, device, precision)
    else:
        from .backends.onnx import OnnxBackend

        backend = OnnxBackend(model, device)
    if backend.metadata.checkpoint is None and not random_weights:
        warnings.warn(
            f'{model}: was exported with random weights, which predict nothing', stacklevel=3
        )
    return backend


def _check_fps(fps: float | None) -> None:
    if fps is not None and not 0 < fps < 1e4:
        raise ConfigError(f'fps must be positive, got {fps}')


class SaliencyPredictor:
    """Predicts where people look in videos and pictures.

    The sliding window, what stands before a video's first frame, and what is done to the maps are
    those of testing: for the same frames the maps are the same as `salkit test --dump` writes.

    Args:
        config_or_name: a loaded config, its file, its name; a checkpoint that says its config,
            such as a work dir; the name of a model that comes with salkit, `lite0`; or a model that
            `salkit export` wrote (.onnx), which needs neither a checkpoint nor PyTorch and
            mmengine. None for what the checkpoint says; without one too, `lite0`, which is said in
            a line on stderr.
        checkpoint: weights of the whole model, see `salkit.build_model`; of a config.
        device: 'auto' (a GPU where there is one), 'cpu', 'cuda:1'.
        precision: 'exact', 'bf16', 'fp16', 'int8', 'fast' or 'fastest', see `PRECISIONS` in
            `salkit.models.precision` and docs/performance.md; 'auto' is the fastest of them whose
            map of a photograph's clip correlates with the exact one by 0.999. None for that of
            testing with the config: exact, unless its `test_cfg` says `fp16`.
        batch_size: clips predicted at once; 'auto' goes by device and model. It changes no value.
            Models exported without `--dynamic-batch`, and those of configs by OpenVINO, take 1.
        size: (rows, columns) of the clips, where it shall not be that of the config's test set.
        head: what stands before a video's first frame, likewise: 'repeat-first', 'reverse-time' or
            'skip'.
        random_weights: do without the checkpoint of a config, to try what runs the model.
        engine: 'openvino' for a CPU, which runs exported models and those of configs, in precision
            'exact', 'bf16' or, of configs, 'fast'; 'auto' is onnxruntime for exported models,
            PyTorch for others.

    Attributes:
        settings: how clips are cut and normalized.
        device: where the model runs.
        name: of the config.

    Raises:
        ConfigError: a config, device or argument that does not fit.
        CheckpointError: a file that cannot be read or does not fit.
    """

    def __init__(
        self,
        config_or_name: Config | str | Path | None = None,
        checkpoint: Checkpoint | str | Path | None = None,
        device: str = 'auto',
        precision: str | None = None,
        batch_size: int | str = 'auto',
        *,
        size: tuple[int, int] | None = None,
        head: str | None = None,
        random_weights: bool = False,
        engine: str = 'auto',
    ) -> None:
        if batch_size != 'auto' and (not isinstance(batch_size, int) or batch_size < 1):
            raise ConfigError(f"batch_size must be 'auto' or at least 1, got {batch_size!r}")
        self.backend = _open_backend(
            config_or_name, checkpoint, device, precision, random_weights, engine
        )
        # Some models take one number of clips alone.
        fixed = self.backend.batch_size
        if fixed is not None and batch_size not in ('auto', fixed):
            raise ConfigError(
                f'{self.backend.source}: {self.backend.engine} runs this model on {fixed} clip at '
                f"once, got batch_size {batch_size}; expected {fixed} or 'auto'"
            )
        settings = self.backend.settings
        if size is not None:
            settings = dataclasses.replace(
                settings, size=(int(size[0]), int(size[1])), keep_shape=0
            )
        settings = dataclasses.replace(settings, head=head or settings.head)
        self.settings = self.backend.settings = settings
        self.device, self.name = self.backend.device, settings.name
        asked = self.backend.batch_size or batch_size
        # Where nobody says, frames that come one by one are not kept waiting for others.
        self._streamed_at_once = 1 if asked == 'auto' else int(asked)
        self.batch_size = self.backend.suggest_batch_size() if asked == 'auto' else int(asked)
        if self.backend.left_out:
            warnings.warn(
                f'{self.name}: predicting leaves out {", ".join(self.backend.left_out)} of the '
                "config's test pipeline",
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f'SaliencyPredictor({self.name!r} on {self.device})'

    def predict(
        self,
        stimulus: Stimulus | Picture | Sequence[Picture],
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
        _check_fps(fps)
        opened = open_stimulus(stimulus, fps)
        selection = Selection(opened, self.settings, start=start, end=end, fps=fps, stride=stride)
        return SaliencyMaps(self.backend, selection, self.batch_size)

    def stream(self, frames: Iterable[np.ndarray], *, fps: float = 25.0) -> Iterator[np.ndarray]:
        """Maps of frames that come one by one: a camera, or a video that is decoded elsewhere.

        A map comes with its frame, unless the predictor was given a batch size: then so many
        frames late.

        Args:
            frames: (H, W, 3) uint8 RGB, all of one size.
            fps: how many come in a second, for models that smooth along time.

        Yields:
            (H, W) float32, one a frame (under the head policy 'skip', none for the first
            `clip_len - 1`; under 'reverse-time' the first ones come late).

        Raises:
            DataError: a frame of another type, shape or size.
        """
        _check_fps(fps)
        size = (0, 0)

        def prepared() -> Iterator[object]:
            nonlocal size
            for number, frame in enumerate(frames, 1):
                frame = check_frame(frame, f'frame {number}', size if number > 1 else None)
                size = (frame.shape[0], frame.shape[1])
                wanted = self.settings.size_for(size)
                small = frame if wanted is None else resize_image(frame, wanted)
                yield self.backend.prepare(np.ascontiguousarray(small))

        windows = sliding_windows(prepared(), self.settings)
        maps = predict_windows(self.backend, windows, self._streamed_at_once)
        if seconds := self.settings.smooth_s:
            maps = smoothed(maps, lambda number: number / fps, seconds)
        for _, small in maps:
            yield self.backend.finish(small, size)
