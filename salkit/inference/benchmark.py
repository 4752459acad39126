"""How fast a model predicts, part by part, beside the plain path of published codes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.config import Config

from ..checkpoints import Checkpoint
from ..config.find import config_name
from ..functional import cc
from ..layers import set_explicit_attention
from ..media.photographs import panned_photographs
from ..models.load import build_model, choose_device, find_model
from ..models.measuring import (
    Machine,
    PartTimes,
    PeakMemory,
    Timing,
    describe_machine,
    largest_product,
    median_parts,
)
from ..models.parts import compile_parts, model_parts
from ..models.precision import PRECISIONS
from ..models.profile import clip_size, count_flops, model_on_meta
from ..utils.allocator import keep_freed_memory
from ..utils.benchmark_options import InferenceOptions
from .backends.torch import TorchBackend
from .stimulus import Stimulus, open_stimulus


@dataclass(frozen=True)
class PathFigures:
    """What one way to predict costs.

    Attributes:
        clips_per_s: of the model alone, by the median; reading and finishing go on beside it.
        model: of a pass of one batch.
        parts_ms: milliseconds a clip of each part, by the median: read (a whole clip), encoder,
            branches, fusion, model (all of it), finish.
        peak_mib: the model's weights and what its passes take, see `PeakMemory`.
        first_pass_s: that does not count, with what is compiled or set up.
        gflops_per_s: floating-point operations of the model in a second, in 1e9.
    """

    clips_per_s: float
    model: Timing
    parts_ms: dict[str, float]
    peak_mib: float | None
    first_pass_s: float
    gflops_per_s: float


@dataclass(frozen=True)
class InferenceSettings:
    """What was measured.

    Attributes:
        config: its name.
        weights: the checkpoint, or 'random'.
        clip: (T, rows, columns).
        batch: clips at once.
        device: cpu, cuda:0.
        precision: see `SaliencyPredictor`; the one that `auto` chose.
        compile: whether the parts were compiled.
        frames: what was read.
        frame: (rows, columns) as read.
    """

    config: str
    weights: str
    clip: tuple[int, int, int]
    batch: int
    device: str
    precision: str
    compile: bool
    frames: str
    frame: tuple[int, int]


@dataclass(frozen=True)
class MatrixPeak:
    """The most that a product of matrices of the encoder's shape reached in the same run.

    Attributes:
        shape: (rows, inner, columns).
        precision: of the matrices.
        gflops_per_s: in 1e9.
    """

    shape: tuple[int, int, int]
    precision: str
    gflops_per_s: float


@dataclass(frozen=True)
class InferenceBenchmark:
    """What `benchmark_inference` found.

    Attributes:
        machine: see `describe_machine`.
        settings: what was measured.
        figures: of the path that was asked for.
        matrix: what the machine can do.
        matrix_share: the model's FLOP/s as a share of that.
        baseline: of the plain path, None where it was not asked for.
        speedup: clips_per_s over that of the baseline.
        difference: `max_abs` and `CC` of the first clip's map to the baseline's.
    """

    machine: Machine
    settings: InferenceSettings
    figures: PathFigures
    matrix: MatrixPeak
    matrix_share: float
    baseline: PathFigures | None = None
    speedup: float | None = None
    difference: dict[str, float] | None = None


class _Path:
    """One way to predict, and what its passes took."""

    def __init__(self, backend: TorchBackend, batch: int, prepared: bool) -> None:
        self.backend = backend
        self.batch = batch
        self._prepared = prepared
        self._times = PartTimes(backend.device)
        self._times.watch(model_parts(backend.model))
        self._passes: list[dict[str, float]] = []
        self._first_s = 0.0
        self._peak_mib: float | None = None

    def begin(self, stimulus: Stimulus, peak: PeakMemory) -> np.ndarray:
        """The pass that does not count, watched by `peak`; the map (h, w) of its first clip."""
        first = self.run(stimulus)[0]
        self._first_s = self._passes.pop()['model']
        self._peak_mib = peak.mib()
        return first

    def run(self, stimulus: Stimulus) -> np.ndarray:
        """Predict one batch; the maps as the model gives them."""
        backend, settings = self.backend, self.backend.settings
        count = len(stimulus)
        if backend.device == 'cpu':
            # Part of what `prepare_prediction` does, and the only one that is of the process.
            keep_freed_memory(self._prepared)
        with self._times.part('read'):
            windows = []
            for number in range(self.batch):
                frames = settings.window(min(settings.span - 1 + number, count - 1), count)
                read = stimulus.frames(frames, settings.size)
                windows.append([backend.prepare(frame) for frame in read])
        with self._times.part('model'):
            maps = backend.predict(windows)
        with self._times.part('finish'):
            for saliency_map in maps:
                backend.finish(saliency_map, stimulus.size)
        self._passes.append(self._times.take())
        return maps

    def figures(self, flops: int) -> PathFigures:
        """Of all passes but the first.

        Args:
            flops: of the model, for one clip.
        """
        model = Timing.of([each['model'] for each in self._passes])
        parts = median_parts(self._passes)
        order = ('read', *(name for name in parts if name not in ('read', 'finish')), 'finish')
        return PathFigures(
            clips_per_s=self.batch / model.median_s,
            model=model,
            parts_ms={name: round(1000 * parts[name] / self.batch, 4) for name in order},
            peak_mib=self._peak_mib,
            first_pass_s=self._first_s,
            gflops_per_s=flops * self.batch / model.median_s / 1e9,
        )


@contextmanager
def _same_random_weights() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def plain_backend(
    backend: TorchBackend, cfg: Config, checkpoint: Checkpoint | None
) -> TorchBackend:
    """The same model in float32 with attention written out, nothing compiled and nothing folded.

    Args:
        backend: whose settings and device it takes.
        cfg: of the model.
        checkpoint: its weights; None for the random ones of seed 0.
    """
    plain = copy.copy(backend)
    with _same_random_weights():
        plain.model = build_model(cfg, checkpoint, backend.device)
    plain.computed, plain.precision = PRECISIONS['exact'], 'exact'
    set_explicit_attention(plain.model)
    return plain


def benchmark_inference(
    config: str,
    options: InferenceOptions | None = None,
    overrides: Mapping[str, object] | None = None,
    checkpoint: str | None = None,
) -> InferenceBenchmark:
    """Time the prediction of clips.

    Args:
        config: file or name, or a checkpoint that says its config, such as lite0.
        options: how.
        overrides: of the config.
        checkpoint: weights, which matter to the difference of the maps alone; random without.

    Raises:
        ConfigError: a config, device or size that does not fit.
        CheckpointError: weights that cannot be read or do not fit.
        DataError: a video that cannot be read.
        OutOfMemory: the batch does not fit the GPU.
    """
    options = options or InferenceOptions()
    cfg, weights = find_model(config, checkpoint, overrides)
    stimulus = open_stimulus(panned_photographs() if options.video is None else options.video)
    device, batch = choose_device(options.device), options.batch or 1
    peak = PeakMemory(device)
    with _same_random_weights():
        backend = TorchBackend(cfg, weights, device, options.precision, random_weights=True)
    size = options.size or backend.settings.size_for(stimulus.size) or clip_size(cfg)
    backend.settings = dataclasses.replace(backend.settings, size=size, keep_shape=0)
    if options.compile:
        compile_parts(backend.model)
    asked = _Path(backend, batch, prepared=True)
    saliency_map = asked.begin(stimulus, peak)
    plain, speedup, difference = None, None, None
    if options.baseline:
        peak = PeakMemory(device)
        plain = _Path(plain_backend(backend, cfg, weights), 1, prepared=False)
        difference = _difference(saliency_map, plain.begin(stimulus, peak))

    # Counted on a model without weights.
    empty = model_on_meta(cfg)
    clips = torch.zeros(batch, 3, backend.settings.clip_len, *size, device='meta')
    flops = count_flops(empty, (backend.settings.clip_len, *size))
    product = largest_product(empty.encoder, lambda: empty.encoder(clips))
    dtype = backend.computed.dtype
    operands = product.operands(dtype, device)
    matrix = PartTimes(device)
    products = []
    for _ in options.rounds():
        asked.run(stimulus)
        if plain is not None:
            plain.run(stimulus)
        # Twice, as the first one after something else finds other things in the caches.
        for _ in range(2):
            with matrix.part('product'):
                operands[0] @ operands[1]
            products.append(matrix.take()['product'])
    reached = product.flops / min(products) / 1e9
    figures, of_plain = asked.figures(flops), None
    if plain is not None:
        of_plain = plain.figures(flops)
        speedup = figures.clips_per_s / of_plain.clips_per_s
    return InferenceBenchmark(
        machine=describe_machine(device),
        settings=InferenceSettings(
            config=config_name(cfg.filename) if cfg.filename else config,
            weights='random' if weights is None else weights.source,
            clip=(backend.settings.clip_len, *size),
            batch=batch,
            device=device,
            precision=str(backend.precision),
            compile=options.compile,
            frames='photographs in memory' if options.video is None else stimulus.name,
            frame=stimulus.size,
        ),
        figures=figures,
        matrix=MatrixPeak(
            shape=(product.rows, product.inner, product.columns),
            precision=str(dtype).removeprefix('torch.'),
            gflops_per_s=reached,
        ),
        matrix_share=figures.gflops_per_s / reached,
        baseline=of_plain,
        speedup=speedup,
        difference=difference,
    )


def _difference(saliency_map: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """How far two maps (h, w) are from each other."""
    return dict(
        max_abs=float(np.abs(saliency_map - other).max()),
        CC=float(cc(saliency_map.astype(np.float64), other.astype(np.float64))),
    )
