"""What is made of an upload: pictures or videos to look at, and files to take home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ..inference.entropy import saliency_entropy
from ..inference.maps import KeptMaps, OnFrame
from ..inference.overlay import Overlay, OverlayStyle
from ..media.video import VideoWriter

# Rows and columns of the pictures that are shown for one frame.
_SHOWN_SIDE = 960


def thumbnail(picture: np.ndarray) -> Image.Image:
    """A picture (H, W, 3) or (H, W) uint8 at the size to look at."""
    image = Image.fromarray(picture)
    image.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
    return image


@dataclass
class Results:
    """What was made of one upload.

    Attributes:
        folder: where the files lie; its name is a secret that only its owner's page knows.
        maps: the maps, the model's work done.
        style: of the overlay.
        entropy: (T,) bits of each map, see `saliency_entropy`.
        files: 'overlay' and 'map' (.mp4, or .png of a picture) and 'maps' (.npz), each called as
            its owner keeps it.
    """

    folder: Path
    maps: KeptMaps
    style: OverlayStyle
    entropy: np.ndarray = field(default_factory=lambda: np.empty(0))
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def is_picture(self) -> bool:
        """Whether the stimulus is a single picture, not a video."""
        return self.maps.stimulus.kind == 'pictures'

    def look(self, index: int) -> list[tuple[Path, str]]:
        """Pictures of a frame, its overlay and its map, with captions; `index` is the map's."""
        frame, saliency_map = self.maps.stimulus.read(self.maps.frames[index]), self.maps[index]
        pictures = {
            'Frame': frame,
            'Overlay': Overlay(self.style, self._peak)(frame, saliency_map),
            'Map': self._shown(saliency_map),
        }
        looked = []
        for caption, picture in pictures.items():
            path = self.folder / f'{caption.lower()}_{index + 1}.jpg'
            thumbnail(picture).save(path, quality=88)
            looked.append((path, caption))
        return looked

    def make(self, with_maps: bool, begin: Callable[[str], OnFrame]) -> None:
        """Write all files; the maps as numbers only `with_maps`.

        `begin` begins a step of the work; it and what it gives may raise to end the work.
        """
        suffix = '.png' if self.is_picture else '.mp4'
        overlay, shown = self._new_file('overlay', suffix), self._new_file('map', suffix)
        self._write_shown(shown, begin('Drawing the maps'))
        if with_maps:
            self.maps.save(self._new_file('maps', '.npz'), on_frame=begin('Writing the maps'))
        self.maps.overlay(overlay, self.style, on_frame=begin('Drawing the overlay'))

    def _new_file(self, kind: str, suffix: str) -> Path:
        self.files[kind] = self.folder / f'{self.maps.stimulus.name}_{kind}{suffix}'
        return self.files[kind]

    @property
    def _peak(self) -> float:
        return float(self.maps.peaks.max())

    def _shown(self, saliency_map: np.ndarray) -> np.ndarray:
        """A map as gray (H, W) uint8, the strongest value of the whole video white."""
        scale = 255 / self._peak if self._peak > 0 else 0.0
        return np.rint(np.clip(saliency_map * scale, 0, 255)).astype(np.uint8)

    def _write_shown(self, path: Path, on_frame: OnFrame) -> None:
        """Write the maps as they are looked at, and measure their entropy on the way."""
        if self.is_picture:
            Image.fromarray(self._shown(self.maps[0])).save(path)
            self.entropy = np.array([saliency_entropy(self.maps[0])])
            return
        entropy = []
        with VideoWriter(path, self.maps.stimulus.size, self.maps.fps, gray=True) as video:
            for time, saliency_map in zip(self.maps.times, self.maps, strict=True):
                video.write(self._shown(saliency_map), float(time - self.maps.times[0]))
                entropy.append(saliency_entropy(saliency_map))
                on_frame(1)
        self.entropy = np.array(entropy)
