"""Training losses, each a thin cover over a measure of `salkit.functional`."""

from .base import SaliencyLoss
from .cc import CCLoss
from .kl import KLLoss
from .nss import NSSLoss
from .sim import SIMLoss

__all__ = ['CCLoss', 'KLLoss', 'NSSLoss', 'SIMLoss', 'SaliencyLoss']
