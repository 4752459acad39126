"""What has been seen of a video's files."""

from __future__ import annotations

from dataclasses import dataclass, field

from .fault import Faults
from .maps import MapFacts
from .naming import Frame, Part
from .pairing import FramePair
from .pictures import Frames

NOUNS = {
    'images': 'frame',
    'maps': 'density map',
    'fixation': 'fixation map',
    'mats': 'fixation .mat file',
}


@dataclass
class Seen:
    """What has been seen of a video's files.

    Attributes:
        parts: its folders that hold files, by the keys of `NOUNS`.
        frames: its files, frame by frame.
        sizes: (rows, columns) by path, of each part.
        densities: what density maps are like, by number of the frame.
        fixations: what fixation maps are like.
        pairs: maps that can be compared.
        pictures: the frames.
        faults: found so far.
    """

    parts: dict[str, Part] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    sizes: dict[str, dict[str, tuple[int, int]]] = field(
        default_factory=lambda: {part: {} for part in NOUNS}
    )
    densities: dict[int, MapFacts] = field(default_factory=dict)
    fixations: dict[int, MapFacts] = field(default_factory=dict)
    pairs: list[FramePair] = field(default_factory=list)
    pictures: Frames = field(default_factory=Frames)
    faults: Faults = field(default_factory=Faults)

    def path(self, part: str, name: str) -> str:
        """Path of a file."""
        return str(self.parts[part].folder / name)
