"""Scoring: the protocols, what they are put together from, and the Runner's metric.

That metric is imported on first use: scoring files needs no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..utils.lazy import on_first_use
from ..utils.rng import frame_rng
from .averaging import VideoScores
from .frame import Frame, Truth
from .nonfixations import NonfixationPool, nonfixation_pool, rescale_points
from .protocol import FrameScores, Measure, Protocol
from .published_protocols import get_protocol, protocol_names
from .report import ScoreReport

if TYPE_CHECKING:
    from .saliency_metric import SaliencyMetric

__all__ = [
    'Frame',
    'FrameScores',
    'Measure',
    'NonfixationPool',
    'Protocol',
    'SaliencyMetric',
    'ScoreReport',
    'Truth',
    'VideoScores',
    'frame_rng',
    'get_protocol',
    'nonfixation_pool',
    'protocol_names',
    'rescale_points',
]

__getattr__, __dir__ = on_first_use(__name__, {'SaliencyMetric': 'saliency_metric'})
