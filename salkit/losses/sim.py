"""SIM as a loss."""

from torch import Tensor

from ..functional import sim
from ..registry import LOSSES
from .base import SaliencyLoss

_EPS = 1e-6


@LOSSES.register_module()
class SIMLoss(SaliencyLoss):
    """Minus the similarity to the density map, in [-1, 0]; 0 where a map is constant.

    Both maps are min-max normalized, as the benchmark's measure does.
    """

    def value(self, saliency_map: Tensor, target: Tensor) -> Tensor:
        """See `SaliencyLoss.value`."""
        return -sim(saliency_map, target, eps=_EPS).mean()
