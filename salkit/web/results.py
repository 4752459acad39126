"""What is made of an upload: pictures or videos to look at, and files to take home."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ..inference.entropy import saliency_entropy
from ..inference.maps import KeptMaps, OnFrame
from ..inference.overlay import Overlay, OverlayStyle
from ..media.video import VideoWriter

# Begins a step of the work.
BeginStep = Callable[[str], OnFrame]


@dataclass(frozen=True)
class Options:
    """What a user may choose.

    Attributes:
        style: of the overlay.
        downloads: files to make beside the overlay: 'npz', 'png16'.
    """

    style: OverlayStyle = field(default_factory=OverlayStyle)
    downloads: tuple[str, ...] = ('npz',)


@dataclass
class Results:
    """What was made of one upload.

    Attributes:
        folder: where the files lie; its name is a secret that only its owner's page knows.
        maps: the maps, the model's work done.
        style: of the overlay.
        entropy: (T,) bits of each map, see `saliency_entropy`.
        files: of each kind that was made, the file in `folder`, called as its owner keeps it:
            'overlay' and 'map' (.mp4, or .png of a picture), 'npz' and 'png16' (a .zip).
        note: what its owner should know, such as a file that was left out.
    """

    folder: Path
    maps: KeptMaps
    style: OverlayStyle
    entropy: np.ndarray = field(default_factory=lambda: np.empty(0))
    files: dict[str, Path] = field(default_factory=dict)
    note: str = ''

    @property
    def is_picture(self) -> bool:
        """Whether the stimulus is a single picture, not a video."""
        return self.maps.stimulus.kind == 'pictures'

    def look(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One frame, its overlay and its map, all (H, W, 3) or (H, W) uint8.

        Args:
            index: of the map, from 0.
        """
        frame = self.maps.stimulus.read(self.maps.frames[index])
        saliency_map = self.maps[index]
        overlay = Overlay(self.style, self._peak)(frame, saliency_map)
        return frame, overlay, self._shown(saliency_map)

    def make(self, downloads: tuple[str, ...], begin: BeginStep) -> None:
        """Write all files.

        Args:
            downloads: of 'npz' and 'png16' those that are wanted.
            begin: see `BeginStep`; either function may raise to end the work.
        """
        suffix = '.png' if self.is_picture else '.mp4'
        self._write_shown(self._new_file('map', f'map{suffix}'), begin('Drawing the maps'))
        if 'npz' in downloads:
            self.maps.save(self._new_file('npz', 'maps.npz'), 'npz', begin('Writing the maps'))
        if 'png16' in downloads:
            pictures = self.folder / 'pictures'
            self.maps.save(pictures, 'png16', begin('Writing the pictures'))
            with zipfile.ZipFile(self._new_file('png16', 'maps_16bit.zip'), 'w') as archive:
                # Pictures are compressed already.
                for path in sorted(pictures.iterdir()):
                    archive.write(path, path.name)
                    path.unlink()
        overlay = self._new_file('overlay', f'overlay{suffix}')
        self.maps.overlay(overlay, self.style, on_frame=begin('Drawing the overlay'))

    def _new_file(self, kind: str, name: str) -> Path:
        self.files[kind] = self.folder / f'{self.maps.stimulus.name}_{name}'
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
