"""The contract of every loss."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from ..errors import ConfigError, DataError, ShapeError
from ..types import Targets


class SaliencyLoss(nn.Module, ABC):
    """A number to minimise, from predicted maps and their ground truth.

    A subclass names the target it needs and writes `value`. It must be finite, with finite
    gradients, on all finite maps: constant ones, density maps of zeros, frames without fixations.

    Args:
        weight: factor on the value, so that the losses of a model can simply be added.

    Attributes:
        target: the field of `Targets` that the prediction is compared with.
    """

    target: ClassVar[str] = 'density_map'

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        if not math.isfinite(weight):
            raise ConfigError(f'{type(self).__name__}: weight must be finite, got {weight}')
        self.weight = weight

    def forward(self, saliency_map: Tensor, targets: Targets) -> Tensor:
        """Weighted mean over the batch.

        Args:
            saliency_map: predictions (B, H, W) >= 0. Half precision is computed in float32.
            targets: ground truth with the target this loss needs, (B, H, W).

        Returns:
            A scalar, float32 (float64 if a map is).

        Raises:
            DataError: the targets lack the map that this loss needs.
            ShapeError: the predictions are not (B, H, W) or the target has another shape.
        """
        name = type(self).__name__
        target = getattr(targets, self.target)
        if target is None:
            raise DataError(f'{name}: expected targets with a {self.target}, got None')
        if saliency_map.ndim != 3:
            raise ShapeError(
                f'{name}: expected a saliency_map (B, H, W), got {tuple(saliency_map.shape)}'
            )
        # Stricter than the measures: a target that only broadcasts is a mistake here.
        if target.shape != saliency_map.shape:
            raise ShapeError(
                f'{name}: expected a {self.target} of the shape of the saliency_map, '
                f'{tuple(saliency_map.shape)}, got {tuple(target.shape)}'
            )
        return self.weight * self.value(saliency_map, target)

    @abstractmethod
    def value(self, saliency_map: Tensor, target: Tensor) -> Tensor:
        """The unweighted loss, a scalar, of predictions and targets (B, H, W)."""

    def extra_repr(self) -> str:
        """The weight, shown where the model is printed."""
        return f'weight={self.weight}'
