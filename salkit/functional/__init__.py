"""Saliency measures as plain functions: the maths that losses and metrics share.

Every function is `f(pred, target, *, ...)` over arbitrary leading batch dimensions; the last two
are H, W. Tensors stay on their device, NumPy arrays come back as NumPy. The defaults are those of
the MIT saliency benchmark, which `dhf1k-matlab` scores with.
"""

from .auc import auc_judd
from .cc import cc
from .kl import kl_div
from .nss import nss
from .sim import sim

__all__ = ['auc_judd', 'cc', 'kl_div', 'nss', 'sim']
