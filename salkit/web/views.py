"""What is made of the maps of a file: videos or pictures to look at, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ..inference.entropy import saliency_entropy
from ..inference.maps import KeptMaps
from ..inference.outputs import OnFrame
from ..inference.overlay import Overlay, OverlayStyle, color_table
from ..inference.overlay_video import write_overlay, write_pictures
from .gaze import GazeMaps
from .words import describe, place_of, strongest

Maps = KeptMaps | GazeMaps


@dataclass
class View:
    """The maps of one source, a model or gaze, drawn in one style.

    Attributes:
        folder: where its files lie.
        maps: the source's.
        style: of both files.
        entropy: T bits, of each map, see `saliency_entropy`; NaN where it is empty.
        places: T indices into `words.PLACES`, of the peaks.
        overlay: its file, .mp4 or .png of a picture.
        map: likewise, the maps alone in colors.
    """

    folder: Path
    maps: Maps
    style: OverlayStyle
    entropy: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        stimulus = self.maps.stimulus
        suffix = '.png' if stimulus.kind == 'pictures' else '.mp4'
        self.overlay, self.map = (
            self.folder / f'{stimulus.name}_{kind}{suffix}' for kind in ('overlay', 'map')
        )

    def make(self, begin: Callable[[str, int], OnFrame]) -> None:
        """Write the files; `begin` begins a step, and it and what it gives may end the work."""
        maps, stimulus = self.maps, self.maps.stimulus
        on_frame = begin('Drawing the maps', len(maps))
        write_pictures(self._colored(), stimulus.size, maps, stimulus, self.map, on_frame)
        overlay = Overlay(self.style, float(maps.peaks.max()))
        on_frame = begin('Drawing the overlay', len(maps))
        write_overlay(maps, stimulus, self.overlay, overlay, on_frame=on_frame)

    def _colored(self) -> Generator[np.ndarray, None, None]:
        """Each map (H, W, 3) in colors, the last one at the peak that the style says; measured."""
        colors, by_video = color_table(self.style.colors), self.style.normalize == 'video'
        for saliency_map in self.maps:
            self.places.append(place_of(saliency_map))
            self.entropy.append(saliency_entropy(saliency_map) if saliency_map.any() else np.nan)
            peak = float(self.maps.peaks.max() if by_video else saliency_map.max())
            levels = cv2.convertScaleAbs(saliency_map, alpha=255 / peak if peak > 0 else 0)
            yield cv2.applyColorMap(levels, colors)

    def said(self) -> dict[str, object]:
        """What a page is told of it, apart from its files."""
        times, entropy = self.maps.times - self.maps.times[0], np.array(self.entropy)
        return dict(
            times=[round(float(time), 4) for time in times],
            entropy=[None if np.isnan(bits) else round(float(bits), 4) for bits in self.entropy],
            best=strongest(entropy),
            words=describe(times, entropy, self.places, self.maps.fps),
        )
