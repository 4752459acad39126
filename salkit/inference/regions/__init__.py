"""Regions (areas of interest): how much of the attention a part of the picture gets, and when."""

from __future__ import annotations

from .attention import attention_on
from .collection import Regions
from .region import KeyFrame, Polygon, Rectangle, Region
from .report import RegionReport
from .shapes import Box, Mask, Outline

__all__ = [
    'Box',
    'KeyFrame',
    'Mask',
    'Outline',
    'Polygon',
    'Rectangle',
    'Region',
    'RegionReport',
    'Regions',
    'attention_on',
]
