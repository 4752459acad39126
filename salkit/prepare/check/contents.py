"""What has been found in a video's files, for the checks that look at all of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .faults import Faults
from .layout import VideoPlace
from .naming import Part
from .pairing import FramePair
from .reading import NOUNS
from .single_maps import MapFacts

# Fewest frames that show whether a video stands still.
FEWEST = 4


@dataclass
class Pictures:
    """What a video's frames look like.

    Attributes:
        digests: of their pixels, by number.
        flat: numbers of those of a single colour.
    """

    digests: dict[int, bytes] = field(default_factory=dict)
    flat: list[int] = field(default_factory=list)

    def add(self, number: int, pixels: np.ndarray) -> None:
        """Take note of frame `number`, (H, W) or (H, W, channels)."""
        pixels = np.ascontiguousarray(pixels)
        digest = hashlib.blake2b(pixels.data, digest_size=8)
        digest.update(repr(pixels.shape).encode())
        self.digests[number] = digest.digest()
        # A few rows tell most pictures apart.
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

    def check(self, path: Path, faults: Faults) -> None:
        """Find what is odd about them; `path` is of their folder or file."""
        count = len(self.digests)
        pairs = [n for n in self.digests if n + 1 in self.digests]
        same = sum(self.digests[n] == self.digests[n + 1] for n in pairs)
        if count and len(self.flat) == count:
            faults.add('flat-frames', path, f'a single colour in each of {count} frames')
        elif count >= FEWEST and same > len(pairs) / 2:
            found = f'{same} of {len(pairs)} frames are followed by the same'
            faults.add('frozen-frames', path, found)


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
        pictures: the frames.
        faults: found so far.
    """

    place: VideoPlace
    parts: dict[str, Part] = field(default_factory=dict)
    frames: list[dict[str, str]] = field(default_factory=list)
    sizes: dict[str, dict[str, tuple[int, int]]] = field(
        default_factory=lambda: {part: {} for part in NOUNS}
    )
    densities: dict[int, MapFacts] = field(default_factory=dict)
    fixations: dict[int, MapFacts] = field(default_factory=dict)
    pairs: list[FramePair] = field(default_factory=list)
    pictures: Pictures = field(default_factory=Pictures)
    faults: Faults = field(default_factory=Faults)

    @property
    def fixation_part(self) -> str:
        """The part that fixations are read from: images come first."""
        return 'fixation' if 'fixation' in self.parts else 'mats'

    def path(self, part: str, number: int) -> str:
        """Path of a frame's file."""
        return str(self.parts[part].folder / self.frames[number][part])
