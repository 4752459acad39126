"""Random draws that depend on names and a seed, never on the order or the process of the work."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable

import numpy as np


def draw_number(seed: int, *names: str) -> int:
    """A number of 64 bits that follows from the seed and the names."""
    text = '\0'.join((str(int(seed)), *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), 'big')


def frame_rng(seed: int, video: str, frame: str) -> np.random.Generator:
    """The generator that the random parts of one frame's scores are drawn from."""
    return np.random.default_rng(draw_number(seed, 'frame', video, frame))


def lowest_draws(
    frames: Iterable[tuple[str, str]], count: int, seed: int, purpose: str
) -> list[tuple[str, str]]:
    """`count` of the (video, frame) pairs, every choice of them equally likely."""
    return heapq.nsmallest(count, frames, key=lambda frame: draw_number(seed, purpose, *frame))
