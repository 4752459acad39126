"""Fixations of one video after another, whatever they are stored as."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...datasets.truth_video import TruthVideo
from ...functional.fixations import count_fixations
from ...media.maps import read_fixation_map


@dataclass(frozen=True)
class FixationVideo:
    """Fixations on every frame of a video.

    Attributes:
        name: of the video, a path below the data set's root such as `val/0601`.
        stems: what the files of each frame are called, without their endings.
        digest: changes when the fixations do.
        is_map: whether fixations are stored as maps, so that none need be written.
        read: gives how many fixations are on each pixel, (H, W), frame by frame; raises DataError
            for a file that cannot be read, or a fixation outside of the frame.
    """

    name: str
    stems: Sequence[str]
    digest: str
    is_map: bool
    read: Callable[[], Iterator[np.ndarray]]


def stored_fixations(
    name: str, truth: TruthVideo, size: tuple[int, int] | None = None
) -> FixationVideo:
    """The fixations of a data set: maps, in which each pixel counts once, or lists with repeats.

    Args:
        name: of the video.
        truth: where they are stored; it has no density maps.
        size: (H, W) of the frames, for lists; None for maps, which have it.
    """
    digest = truth.fingerprint()
    lists = truth.point_lists()
    if lists is None or size is None:
        files = [truth.frames.where(index) for index in range(len(truth.frames))]
        return FixationVideo(name, truth.frames.names, digest, True, partial(_read_maps, files))
    # They are read again by the process that needs them: all of a data set would fill the memory.
    stems = _numbered(len(lists))
    return FixationVideo(name, stems, digest, False, partial(_read_lists, truth, size))


def given_fixations(name: str, size: tuple[int, int], points: list[np.ndarray]) -> FixationVideo:
    """Points (n, 2) y and x of each frame (H, W), each of which counts as often as it is given."""
    digest = hashlib.sha256(repr((size, len(points))).encode())
    for each in points:
        digest.update(len(each).to_bytes(8, 'little') + np.ascontiguousarray(each).tobytes())
    read = partial(_read_points, points, size)
    return FixationVideo(name, _numbered(len(points)), digest.hexdigest(), False, read)


def _numbered(count: int) -> list[str]:
    return [f'{number:04d}' for number in range(1, count + 1)]


def _read_maps(files: list[str]) -> Iterator[np.ndarray]:
    return map(read_fixation_map, files)


def _read_lists(truth: TruthVideo, size: tuple[int, int]) -> Iterator[np.ndarray]:
    if (lists := truth.point_lists()) is not None:
        for index in range(len(lists)):
            yield count_fixations(lists.at(index, size), size)


def _read_points(points: list[np.ndarray], size: tuple[int, int]) -> Iterator[np.ndarray]:
    return (count_fixations(each, size) for each in points)
