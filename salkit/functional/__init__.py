"""Saliency measures as plain functions: the maths that losses and metrics share.

Every function is `f(pred, target, *, ...)` over arbitrary leading batch dimensions; the last two
are H, W. Tensors stay on their device, NumPy arrays come back as NumPy. The defaults are those of
the MIT saliency benchmark, which `dhf1k-matlab` scores with; keywords give what other codes do.

CC, KLDiv, SIM, NSS and information gain are differentiable. On NumPy arrays they compute in
float64, whatever the dtype. The AUCs look at the order of the pixels only: 8-bit maps are fastest
as uint8, as they come from the file.
"""

from .auc_borji import auc_borji
from .auc_judd import auc_judd
from .auc_shuffled import auc_shuffled
from .cc import cc
from .fixations import count_fixations
from .information_gain import information_gain
from .kl import kl_div
from .nss import nss
from .sim import sim

__all__ = [
    'auc_borji',
    'auc_judd',
    'auc_shuffled',
    'cc',
    'count_fixations',
    'information_gain',
    'kl_div',
    'nss',
    'sim',
]
