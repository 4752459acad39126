"""Writes the densities of whole data sets, on all cores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ...errors import DataError
from ...media.maps import MAP_FORMATS, write_map_file
from ...utils.parallel import check_stopped, check_workers, run_tasks
from ...utils.text import check_choice
from .density import density_of_counts
from .folder import MapFolder
from .sources import FixationVideo

# Frames that one process works on at a time.
PIECE = 200


@dataclass(frozen=True)
class Target:
    """Where the maps of a video go.

    Attributes:
        video: what they are made from.
        densities: folder of the density maps.
        fixations: folder of the fixation maps, None where these exist already.
    """

    video: FixationVideo
    densities: MapFolder
    fixations: MapFolder | None

    @property
    def folders(self) -> list[MapFolder]:
        """Both, the density maps last: where these are, all is done."""
        return [folder for folder in (self.fixations, self.densities) if folder is not None]


@dataclass(frozen=True)
class Piece:
    """Some frames of the video of `job.targets[target]`; `number` is its own."""

    number: int
    target: int
    start: int
    stop: int


@dataclass
class Job:
    """What all pieces share."""

    targets: list[Target]
    density: dict[str, Any]
    format: str


@dataclass(frozen=True)
class Written:
    """How much was done.

    Attributes:
        videos: written now.
        frames: of these.
        finished: videos that were there already.
    """

    videos: int
    frames: int
    finished: int


def plan_target(
    video: FixationVideo, folder: Path, density: dict[str, Any], format: str = 'png'
) -> Target:
    """The target of a video whose maps go into `folder`, those of fixations beside it.

    Args:
        video: fixations.
        folder: of the density maps.
        density: arguments of `density_of_counts`.
        format: of the density maps.
    """
    suffix = 'npy' if format == 'npy' else 'png'
    settings = dict(density=density, format=format, fixations=video.digest)
    densities = MapFolder(folder, settings, [f'{stem}.{suffix}' for stem in video.stems])
    fixations = None
    if not video.is_map:
        names = [f'{stem}.png' for stem in video.stems]
        fixations = MapFolder(folder.with_name('fixation'), dict(fixations=video.digest), names)
    return Target(video, densities, fixations)


def write_densities(
    targets: Sequence[Target],
    density: dict[str, Any],
    format: str = 'png',
    workers: int | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Written:
    """Write density maps, and fixation maps where there are none, video by video.

    Videos that are complete are left as they are, and frames that an interrupted run has written
    are not made again. A folder appears when all its maps are written.

    Args:
        targets: from `plan_target`, with the same `density` and `format`.
        density: arguments of `density_of_counts`.
        format: 'png' (8 bit: the density times 255, rounded to the nearest), 'png16' or 'npy'
            (float32).
        workers: processes; one a core by default.
        overwrite: whether maps that are there may be replaced.
        progress: whether to show a bar.

    Raises:
        ConfigError: an unknown format, or workers less than 1.
        DataError: maps that are there already, or fixations that cannot be read. Of the former,
            nothing has been written.
    """
    check_choice('', 'format', format, MAP_FORMATS)
    workers = check_workers(workers)
    todo = [target for target in targets if not all(f.is_complete for f in target.folders)]
    for target in todo:
        if not target.video.stems:
            raise DataError(f'{target.video.name}: has no frames')
        for folder in target.folders:
            if not folder.is_complete:
                folder.check(overwrite)
    pieces: list[Piece] = []
    for number, target in enumerate(todo):
        frames = len(target.video.stems)
        for start in range(0, frames, PIECE):
            pieces.append(Piece(len(pieces), number, start, min(start + PIECE, frames)))
        for folder in target.folders:
            if not folder.is_complete:
                folder.begin()
    left = Counter(piece.target for piece in pieces)
    frames = sum(piece.stop - piece.start for piece in pieces)
    with tqdm(total=frames, desc='densities', unit='frame', disable=not progress) as bar:

        def done(number: int) -> None:
            piece = pieces[number]
            left[piece.target] -= 1
            if not left[piece.target]:
                for folder in todo[piece.target].folders:
                    if not folder.is_complete:
                        folder.finish()
            bar.update(piece.stop - piece.start)

        run_tasks(_write_piece, pieces, Job(todo, density, format), workers, done)
    return Written(len(todo), frames, len(targets) - len(todo))


def _write_piece(piece: Piece, job: Job) -> int:
    """Write the frames of a piece that are not there, and give its number."""
    target = job.targets[piece.target]
    stems = target.video.stems
    densities = _missing(target.densities, piece)
    fixations = _missing(target.fixations, piece)
    indices = sorted(densities | fixations)
    for index, counts in zip(indices, target.video.read(indices), strict=True):
        check_stopped()
        if index in densities:
            density = density_of_counts(counts, **job.density)
            write_map_file(density, target.densities.partial / stems[index], job.format)
        if index in fixations:
            fixated = (counts > 0).astype(np.float32)
            write_map_file(fixated, target.fixations.partial / stems[index], 'png')
    return piece.number


def _missing(folder: MapFolder | None, piece: Piece) -> set[int]:
    if folder is None or folder.is_complete:
        return set()
    frames = range(piece.start, piece.stop)
    return {i for i in frames if not (folder.partial / folder.names[i]).exists()}
