"""Regions (areas of interest): how much of the attention a part of the picture gets, and when."""

from __future__ import annotations

from .attention import attention_on, region_report
from .collection import Regions
from .gaze import RecordedGaze
from .region import KeyFrame, Polygon, Rectangle, Region
from .report import RegionReport
from .shapes import Box, Mask, Outline

__all__ = [
    'Box',
    'KeyFrame',
    'Mask',
    'Outline',
    'Polygon',
    'RecordedGaze',
    'Rectangle',
    'Region',
    'RegionReport',
    'Regions',
    'attention_on',
    'region_report',
]
