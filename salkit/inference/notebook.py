"""How maps show themselves in a notebook."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

import numpy as np

from ..media.images import resize_image

if TYPE_CHECKING:
    from .maps import SaliencyMaps

_WIDTH = 240


def maps_as_html(maps: SaliencyMaps, count: int) -> str:
    """A table of `count` frames, evenly over the video, with their maps over them.

    Each is drawn with its own maximum as the brightest, so that only these frames are predicted.
    """
    from PIL import Image

    from .overlay import Overlay, OverlayStyle

    overlay = Overlay(OverlayStyle(normalise='frame'))
    chosen = np.unique(np.linspace(0, len(maps) - 1, min(count, len(maps))).round().astype(int))
    cells = []
    for index in chosen.tolist():
        frame = maps.stimulus.read(maps.frames[index])
        picture = overlay(frame, maps[index])
        rows = max(1, round(_WIDTH * picture.shape[0] / picture.shape[1]))
        file = io.BytesIO()
        Image.fromarray(resize_image(picture, (rows, _WIDTH))).save(file, format='PNG')
        data = base64.b64encode(file.getvalue()).decode()
        cells.append(
            f'<td><img src="data:image/png;base64,{data}" width="{_WIDTH}" height="{rows}"><br>'
            f'{html.escape(str(maps.names[index]))}, {maps.times[index]:.2f} s</td>'
        )
    return (
        f'<p>{html.escape(repr(maps)[len("SaliencyMaps(") : -1])}</p>'
        f'<table><tr>{"".join(cells)}</tr></table>'
    )
