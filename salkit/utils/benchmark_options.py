"""How the speed of prediction and of training is measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .text import check_range

# Those that a model predicts in, `PRECISIONS` in salkit.models.precision, and the one that chooses.
PrecisionName = Literal['exact', 'bf16', 'fp16', 'int8', 'fast', 'fastest', 'auto']


@dataclass(frozen=True)
class BenchmarkOptions:
    """What is measured, whether prediction or training.

    Attributes:
        batch: clips at once (default: 1 for infer; for train, that of the config).
        device: auto (a GPU where there is one), cpu or cuda:N.
        precision: as of salkit predict; train knows exact and bf16 (default: that of the config).
        seconds: how long it is repeated, at least twice after a first time that does not count.
        repeats: how often it is repeated, in place of --seconds.
        size: (rows, columns) of the clips; None for that of the config.

    Raises:
        ConfigError: a number out of range.
    """

    batch: int | None = None
    device: str = 'auto'
    precision: PrecisionName | None = None
    seconds: float = 10.0
    repeats: int | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name, least in (('batch', 1), ('repeats', 1), ('seconds', 0)):
            value = getattr(self, name)
            if value is not None:
                check_range('benchmark', name, value, least)

    def rounds(self) -> Iterator[int]:
        """Numbers from 0, as long as it is to be repeated."""
        end, number = time.perf_counter() + self.seconds, 0
        least = 2 if self.repeats is None else self.repeats
        while number < least or (self.repeats is None and time.perf_counter() < end):
            yield number
            number += 1


@dataclass(frozen=True)
class InferenceOptions(BenchmarkOptions):
    """How prediction is measured.

    Attributes:
        compile: torch.compile of encoder, branches and fusion, each by itself.
        baseline: measure in turns with the plain path, one clip at once in float32: attention with
            its matrix of softmax(q k) as published, nothing compiled or folded.
        video: a video or folder of pictures to read (default: photographs in memory).
    """

    compile: bool = False
    baseline: bool = False
    video: Path | None = None


@dataclass(frozen=True)
class TrainingOptions(BenchmarkOptions):
    """How a step of training is measured.

    Attributes:
        checkpointing: whether the encoder computes its activations anew in the backward pass
            (default: as the config says).
    """

    checkpointing: Literal['on', 'off'] | None = None
