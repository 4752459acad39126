"""Adds up maps inside of regions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from ...errors import ShapeError
from ...media.maps import emphasized
from ...utils.text import check_range, listed
from ..outputs import MapSequence, OnFrame
from ..stimulus import Stimulus
from .collection import Regions
from .gaze import GazeCounts, RecordedGaze, VideoGaze
from .region import Region
from .report import RegionReport
from .shapes import Size


def attention_on(
    maps: Iterable[np.ndarray],
    regions: Regions | Sequence[Region],
    times: Sequence[float] | np.ndarray,
    on_frame: OnFrame | None = None,
    size: Size | None = None,
    gaze: VideoGaze | None = None,
) -> RegionReport:
    """The share of each region in every map, one map in memory at a time.

    Args:
        maps: (H, W) each, >= 0; what is not finite counts as 0.
        regions: see `Regions`; `regions.on(...)` a video first where key frames are given by
            number and not every frame has a map.
        times: (T,) seconds at which each map's frame appears.
        on_frame: called with 1 after each map.
        size: (rows, columns) of the video's frames, where maps are of another one.
        gaze: on the video, to be put beside the prediction.

    Raises:
        ShapeError: no map, one of another shape, or more or fewer than times.
        ConfigError: see `Regions.on`.
    """
    regions = Regions.of(regions)
    times = np.asarray(times, dtype=np.float64)
    shares = np.full((len(times), len(regions)), np.nan)
    areas = np.zeros_like(shares)
    counts = None if gaze is None else GazeCounts(gaze, times, len(regions))
    covers, looked_at, shape, place, empty = None, None, None, -1, 0
    for place, saliency_map in enumerate(maps):
        if saliency_map.ndim != 2 or shape not in (None, saliency_map.shape):
            raise ShapeError(f'expected maps {shape or "(H, W)"}, got {saliency_map.shape}')
        if place >= len(times):
            break
        if shape is None:
            shape = saliency_map.shape
            if not regions.is_placed:
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
        if gaze is not None and counts is not None:
            if shape == gaze.size:
                looked_at = covers
            elif looked_at is None or not regions.are_fixed:
                # Gaze is as exact as the frames, however small maps are.
                looked_at = regions.covers(float(times[place]), gaze.size)
            counts.add(place, looked_at)
        if on_frame is not None:
            on_frame(1)
    if place + 1 != len(times) or not len(times):
        raise ShapeError(f'expected a map for each of {len(times)} times, got {place + 1}')
    notes = []
    if empty:
        notes.append(f'{empty} of {len(times)} maps are 0 everywhere: nobody has a share')
    absent = [name for name, area in zip(regions.names, areas.T, strict=True) if not area.any()]
    if absent:
        notes.append(f'not on any of these frames: {listed(absent)}')
    looked = None if counts is None else counts.shares(shares, areas)
    return RegionReport(regions.names, times, shares, areas, looked, notes=notes)


def region_report(
    maps: MapSequence,
    stimulus: Stimulus,
    regions: Regions | Sequence[Region] | str | Path,
    gaze: RecordedGaze | str | Path | None = None,
    on_frame: OnFrame | None = None,
    emphasis: float = 1.0,
) -> RegionReport:
    """The share of each region in the maps of a stimulus; see `SaliencyMaps.regions`."""
    check_range('', 'emphasis', emphasis, 0.1, 10)
    if isinstance(regions, (str, Path)):
        regions = Regions.from_file(regions)
    if isinstance(gaze, (str, Path)):
        gaze = RecordedGaze(gaze)
    placed = Regions.of(regions).on(stimulus.size, stimulus.times)
    looked = None if gaze is None else gaze.on(stimulus)
    with closing(iter(maps)) as finished:
        counted = (emphasized(each, emphasis) for each in finished)
        report = attention_on(counted, placed, maps.times, on_frame, gaze=looked)
    if emphasis != 1:
        report.notes.append(f'shares of the maps to the power of {emphasis:g}')
    report.video, report.frames = stimulus.name, maps.frames
    return report
