"""Scoring of predictions inside the Runner."""

from .protocols import PROTOCOLS, Protocol
from .report import ScoreReport
from .saliency_metric import SaliencyMetric

__all__ = ['PROTOCOLS', 'Protocol', 'SaliencyMetric', 'ScoreReport']
