"""KLDiv as a loss."""

from torch import Tensor

from ..functional import kl_div
from ..registry import LOSSES
from .base import SaliencyLoss


@LOSSES.register_module()
class KLLoss(SaliencyLoss):
    """Divergence of the prediction from the density map, in nats; 0 where that map is all zero.

    It needs no eps of its own: with that of the measure it is finite on all maps.
    """

    def value(self, saliency_map: Tensor, target: Tensor) -> Tensor:
        """See `SaliencyLoss.value`."""
        return kl_div(saliency_map, target).mean()
