"""Pictures of what a model is given."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..utils.files import whole_file

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
    columns = min(COLUMNS, len(frames))
    rows = math.ceil(len(frames) / columns)
    shape = frames.shape[1] / frames.shape[2]
    width = 12.0
    heights = [rows * width / columns * shape, width / 3 * shape]
    figure = Figure(figsize=(width, sum(heights) + 0.2 * rows + 0.8), layout='constrained')
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    figure.suptitle(_title(sample), fontsize=9)
    small = top.subplots(rows, columns, squeeze=False).ravel()
    large = bottom.subplots(1, 3)
    maps = {
        name: None if sample[name] is None else sample[name].numpy()
        for name in ('density_map', 'fixation_map')
    }
    # Maps may be larger than the clip; they lie over the same frame.
    size = next((m.shape for m in maps.values() if m is not None), frames.shape[1:3])
    for number, (axis, frame) in enumerate(zip(small, frames, strict=False), 1):
        axis.imshow(frame)
        axis.set_title(str(number), fontsize=6, pad=2)
    for axis, title in zip(large, ('last frame', *maps), strict=True):
        lacking_map = title in maps and maps[title] is None
        axis.imshow(frames[-1], extent=(-0.5, size[1] - 0.5, size[0] - 0.5, -0.5))
        axis.set_title(f'no {title}' if lacking_map else title, fontsize=8)
    if (density := maps['density_map']) is not None:
        peak = max(1e-9, float(density.max()))
        large[1].imshow(density, cmap='inferno', alpha=0.6, vmin=0, vmax=peak)
    if maps['fixation_map'] is not None:
        limits = large[2].get_xlim(), large[2].get_ylim()
        y, x = np.nonzero(maps['fixation_map'])
        large[2].plot(x, y, '.', color='cyan', markeredgecolor='black', markeredgewidth=0.4)
        large[2].set(xlim=limits[0], ylim=limits[1])
    for axis in (*small, *large):
        axis.set_axis_off()
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=100, format='png')
