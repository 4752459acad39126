"""How long a step of training takes, part by part."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader

from ..builder import build
from ..config.find import config_name
from ..config.options import missing_data_roots
from ..errors import ConfigError
from ..models.load import choose_device, find_model
from ..models.measuring import (
    Machine,
    PartTimes,
    PeakMemory,
    Timing,
    describe_machine,
    median_parts,
)
from ..models.profile import clip_size
from ..registry import MODELS, SCOPE
from ..types import ClipMeta
from ..utils.benchmark_options import TrainingOptions
from ..utils.text import check_choice
from .building import open_dataloader, optim_wrapper_of
from .loader import WatchedDataLoader
from .runner import SaliencyRunner

# Of the pixels of a synthetic fixation map: about those of 15 observers at 224 x 224.
FIXATED = 0.0003
_WRAPPERS = dict(exact='OptimWrapper', bf16='BFloat16OptimWrapper')


@dataclass(frozen=True)
class StepFigures:
    """What a step costs: one batch, forward and backward, and the optimizer's update.

    Attributes:
        steps_per_s: by the median.
        step: of the whole.
        parts_ms: milliseconds of each part, by the median: data (waiting for the batch, moving it
            to the device, normalizing), forward, backward, optimizer.
        peak_mib: the model's weights and what its steps take, see `PeakMemory`.
        first_step_s: that does not count.
    """

    steps_per_s: float
    step: Timing
    parts_ms: dict[str, float]
    peak_mib: float | None
    first_step_s: float


@dataclass(frozen=True)
class TrainingSettings:
    """What was measured.

    Attributes:
        config: its name.
        weights: 'random'.
        data: where batches came from.
        clip: (T, rows, columns).
        batch: clips at once.
        device: cpu, cuda:0.
        optim_wrapper: which says the precision.
        checkpointing: whether the encoder computes activations anew in the backward pass.
    """

    config: str
    weights: str
    data: str
    clip: tuple[int, int, int]
    batch: int
    device: str
    optim_wrapper: str
    checkpointing: bool


@dataclass(frozen=True)
class TrainingBenchmark:
    """What `benchmark_training` found.

    Attributes:
        machine: see `describe_machine`.
        settings: what was measured.
        figures: of a step.
    """

    machine: Machine
    settings: TrainingSettings
    figures: StepFigures


def synthetic_batch(batch: int, clip_len: int, size: tuple[int, int]) -> dict[str, list]:
    """Random clips with random maps, as a data set's batch is collated.

    Args:
        batch: how many clips.
        clip_len: their frames.
        size: (rows, columns).
    """
    draw = torch.Generator().manual_seed(0)
    shape = (3, clip_len, *size)
    fixations = torch.rand(batch, *size, generator=draw) < FIXATED
    # NSS is not defined without any.
    fixations[:, 0, 0] = True
    return dict(
        clip=[torch.randint(256, shape, dtype=torch.uint8, generator=draw) for _ in range(batch)],
        density_map=[*torch.rand(batch, *size, generator=draw)],
        fixation_map=[*fixations.float()],
        meta=[ClipMeta('synthetic', 'train', 'random', str(n), size) for n in range(batch)],
    )


@contextmanager
def _own_batches(cfg: Config, batch: int) -> Iterator[Iterable[dict[str, list]]]:
    """The batches of the config's training loader, epoch after epoch; ends its workers."""
    cfg.train_dataloader['batch_size'] = batch
    loader: DataLoader = SaliencyRunner.build_dataloader(open_dataloader(cfg, 'train_dataloader'))
    try:
        yield itertools.chain.from_iterable(itertools.repeat(loader))
    finally:
        if isinstance(loader, WatchedDataLoader):
            loader.end_workers()


@contextmanager
def _batches(
    cfg: Config, clip: tuple[int, int, int], batch: int, size_given: bool
) -> Iterator[tuple[str, Iterator[dict[str, list]]]]:
    """What batches are of, in words, and the batches."""
    missing = missing_data_roots(cfg, 'train_dataloader')
    if missing or size_given:
        reason = 'of the size given' if size_given else f'as {missing[0]} does not exist'
        yield f'synthetic, {reason}', itertools.repeat(synthetic_batch(batch, clip[0], clip[1:]))
        return
    with _own_batches(cfg, batch) as batches:
        yield "the config's training set", iter(batches)


def _set_checkpointing(cfg: Config, asked: str | None) -> None:
    if asked == 'on':
        cfg.model.encoder['activation_checkpointing'] = True
    elif asked == 'off':
        cfg.model.encoder.pop('activation_checkpointing', None)


def _wrapper_of(cfg: Config, precision: str | None) -> dict[str, object]:
    """The config's `optim_wrapper` in a precision; None for its own."""
    wrapper: dict[str, object] = cfg.optim_wrapper.to_dict()
    if precision is None:
        return wrapper
    # What only the wrappers of mixed precision take.
    kept = {k: v for k, v in wrapper.items() if k not in ('dtype', 'loss_scale')}
    check_choice('benchmark train', 'precision', precision, _WRAPPERS)
    return dict(kept, type=_WRAPPERS[precision])


def benchmark_training(
    config: str,
    options: TrainingOptions | None = None,
    overrides: Mapping[str, object] | None = None,
) -> TrainingBenchmark:
    """Time steps of training from random weights.

    Batches are those of the config's training set where its data root exists, else one of random
    numbers over and over. Every batch is followed by an update, whatever the config accumulates.

    Args:
        config: file or name.
        options: how.
        overrides: of the config.

    Raises:
        ConfigError: a config that trains nothing or does not fit, or too little GPU memory.
        DataError: data that cannot be read.
    """
    options = options or TrainingOptions()
    cfg, _ = find_model(config, options=overrides)
    for key in ('optim_wrapper', 'train_dataloader'):
        if cfg.get(key) is None:
            raise ConfigError(f'{cfg.filename}: the config has no {key}, which training needs')
    device = choose_device(options.device)
    _set_checkpointing(cfg, options.checkpointing)
    peak = PeakMemory(device)
    # Random numbers of hundreds of millions are drawn fastest where they are to be.
    with torch.device(device):
        model = build(MODELS, cfg.model).to(device).train()
    wrapper = _wrapper_of(cfg, options.precision)
    with DefaultScope.overwrite_default_scope(SCOPE):
        optimizer = optim_wrapper_of(wrapper, model)
    size = options.size or clip_size(cfg, ('train_dataloader',))
    clip = (model.encoder.clip_len, *size)
    batch = options.batch or cfg.train_dataloader.get('batch_size', 1)
    times, steps = PartTimes(device), []

    with _batches(cfg, clip, batch, options.size is not None) as (data, batches):

        def step() -> dict[str, float]:
            with times.part('data'):
                inputs = model.data_preprocessor(next(batches), training=True)
            with times.part('forward'), optimizer.optim_context(model):
                loss, _ = model.parse_losses(model(**inputs, mode='loss'))
            with times.part('backward'):
                optimizer.backward(loss)
            with times.part('optimizer'):
                optimizer.step()
                optimizer.zero_grad()
            return times.take()

        try:
            first = step()
            steps = [step() for _ in options.rounds()]
        except torch.OutOfMemoryError as error:
            raise ConfigError(
                f'the memory of {device} does not hold a step of {batch} clips; '
                '--checkpointing on takes less'
            ) from error
    whole = Timing.of([sum(each.values()) for each in steps])
    return TrainingBenchmark(
        machine=describe_machine(device),
        settings=TrainingSettings(
            config=config_name(cfg.filename) if cfg.filename else config,
            weights='random',
            data=data,
            clip=clip,
            batch=batch,
            device=device,
            optim_wrapper=str(wrapper.get('type', 'OptimWrapper')),
            checkpointing=bool(getattr(model.encoder, 'activation_checkpointing', False)),
        ),
        figures=StepFigures(
            steps_per_s=1 / whole.median_s,
            step=whole,
            parts_ms={name: round(1000 * s, 4) for name, s in median_parts(steps).items()},
            peak_mib=peak.mib(),
            first_step_s=sum(first.values()),
        ),
    )
