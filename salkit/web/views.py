"""What is made of the maps of a file: videos or pictures to look at, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..inference.entropy import saliency_entropy
from ..inference.maps import KeptMaps
from ..inference.outputs import OnFrame
from ..inference.overlay import Overlay, OverlayStyle, color_table
from ..inference.overlay_video import write_overlay
from ..media.video import VideoWriter
from .gaze import GazeMaps, pixel_aspect
from .words import describe, place_of, strongest

Maps = KeptMaps | GazeMaps


@dataclass
class View:
    """The maps of one source, a model or gaze, drawn in one style.

    Attributes:
        folder: where its files lie.
        maps: the source's.
        style: of both files.
        entropy: (T,) bits of each map, see `saliency_entropy`; NaN where it is empty.
        places: T indices into `words.PLACES`, of the peaks.
        overlay: its file, .mp4 or .png of a picture.
        map: likewise, the maps alone in colors.
    """

    folder: Path
    maps: Maps
    style: OverlayStyle
    entropy: np.ndarray = field(default_factory=lambda: np.empty(0))
    places: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        stimulus = self.maps.stimulus
        suffix = '.png' if stimulus.kind == 'pictures' else '.mp4'
        self.overlay, self.map = (
            self.folder / f'{stimulus.name}_{kind}{suffix}' for kind in ('overlay', 'map')
        )

    def make(self, begin: Callable[[str, int], OnFrame]) -> None:
        """Write the files; `begin` begins a step, and it and what it gives may end the work."""
        self.folder.mkdir(parents=True)
        self._write_map(begin('Drawing the maps', len(self.maps)))
        overlay, maps = Overlay(self.style, float(self.maps.peaks.max())), self.maps
        on_frame = begin('Drawing the overlay', len(maps))
        write_overlay(maps, maps.stimulus, self.overlay, overlay, on_frame=on_frame)

    def _write_map(self, on_frame: OnFrame) -> None:
        """Write the maps in colors, and measure them on the way."""
        entropy, maps = [], self.maps
        if self.map.suffix == '.png':
            entropy.append(self._measure(maps[0]))
            Image.fromarray(self._shown(maps[0])).save(self.map)
        else:
            aspect = pixel_aspect(maps.stimulus)
            writer = VideoWriter(self.map, maps.stimulus.size, maps.fps, pixel_aspect=aspect)
            with writer as video:
                for time, saliency_map in zip(maps.times, maps, strict=True):
                    video.write(self._shown(saliency_map), float(time - maps.times[0]))
                    entropy.append(self._measure(saliency_map))
                    on_frame(1)
        self.entropy = np.array(entropy)

    def _measure(self, saliency_map: np.ndarray) -> float:
        self.places.append(place_of(saliency_map))
        return saliency_entropy(saliency_map) if saliency_map.any() else np.nan

    def _shown(self, saliency_map: np.ndarray) -> np.ndarray:
        """A map (H, W, 3) in colors, the last one at the peak that the style says."""
        by_video = self.style.normalize == 'video'
        peak = float(self.maps.peaks.max() if by_video else saliency_map.max())
        levels = cv2.convertScaleAbs(saliency_map, alpha=255 / peak if peak > 0 else 0)
        return cv2.applyColorMap(levels, color_table(self.style.colors))

    def said(self) -> dict[str, object]:
        """What a page is told of it, apart from its files."""
        times = self.maps.times - self.maps.times[0]
        return dict(
            times=[round(float(time), 4) for time in times],
            entropy=[None if np.isnan(bits) else round(float(bits), 4) for bits in self.entropy],
            best=strongest(self.entropy),
            words=describe(times, self.entropy, self.places, self.maps.fps),
        )
