"""What has been found in a video's files, for the checks that look at all of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...datasets.published import PublishedVideo
from ...media.video import VIDEO_SUFFIXES
from .faults import Faults
from .naming import Part
from .pairing import FramePair
from .reading import NOUNS
from .single_maps import MapFacts


@dataclass
class Contents:
    """What has been found in a video's files.

    Attributes:
        place: where they lie.
        parts: its folders that hold files, by the keys of `NOUNS`.
        frames: names of each frame's files, by part.
        sizes: (rows, columns) by path, of each part.
        densities: what density maps are like, by number of the frame.
        fixations: what fixation maps are like.
        pairs: maps that can be compared.
        digests: of the pixels of frames, by number.
        flat: numbers of the frames of a single colour.
        faults: found so far.
    """

    place: PublishedVideo
    parts: dict[str, Part] = field(default_factory=dict)
    frames: list[dict[str, str]] = field(default_factory=list)
    sizes: dict[str, dict[str, tuple[int, int]]] = field(
        default_factory=lambda: {part: {} for part in NOUNS}
    )
    densities: dict[int, MapFacts] = field(default_factory=dict)
    fixations: dict[int, MapFacts] = field(default_factory=dict)
    pairs: list[FramePair] = field(default_factory=list)
    digests: dict[int, bytes] = field(default_factory=dict)
    flat: list[int] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    @property
    def fixation_part(self) -> str:
        """The part that fixations are read from: images come first."""
        return 'fixation' if 'fixation' in self.parts else 'mats'

    @property
    def video_path(self) -> Path | None:
        """The file that holds the frames; None where they are images."""
        stimulus = self.place.stimulus
        is_file = stimulus is not None and stimulus.suffix.lower() in VIDEO_SUFFIXES
        return stimulus if is_file else None

    def path(self, part: str, number: int) -> str:
        """Path of a frame's file."""
        return str(self.parts[part].folder / self.frames[number][part])

    def add_picture(self, number: int, pixels: np.ndarray) -> None:
        """Take note of frame `number`, (H, W) or (H, W, channels)."""
        pixels = np.ascontiguousarray(pixels)
        digest = hashlib.blake2b(pixels.data, digest_size=8)
        digest.update(repr(pixels.shape).encode())
        self.digests[number] = digest.digest()
        # A few rows are enough for most pictures.
        if all((some == pixels[:1, :1]).all() for some in (pixels[::32], pixels)):
            self.flat.append(number)

    def fingerprint(self, count: int) -> str | None:
        """The same for the same video of `count` frames; None where nothing can be seen."""
        # Of the first, the middle and the last frame: films begin alike.
        numbers = dict.fromkeys([0, count // 2, count - 1])
        found = [self.digests[number] for number in numbers if number in self.digests]
        if len(found) < len(numbers) or set(numbers) <= set(self.flat):
            return None
        return f'{count}-' + b''.join(found).hex()
