"""NSS as a loss."""

import torch
from torch import Tensor

from ..functional import nss
from ..registry import LOSSES
from .base import SaliencyLoss

_EPS = 1e-7


@LOSSES.register_module()
class NSSLoss(SaliencyLoss):
    """Minus the normalized scanpath saliency; 0 where the prediction is constant.

    The mean is over the items that have fixations; a batch without any gives 0.
    """

    target = 'fixation_map'

    def value(self, saliency_map: Tensor, target: Tensor) -> Tensor:
        """See `SaliencyLoss.value`."""
        has_fixations = (target > 0).flatten(1).any(1)
        values = torch.as_tensor(nss(saliency_map, target, eps=_EPS))
        values = torch.where(has_fixations, values, torch.zeros_like(values))
        return -values.sum() / has_fixations.sum().clamp(min=1)
