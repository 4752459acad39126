"""Sets of pictures that come with one list of all fixations. A picture is a video of one frame."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...media.images import IMAGE_SUFFIXES, image_size
from ...media.mat_cells import described, read_mat_cells
from ..file_list import list_files
from ..recorded_truth import Recording
from .base import PublishedDataset
from .raw_layout import NO_SPLIT, PublishedVideo
from .recorded_video import RecordedVideo
from .split_by_name import split_by_name

PICTURES = Path('data', 'stimuli')
NO_PICTURE, NO_FIXATIONS, NONE_INSIDE = 'no picture', 'no fixations', 'no fixation on the picture'
# The Gaussian's standard deviation as a share of the width of a picture.
SIGMA_WIDTH = 0.03


@dataclass(frozen=True)
class PictureDataset(PublishedDataset):
    """A set of pictures as `data/stimuli/<stem>.jpg`, and a file of the fixations on all of them.

    The split is that of salkit: the authors give none. A picture is called `<name>-<stem>` once it
    is prepared, as several sets count theirs from 001.

    Attributes:
        stems: of all pictures that were published.
        fixations_file: below the root.
        twins: stems of pictures that show what another one shows, by the stem of that one: both are
            in one split.
    """

    stems: Sequence[str] = ()
    fixations_file: str = 'data/eye/fixations.mat'
    twins: Mapping[str, str] = field(default_factory=dict)

    def read_fixations(self, path: Path) -> dict[str, list[np.ndarray]]:
        """Read the file of the fixations, `read_subjects` by default.

        Returns:
            By the stem of the picture, (n, 2) y and x for every observer.

        Raises:
            DataError: another file.
        """
        return read_subjects(path)

    @cached_property
    def splits(self) -> dict[str, str]:
        """The split of every picture that was published, by its stem."""
        return split_by_name(self.name, self.stems, self.twins)

    def is_at(self, root: Path) -> bool:
        """Whether there are the file of fixations, and pictures of the right names."""
        if not (root / self.fixations_file).is_file() or not (root / PICTURES).is_dir():
            return False
        found = list_files(root / PICTURES, IMAGE_SUFFIXES).stems()[:5]
        return bool(found) and all(stem in self.stems for stem in found)

    def find_videos(self, root: Path) -> list[PublishedVideo]:
        """Every picture of the set that is there, in the file of fixations or in the folder.

        Raises:
            DataError: a file of fixations of another layout.
        """
        path, folder = root / self.fixations_file, root / PICTURES
        if not folder.is_dir():
            return []
        listed = list_files(folder, IMAGE_SUFFIXES)
        files = {stem: Path(file) for stem, file in zip(listed.stems(), listed, strict=True)}
        if files and not any(stem in self.stems for stem in files):
            return []
        # What is there and is no file is refused by the reader.
        fixations = self.read_fixations(path) if os.path.lexists(path) else {}
        return [
            self._video(stem, files.get(stem), path, fixations.get(stem))
            for stem in sorted({*files, *fixations})
        ]

    def _video(
        self, stem: str, file: Path | None, fixations: Path, points: list[np.ndarray] | None
    ) -> RecordedVideo:
        recording, problem = None, '' if file else NO_PICTURE
        if points is not None:
            numbers = [np.full(len(each), index + 1) for index, each in enumerate(points)]
            where = f'{fixations}, {stem}'
            joined = np.concatenate([np.zeros((0, 2)), *points])
            recording = Recording(joined, np.concatenate([np.zeros(0, np.int64), *numbers]), where)
        if recording is not None and file and not recording.inside(image_size(file)).any():
            problem = NONE_INSIDE if len(recording) else NO_FIXATIONS
        if problem:
            recording = None
        return RecordedVideo(
            f'{self.name}-{stem}',
            self.splits.get(stem, NO_SPLIT),
            fixations.parent,
            file,
            fixations=None if recording is None else fixations,
            problem=problem,
            recording=recording,
            recipe=self.recipes[self.name],
        )


def points_of(y: object, x: object, where: str) -> np.ndarray:
    """The points (n, 2) float64 of an observer, from two lists of numbers.

    Raises:
        DataError: these are not lists of numbers of one length.
    """
    down, across = _numbers(y, where), _numbers(x, where)
    if len(down) != len(across):
        raise DataError(f'{where}: has {len(across)} x and {len(down)} y of fixations')
    return np.stack([down, across], 1)


def _numbers(values: object, where: str) -> np.ndarray:
    if not isinstance(values, np.ndarray) or values.dtype == object:
        raise DataError(
            f'{where}: expected matrices of numbers with the places of fixations, got '
            f'{described(values)}'
        )
    return values.ravel().astype(np.float64)


def read_subjects(path: Path) -> dict[str, list[np.ndarray]]:
    """Read `fixations{i}.img` and `fixations{i}.subjects{s}.fix_x`, `.fix_y`, as OSIE has them.

    Returns:
        By the stem of the picture, (n, 2) y and x for every observer.

    Raises:
        DataError: a file of another layout.
    """
    expected = 'fixations{i}.img and fixations{i}.subjects{s}.fix_x, .fix_y'
    found: dict[str, list[np.ndarray]] = {}
    for index, picture in enumerate(read_mat_cells(path, 'fixations').ravel()):
        where = f'{path}, fixations{{{index + 1}}}'
        if not isinstance(picture, dict) or not {'img', 'subjects'} <= picture.keys():
            raise DataError(f'{where}: expected {expected}, got {described(picture)}')
        name, subjects = picture['img'], picture['subjects']
        subjects = [subjects] if isinstance(subjects, dict) else np.ravel(subjects)
        if not isinstance(name, str) or not name:
            raise DataError(f'{where}: img must be the name of a picture, got {described(name)}')
        stem = Path(name).stem
        if stem in found:
            raise DataError(f'{where}: has the picture {name} a second time')
        found[stem] = []
        for number, subject in enumerate(subjects):
            place = f'{where}, subjects{{{number + 1}}}'
            if not isinstance(subject, dict) or not {'fix_x', 'fix_y'} <= subject.keys():
                raise DataError(f'{place}: expected {expected}, got {described(subject)}')
            found[stem].append(points_of(subject['fix_y'], subject['fix_x'], place))
    return found
