"""What a video's frames look like: as large as each other, changing, not blank."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .fault import WARNING, Fault

# Fewest frames that tell whether a video stands still.
FEWEST = 4


@dataclass
class Frames:
    """What has been seen of a video's frames.

    Attributes:
        digests: of their pixels, by number.
        flat: numbers of those of a single colour.
    """

    digests: dict[int, bytes] = field(default_factory=dict)
    flat: list[int] = field(default_factory=list)

    def see(self, number: int, pixels: np.ndarray) -> None:
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
        seen = [self.digests.get(number) for number in numbers]
        if None in seen or set(numbers) <= set(self.flat):
            return None
        return f'{count}-' + b''.join(seen).hex()

    def faults(self, path: str) -> Iterator[Fault]:
        """What is odd about them; `path` is of their folder or file."""
        count = len(self.digests)
        if count and len(self.flat) == count:
            yield Fault(
                'flat-frames',
                path,
                f'a single colour in each of {count} frames',
                'pictures',
                'extract the frames again; play the video to see whether it is blank',
                WARNING,
            )
            return
        pairs = [n for n in self.digests if n + 1 in self.digests]
        same = sum(self.digests[n] == self.digests[n + 1] for n in pairs)
        if count >= FEWEST and same > len(pairs) / 2:
            yield Fault(
                'frozen-frames',
                path,
                f'{same} of {len(pairs)} frames are followed by the same',
                'a video that moves',
                'extract the frames again, at the rate of the video: salkit prepare does',
                WARNING,
            )
