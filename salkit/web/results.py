"""What is made of an upload: pictures or videos to look at, and files to take home."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..inference.entropy import saliency_entropy
from ..utils.files import whole_file

if TYPE_CHECKING:
    from ..inference.maps import KeptMaps
    from ..inference.overlay import OverlayStyle
    from .jobs import Job


@dataclass
class Results:
    """What one job made.

    Attributes:
        folder: where the files lie; its name is a secret that only its owner's page knows.
        name: of the stimulus, for the names of downloads.
        files: of each kind that was made, the file in `folder`: 'overlay' and 'map' (.mp4, or .png
            of a picture), 'npz' and 'png16' (a .zip).
        entropy: (T,) bits of each map, see `saliency_entropy`.
        maps: the maps, the model's work done.
        style: of the overlay.
        notes: what its owner should know, such as a file that was left out.
    """

    folder: Path
    name: str
    maps: KeptMaps
    style: OverlayStyle
    entropy: np.ndarray = field(default_factory=lambda: np.empty(0))
    files: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def is_picture(self) -> bool:
        """Whether the stimulus is a single picture, not a video."""
        return self.maps.stimulus.kind == 'pictures'

    def download_name(self, kind: str) -> str:
        """What a file is called when its owner keeps it."""
        words = {'npz': 'maps', 'png16': 'maps_16bit'}.get(kind, kind)
        return f'{self.name}_{words}{self.files[kind].suffix}'

    def look(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One frame, its overlay and its map, all (H, W, 3) or (H, W) uint8.

        Args:
            index: of the map, from 0.
        """
        from ..inference.overlay import Overlay

        frame = self.maps.stimulus.read(self.maps.frames[index])
        saliency_map = self.maps[index]
        overlay = Overlay(self.style, self._peak)(frame, saliency_map)
        return frame, overlay, self._shown(saliency_map)

    @property
    def _peak(self) -> float:
        return float(self.maps.peaks.max())

    def _shown(self, saliency_map: np.ndarray) -> np.ndarray:
        """A map as grey (H, W) uint8, the strongest value of the whole video white."""
        scale = 255 / self._peak if self._peak > 0 else 0.0
        return np.rint(np.clip(saliency_map * scale, 0, 255)).astype(np.uint8)

    def make(self, job: Job, downloads: tuple[str, ...]) -> None:
        """Write all files.

        Args:
            job: is told of every frame, and may end the work.
            downloads: of 'npz' and 'png16' those that are wanted.
        """
        frames = len(self.maps)
        suffix = '.png' if self.is_picture else '.mp4'
        job.begin('Writing the maps', frames)
        self._write_maps(job, suffix, downloads)
        job.begin('Drawing the overlay', frames)
        overlay = self.folder / f'overlay{suffix}'
        self.maps.overlay(overlay, self.style, on_frame=job.advance)
        self.files['overlay'] = overlay

    def _write_maps(self, job: Job, suffix: str, downloads: tuple[str, ...]) -> None:
        """All that needs nothing but the maps, in one pass over them."""
        from ..inference.outputs import open_output

        entropy = []
        with ExitStack() as stack:
            outputs = []
            for kind, name in (('npz', 'maps.npz'), ('png16', 'maps_16bit')):
                if kind in downloads:
                    path = self.folder / name
                    outputs.append(stack.enter_context(open_output(path, kind, self.maps)))
                    self.files[kind] = path
            self.files['map'] = self.folder / f'map{suffix}'
            write_shown = stack.enter_context(_shown_writer(self.files['map'], self.maps))
            maps = iter(self.maps)
            stack.callback(maps.close)
            for index, saliency_map in enumerate(maps):
                for output in outputs:
                    output.write(saliency_map)
                write_shown(self._shown(saliency_map), index)
                entropy.append(saliency_entropy(saliency_map))
                job.advance()
        self.entropy = np.array(entropy)
        if 'png16' in self.files:
            self.files['png16'] = _zipped(self.files['png16'], job)


@contextmanager
def _shown_writer(path: Path, maps: KeptMaps) -> Iterator[Callable[[np.ndarray, int], None]]:
    """A function that writes grey frames by index: as a video, or the only one as a picture."""
    if path.suffix == '.png':
        from PIL import Image

        def write_picture(grey: np.ndarray, index: int) -> None:
            with whole_file(path) as temporary:
                Image.fromarray(grey).save(temporary, format='PNG')

        yield write_picture
        return
    from ..media.video import VideoWriter

    times = maps.times - maps.times[0]
    with VideoWriter(path, maps.stimulus.size, maps.fps, gray=True) as video:
        yield lambda grey, index: video.write(grey, float(times[index]))


def _zipped(folder: Path, job: Job) -> Path:
    """Move the files of a folder into a .zip beside it; pictures are compressed already."""
    target = folder.with_suffix('.zip')
    with whole_file(target) as temporary, zipfile.ZipFile(temporary, 'w') as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
            path.unlink()
            job.check()
    folder.rmdir()
    return target
