"""Pictures of what a model is given."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from ..utils.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 8


def _title(sample: dict[str, Any]) -> str:
    meta, clip = sample['meta'], sample['clip']
    _, frames, rows, columns = clip.shape
    fixations = sample['fixation_map']
    counted = 'no fixation map' if fixations is None else f'{int((fixations > 0).sum())} fixations'
    return (
        f'{meta.dataset} {meta.split}: {meta.video}, frame {meta.frame} '
        f'({meta.size[0]} x {meta.size[1]} pixels)\n'
        f'clip of {frames} frames, {rows} x {columns} pixels; {counted}'
    )


def _show(
    axis: Axes, frame: np.ndarray, extent: tuple[float, float, float, float], title: str
) -> None:
    # Maps may be larger than the clip; they lie over the same frame.
    axis.imshow(frame, extent=extent)
    axis.set_title(title, fontsize=8)
    axis.set_axis_off()


def draw_contact_sheet(sample: dict[str, Any], path: str | Path) -> None:
    """Write a picture of a clip: its frames, and density and fixations over the last of them.

    Args:
        sample: what a pipeline that ends in `PackClip` gives.
        path: the PNG to write.

    Raises:
        DataError: a sample without clip, maps and meta.
    """
    from matplotlib.figure import Figure

    lacking = {'clip', 'density_map', 'fixation_map', 'meta'} - set(sample)
    if lacking:
        raise DataError(
            f'{path}: the sample has no {", ".join(sorted(lacking))}; the pipeline has to end in '
            'PackClip'
        )
    frames = sample['clip'].permute(1, 2, 3, 0).numpy()
    count = len(frames)
    columns = min(COLUMNS, count)
    rows = math.ceil(count / columns)
    shape = frames.shape[1] / frames.shape[2]
    width = 12.0
    large = width / 3 * shape
    figure = Figure(figsize=(width, rows * (width / columns * shape + 0.2) + large + 0.8))
    figure.set_layout_engine('constrained')
    heights = [rows * width / columns * shape, large]
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    figure.suptitle(_title(sample), fontsize=9)
    axes = top.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for number, (axis, frame) in enumerate(zip(axes, frames, strict=False), 1):
        axis.imshow(frame)
        axis.set_title(str(number), fontsize=6, pad=2)
    density, fixations = (
        None if sample[name] is None else sample[name].numpy()
        for name in ('density_map', 'fixation_map')
    )
    size = next((m.shape for m in (density, fixations) if m is not None), frames.shape[1:3])
    extent = (-0.5, size[1] - 0.5, size[0] - 0.5, -0.5)
    last, over, dots = bottom.subplots(1, 3)
    _show(last, frames[-1], extent, 'last frame')
    _show(over, frames[-1], extent, 'density_map' if density is not None else 'no density_map')
    if density is not None:
        over.imshow(density, cmap='inferno', alpha=0.6, vmin=0, vmax=max(1e-9, density.max()))
    _show(dots, frames[-1], extent, 'fixation_map' if fixations is not None else 'no fixation_map')
    if fixations is not None:
        y, x = np.nonzero(fixations)
        dots.plot(x, y, '.', color='cyan', markeredgecolor='black', markeredgewidth=0.4)
        dots.set_xlim(extent[:2])
        dots.set_ylim(extent[2:])
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=100, format='png')
