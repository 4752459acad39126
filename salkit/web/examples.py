"""Examples to click on the page, made of the photographs that scikit-image brings."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageOps

from ..media.photographs import PAN_FPS, PHOTOGRAPHS, panned_photographs, read_photograph
from ..media.video import VideoWriter

_THUMBNAIL = (288, 162)


@dataclass(frozen=True)
class Example:
    """A video or picture to try.

    Attributes:
        name: of its file; a `.mp4` pans over the photographs, a `.png` is the first.
        title: what the page calls it.
        first: of the `PHOTOGRAPHS` in it.
        stop: the first that is not.
    """

    name: str
    title: str
    first: int
    stop: int

    def write(self, folder: Path) -> Path:
        """Make its file in a folder."""
        path = folder / self.name
        if path.suffix == '.png':
            Image.fromarray(read_photograph(PHOTOGRAPHS[self.first])).save(path)
            return path
        frames = panned_photographs(slice(self.first, self.stop))
        with VideoWriter(path, frames.shape[1:3], PAN_FPS) as video:
            for frame in frames:
                video.write(frame)
        return path

    @lru_cache(maxsize=8)  # noqa: B019  # There are few, and they stay.
    def thumbnail(self) -> bytes:
        """A small JPEG of it."""
        photo = Image.fromarray(read_photograph(PHOTOGRAPHS[self.first]))
        file = io.BytesIO()
        # Heads are in the upper part.
        ImageOps.fit(photo, _THUMBNAIL, centering=(0.5, 1 / 5)).save(file, 'JPEG', quality=85)
        return file.getvalue()


EXAMPLES = (
    Example('cat-coffee-motorcycle.mp4', 'Three scenes, 6 s', 1, 4),
    Example('coffee.mp4', 'Coffee, 2 s', 2, 3),
    Example('astronaut.png', 'Astronaut, a picture', 0, 1),
)
