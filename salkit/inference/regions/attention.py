"""Adds up maps inside of regions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ...errors import ShapeError
from .collection import Regions
from .region import Region
from .report import RegionReport
from .shapes import Size


def attention_on(
    maps: Iterable[np.ndarray],
    regions: Regions | Sequence[Region],
    times: Sequence[float] | np.ndarray,
    on_frame: Callable[[int], object] | None = None,
    size: Size | None = None,
) -> RegionReport:
    """The share of each region in every map, one map in memory at a time.

    Args:
        maps: (H, W) each, >= 0; what is not finite counts as 0.
        regions: see `Regions`; `regions.on(...)` a video first where key frames are given by
            number and not every frame has a map.
        times: (T,) seconds at which each map's frame appears.
        on_frame: called with 1 after each map.
        size: (rows, columns) of the video's frames, where maps are of another one.

    Raises:
        ShapeError: no map, one of another shape, or more or fewer than times.
        ConfigError: see `Regions.on`.
    """
    regions = Regions.of(regions)
    times = np.asarray(times, dtype=np.float64)
    shares = np.full((len(times), len(regions)), np.nan)
    areas = np.zeros_like(shares)
    covers, shape, place, empty = None, None, -1, 0
    for place, saliency_map in enumerate(maps):
        if saliency_map.ndim != 2 or shape not in (None, saliency_map.shape):
            raise ShapeError(f'expected maps {shape or "(H, W)"}, got {saliency_map.shape}')
        if place >= len(times):
            break
        if shape is None:
            shape = saliency_map.shape
            if regions.size is None:
                regions = regions.on(size or shape, times)
        if covers is None or not regions.are_fixed:
            covers = regions.covers(float(times[place]), shape)
        if not np.isfinite(total := saliency_map.sum(dtype=np.float64)):
            saliency_map = np.where(np.isfinite(saliency_map), saliency_map, 0)
            total = saliency_map.sum(dtype=np.float64)
        empty += total <= 0
        for region, cover in enumerate(covers):
            if cover is not None:
                areas[place, region] = cover.area
                if total > 0:
                    shares[place, region] = cover.sum_of(saliency_map) / total
        if on_frame is not None:
            on_frame(1)
    if place + 1 != len(times) or not len(times):
        raise ShapeError(f'expected a map for each of {len(times)} times, got {place + 1}')
    notes = []
    if empty:
        notes.append(f'{empty} of {len(times)} maps are 0 everywhere: nobody has a share')
    return RegionReport(regions.names, times, shares, areas, notes=notes)
