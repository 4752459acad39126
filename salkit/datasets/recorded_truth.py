"""Ground truth made from recorded fixations when it is asked for; nothing of it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..functional.density import density_of
from ..functional.fixations import count_fixations
from ..media.frame_times import frames_during
from ..media.images import IMAGE_SUFFIXES, image_size
from ..media.map_stacks import MapStack, fingerprint_of, fingerprint_of_file
from ..media.video import open_video
from ..utils.density_options import DensityOptions
from .truth_video import FixationLists, TruthVideo


@dataclass(frozen=True, eq=False)
class Recording:
    """The fixations of all observers on one video or picture.

    Attributes:
        points: (n, 2) float64 y and x in pixels.
        observers: (n,) who looked there.
        where: what a message calls them.
        begins: (n,) seconds from the start of the video; None for a picture.
        durations: (n,) seconds that each lasts; None for a picture.
        spans: (n, 2) int64, the first frame that each is on and the one after the last, where the
            data set says it; else None, and the frames are those that appear meanwhile.
    """

    points: np.ndarray
    observers: np.ndarray
    where: str
    begins: np.ndarray | None = None
    durations: np.ndarray | None = None
    spans: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.points)

    def inside(self, size: tuple[int, int]) -> np.ndarray:
        """Which of them, (n,) bool, lie in a frame of `size` (H, W); a lost eye does nowhere."""
        return np.all((self.points >= 0) & (self.points < size), axis=1)

    @property
    def digest(self) -> str:
        """Changes when they do, whoever looked there."""
        content = [self.points, self.begins, self.durations, self.spans]
        parts = [b'' if each is None else each.tobytes() for each in content]
        return hashlib.sha256(b''.join(parts)).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Shown:
    """What a recording needs to know of the video or picture that was looked at.

    Attributes:
        size: (H, W).
        times: (frames,) seconds at which each frame appears; None for a picture.
        pixel_aspect: width of a pixel as shown by its height.
    """

    size: tuple[int, int]
    times: np.ndarray | None = None
    pixel_aspect: float = 1.0

    @classmethod
    def at(cls, path: Path) -> Shown:
        """That of a video file or an image.

        Raises:
            DataError: a file that cannot be read.
        """
        if path.name.lower().endswith(IMAGE_SUFFIXES):
            return cls(image_size(path))
        info = open_video(path).info
        return cls((info.height, info.width), np.asarray(info.times), info.pixel_aspect)


class RecordedLists(FixationLists):
    """Recorded fixations, frame by frame; those beside the frames are left out.

    Args:
        recording: on one video or picture.
        shown: that one.
    """

    def __init__(self, recording: Recording, shown: Shown) -> None:
        self.path = Path(recording.where)
        self._recording, self._count = recording, 1
        first, stop = np.zeros(len(recording), np.int64), np.ones(len(recording), np.int64)
        if shown.times is not None:
            self._count = len(shown.times)
            if recording.spans is not None:
                first, stop = recording.spans.T
            else:
                assert recording.begins is not None and recording.durations is not None
                first, stop = frames_during(recording.begins, recording.durations, shown.times)
        self._inside = recording.inside(shown.size)
        self._first, self._stop = first.clip(0), stop.clip(max=self._count)

    def __len__(self) -> int:
        return self._count

    def at(self, index: int, size: tuple[int, ...]) -> np.ndarray:
        """The fixations that last when a frame appears, (n, 2) int64."""
        return self.seen(index)[0]

    def seen(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The fixations on a frame, (n, 2) int64 y and x, and the observer of each, (n,)."""
        lasts = self._inside & (self._first <= index) & (index < self._stop)
        points = np.floor(self._recording.points[lasts]).astype(np.int64)
        return points, self._recording.observers[lasts]

    def note(self) -> str:
        """How many fixations are on no frame."""
        beside = int((~(self._inside & (self._first < self._stop))).sum())
        if not beside:
            return ''
        total, what = len(self._recording), 'video' if self._recording.durations is not None else ''
        return f'{beside} of {total} fixations are not on the {what or "picture"} and were left out'


class RecordedStack(MapStack):
    """The density maps of recorded fixations, made as they are read.

    Args:
        truth: whose.
    """

    def __init__(self, truth: RecordedTruth) -> None:
        super().__init__(truth.stimulus)
        self._truth = truth

    @cached_property
    def count(self) -> int:
        """As many as frames."""
        return len(self._truth.read_lists())

    @cached_property
    def names(self) -> list[str]:
        """The frame of a picture is called as its file is; those of a video are numbered."""
        return [self.path.stem] if self.named else super().names

    @property
    def named(self) -> bool:
        """Pictures have names."""
        return self._truth.shown.times is None

    def read(self, indices: Iterable[int]) -> Iterator[np.ndarray]:
        """Make them."""
        lists, shown = self._truth.read_lists(), self._truth.shown
        for index in indices:
            counts = count_fixations(lists.at(index, shown.size), shown.size)
            yield density_of(counts, self._truth.density, shown.pixel_aspect)

    def fingerprint(self) -> str:
        """Changes when the fixations, the recipe or the video do."""
        return self._truth.fingerprint()


class RecordedTruth(TruthVideo):
    """Ground truth of a video or picture whose data set publishes the fixations of all in one list.

    Args:
        name: of the video.
        stimulus: the video file, or the picture.
        recording: its fixations.
        density: how density maps are made of them.
    """

    def __init__(
        self, name: str, stimulus: Path, recording: Recording, density: DensityOptions
    ) -> None:
        super().__init__(name, None, None)
        self.stimulus, self.recording, self.density = stimulus, recording, density

    @cached_property
    def shown(self) -> Shown:
        """The video or picture."""
        return Shown.at(self.stimulus)

    @cached_property
    def density_stack(self) -> MapStack:
        """Made as they are read."""
        return RecordedStack(self)

    @property
    def is_list(self) -> bool:
        """Fixations are lists of points."""
        return True

    def fingerprint(self) -> str:
        """Changes when the fixations, the recipe or the video do."""
        of_file = fingerprint_of_file(self.stimulus)
        return fingerprint_of([self.recording.digest, self.density.to_json(), of_file])

    def read_lists(self) -> RecordedLists:
        """The fixations of each frame."""
        return RecordedLists(self.recording, self.shown)

    def read_points(self, indices: Sequence[int]) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
        """Fixations (n, 2) and size (H, W) of frames; no density is made for them."""
        lists = self.read_lists()
        for index in indices:
            yield lists.at(index, self.shown.size), self.shown.size
