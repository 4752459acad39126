"""CC as a loss."""

from torch import Tensor

from ..functional import cc
from ..registry import LOSSES
from .base import SaliencyLoss

_EPS = 1e-6


@LOSSES.register_module()
class CCLoss(SaliencyLoss):
    """Minus the linear correlation with the density map, in [-1, 1]; 0 where a map is constant."""

    def value(self, saliency_map: Tensor, target: Tensor) -> Tensor:
        """See `SaliencyLoss.value`."""
        return -cc(saliency_map, target, eps=_EPS).mean()
