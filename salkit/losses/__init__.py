"""Training losses, each a thin cover over a measure of `salkit.functional`."""

from salkit.losses.base import SaliencyLoss
from salkit.losses.cc import CCLoss
from salkit.losses.kl import KLLoss
from salkit.losses.nss import NSSLoss
from salkit.losses.sim import SIMLoss

__all__ = ['CCLoss', 'KLLoss', 'NSSLoss', 'SIMLoss', 'SaliencyLoss']
