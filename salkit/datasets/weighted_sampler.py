"""Draws from several data sets in a given proportion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from mmengine.dist import get_dist_info
from torch.utils.data import Dataset, Sampler

from ..errors import ConfigError
from ..registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class WeightedSampler(Sampler[int]):
    """Shuffled samples of a `ConcatDataset`, a share of every epoch from each data set.

    All samples of a data set are drawn before one comes again. What an epoch draws follows from the
    seed, the epoch and the data sets' sizes, whatever the number of processes, which share it.

    Args:
        dataset: a `ConcatDataset`.
        weights: the share of each data set, in their order; only their proportion counts.
        num_samples: samples an epoch, all processes together; None for as many as there are.
        seed: of the order.

    Raises:
        ConfigError: no `ConcatDataset`, or weights that do not belong to it.
    """

    def __init__(
        self,
        dataset: Dataset,
        weights: Sequence[float],
        num_samples: int | None = None,
        seed: int | None = 0,
    ) -> None:
        parts = getattr(dataset, 'datasets', None)
        if parts is None:
            raise ConfigError(
                f'WeightedSampler: expected a ConcatDataset, got {type(dataset).__name__}'
            )
        if len(weights) != len(parts):
            raise ConfigError(
                f'WeightedSampler: expected {len(parts)} weights, one for each data set, got '
                f'{len(weights)}'
            )
        if min(weights) < 0 or not 0 < sum(weights) < float('inf'):
            raise ConfigError(
                f'WeightedSampler: weights must be finite and at least 0, one above 0, got '
                f'{list(weights)}'
            )
        if num_samples is not None and num_samples < 1:
            raise ConfigError(f'WeightedSampler: num_samples must be at least 1, got {num_samples}')
        self.sizes = [len(part) for part in parts]
        total = sum(self.sizes) if num_samples is None else num_samples
        # Rounded sums, so that the shares add up to the total.
        ends = np.rint(np.cumsum([0, *weights]) / sum(weights) * total).astype(int)
        self.shares = np.diff(ends).tolist()
        for part, size, share in zip(parts, self.sizes, self.shares, strict=True):
            if share and not size:
                raise ConfigError(f'WeightedSampler: {type(part).__name__} holds no samples')
        self.rank, self.world_size = get_dist_info()
        self.seed = seed or 0
        self.epoch = 0

    def _drawn(self) -> np.ndarray:
        """The epoch's samples for all processes, in order."""
        rng = np.random.default_rng((self.seed, self.epoch))
        drawn: list[int] = []
        start = 0
        for size, share in zip(self.sizes, self.shares, strict=True):
            rounds = range(0, share, max(1, size))
            own = [start + index for _ in rounds for index in rng.permutation(size).tolist()]
            drawn += own[:share]
            start += size
        return rng.permutation(drawn)

    def __iter__(self) -> Iterator[int]:
        """This process's samples; the first ones come again so that every process has as many."""
        drawn = self._drawn()
        padded = np.resize(drawn, len(self) * self.world_size)
        return iter(padded[self.rank :: self.world_size].tolist())

    def __len__(self) -> int:
        return -(-sum(self.shares) // self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Draw anew: mmengine calls it before every epoch."""
        self.epoch = epoch
