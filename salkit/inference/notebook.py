"""How maps show themselves in a notebook."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image

from ..media.images import resize_image
from .map_sequence import MapSequence
from .overlay import Overlay, OverlayStyle
from .stimulus import Stimulus

_FRAMES = 4
_WIDTH = 240


def maps_as_html(maps: MapSequence, stimulus: Stimulus) -> str:
    """A table of a few frames, evenly over the video, with their maps over them.

    Each is drawn with its own maximum as the brightest, so that only these frames are predicted.
    """
    overlay = Overlay(OverlayStyle(normalize='frame'))
    chosen = np.unique(np.linspace(0, len(maps) - 1, min(_FRAMES, len(maps))).round().astype(int))
    cells = []
    for index in chosen.tolist():
        picture = overlay(stimulus.read(maps.frames[index]), maps[index])
        rows = max(1, round(_WIDTH * picture.shape[0] / picture.shape[1]))
        file = io.BytesIO()
        Image.fromarray(resize_image(picture, (rows, _WIDTH))).save(file, format='PNG')
        data = base64.b64encode(file.getvalue()).decode()
        cells.append(
            f'<td><img src="data:image/png;base64,{data}" width="{_WIDTH}" height="{rows}"><br>'
            f'{html.escape(maps.names[index])}, {maps.times[index]:.2f} s</td>'
        )
    title = html.escape(repr(maps).removeprefix('SaliencyMaps(').removesuffix(')'))
    return f'<p>{title}</p><table><tr>{"".join(cells)}</tr></table>'
