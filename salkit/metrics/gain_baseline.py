"""What information gain is counted from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from ..datasets.layout import VideoRecord
from ..datasets.matching import Frames, match_frames, match_videos
from ..datasets.predictions import find_predictions
from ..errors import ConfigError, DataError
from ..media.map_stacks import MapStack
from ..media.maps import checked_density, read_density_map
from ..utils.files import name_and_digest
from .baseline_densities import (
    CENTER_SIGMA,
    LeaveOneOutMeans,
    Size,
    center_map,
    resize_density,
)
from .protocol import Protocol
from .published_protocols import get_protocol


@dataclass(frozen=True)
class BaselineSource:
    """Where a baseline comes from, as a user says it.

    Attributes:
        kind: 'center', the Gaussian of `center_map`; 'mean', the mean density of the other videos
            of the set; 'file', one density map for all frames; 'folder', a map for each.
        path: of the file or folder.
    """

    kind: Literal['center', 'mean', 'file', 'folder']
    path: Path | None = None

    @classmethod
    def of(cls, source: str | Path) -> BaselineSource:
        """What 'center', 'mean' or a path stands for.

        Raises:
            ConfigError: neither of them.
        """
        if source == 'center':
            return cls('center')
        if source == 'mean':
            return cls('mean')
        path = Path(source).expanduser()
        if not path.exists():
            raise ConfigError(
                'baseline: expected center, mean, a density map or a folder of maps, got '
                f'{str(source)!r}, which does not exist'
            )
        return cls('folder' if path.is_dir() else 'file', path)

    @cached_property
    def _words(self) -> str:
        if self.kind == 'center':
            return f'center: a Gaussian, sigma {CENTER_SIGMA} of height and width'
        if self.kind == 'mean':
            return 'mean: the mean density of the other videos'
        what = 'density map' if self.kind == 'file' else 'maps of'
        return f'the {what} {name_and_digest(self.path or "")}'

    def __str__(self) -> str:
        """In words, for a report: other ones for other densities, the same for those of a copy."""
        return self._words

    def fingerprint(self) -> str:
        """Changes with the densities, as far as they are not those of a set or a folder."""
        return self.kind if self.kind == 'folder' else str(self)

    @property
    def needs_videos(self) -> bool:
        """Whether the videos of the set tell which density is that of a frame."""
        return self.kind in ('mean', 'folder')

    def open(self, videos: Sequence[VideoRecord] = ()) -> GainBaseline:
        """What gives each frame its density.

        Args:
            videos: those of the set, where it `needs_videos`.

        Raises:
            DataError: a file that holds no density, a folder without maps of the videos, or fewer
                than 2 videos for the mean.
        """
        if self.kind == 'mean':
            return OtherVideosDensity(videos)
        if self.path is None:
            return FixedDensity()
        if self.kind == 'folder':
            return FolderDensity(self.path, videos)
        density = read_density_map(self.path)
        return FixedDensity(density_at(density, density.shape, self.path))


def gains_of(protocol: Protocol, metrics: Iterable[str]) -> list[str]:
    """Those of a protocol's metrics that are counted from a baseline."""
    return [metric for metric in metrics if 'baseline' in protocol.needs(metric)]


def check_gain(metrics: Mapping[str, Sequence[str]]) -> None:
    """Raise ConfigError where a baseline is given, and nothing is counted from it.

    Args:
        metrics: that are computed, by name of the protocol.
    """
    if not any(gains_of(get_protocol(name), chosen) for name, chosen in metrics.items()):
        computed = '; '.join(f'{name}: {", ".join(chosen)}' for name, chosen in metrics.items())
        raise ConfigError(
            'a baseline is what information gain is counted from, which is not among the metrics '
            f'({computed})'
        )


def density_at(density: np.ndarray, size: tuple[int, ...], where: object) -> np.ndarray:
    """A baseline at the size of a frame, (*size) float64 that sums to 1.

    Args:
        density: (h, w) of any unit.
        size: rows and columns.
        where: what a message calls it.

    Raises:
        DataError: values that are negative or not finite, or all 0.
    """
    if not checked_density(density, str(where)).any():
        raise DataError(f'{where}: expected a density to count information gain from, got zeros')
    return resize_density(density.astype(np.float64), (size[0], size[1]))


class GainBaseline(ABC):
    """Gives each frame the density that information gain is counted from."""

    @abstractmethod
    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """The density of a frame.

        Args:
            video: its name.
            frame: its name.
            size: rows and columns of the frame.

        Returns:
            (*size) float64, not to be changed.
        """


class FixedDensity(GainBaseline):
    """The same density for all frames.

    Args:
        density: (h, w) float64; None for a Gaussian in the middle.
    """

    def __init__(self, density: np.ndarray | None = None) -> None:
        self._density = density
        self._last: tuple[Size, np.ndarray] | None = None

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """All frames of a size get the same one."""
        if self._last is None or self._last[0] != size:
            given = self._density
            made = center_map(size) if given is None else resize_density(given, size)
            self._last = size, made
        return self._last[1]


class OtherVideosDensity(GainBaseline):
    """The mean density of the other videos of a set, which is read with the first frame.

    Args:
        videos: the set, at least 2.

    Raises:
        DataError: fewer than 2 videos.
    """

    def __init__(self, videos: Sequence[VideoRecord]) -> None:
        self._means = LeaveOneOutMeans(videos)
        self._videos = {video.name: video for video in videos}
        self._last: tuple[str, FixedDensity] | None = None

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """All frames of a video get the same one."""
        if self._last is None or self._last[0] != video:
            self._last = video, FixedDensity(self._means.without(self._videos[video]))
        return self._last[1].for_frame(video, frame, size)


class BaselineFolder:
    """Maps in a folder, matched by name as predictions are.

    Args:
        root: the folder.
        videos: names of those of the set.

    Raises:
        DataError: no maps, or of none of the videos.
    """

    def __init__(self, root: Path, videos: Sequence[str]) -> None:
        self.root = root
        self._stacks = find_predictions(root)
        self._matches = match_videos(self._stacks, videos)

    def of_video(self, video: str, frames: Frames) -> tuple[MapStack, dict[str, int]]:
        """The maps of a video, and the place of that of each frame that has one, by its name.

        Raises:
            DataError: there are none of this video.
        """
        stack = self._stacks.get(self._matches.get(video, ''))
        if stack is None or not len(stack):
            raise DataError(f'{self.root}: the baseline has no maps of video {video}')
        names, match = frames.names, match_frames(stack, frames)
        return stack, {names[at]: place for place, at in match.pairs}


class FolderDensity(GainBaseline):
    """A map a frame, of all videos of a set.

    Args:
        root: the folder that they are in.
        videos: the set.

    Raises:
        DataError: no maps, or of none of the videos; or there are no videos.
    """

    def __init__(self, root: Path, videos: Sequence[VideoRecord]) -> None:
        if not videos:
            raise DataError(f'{root}: maps go by the names of videos, and the data set lists none')
        self._folder = BaselineFolder(root, [video.name for video in videos])
        self._frames = {video.name: video.frames for video in videos}
        self._last: tuple[str, StackDensity] | None = None

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """Read the map of a frame.

        Raises:
            DataError: it is not there, or no density.
        """
        if self._last is None or self._last[0] != video:
            frames = _Named(self._frames[video].stems())
            self._last = video, StackDensity(*self._folder.of_video(video, frames))
        return self._last[1].for_frame(video, frame, size)


class _Named(list[str]):
    """Names of frames, which have files."""

    named = True

    @property
    def names(self) -> list[str]:
        return self


class StackDensity(GainBaseline):
    """The maps of a video; frames that are asked for in order are read fastest.

    Args:
        stack: the maps.
        places: of the map of each frame, by its name.
    """

    def __init__(self, stack: MapStack, places: Mapping[str, int]) -> None:
        self._stack, self._places = stack, places
        self._at = -1
        self._maps: Iterator[np.ndarray] | None = None

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """Read the map of a frame.

        Raises:
            DataError: it is not there, or no density.
        """
        if frame not in self._places:
            raise DataError(f'{self._stack.path}: the baseline has no map of frame {frame}')
        before, self._at = self._at, self._places[frame]
        if self._maps is None or self._at <= before:
            self._maps = self._stack.read(self._asked_for())
        return density_at(next(self._maps), size, self._stack.where(self._at))

    def _asked_for(self) -> Iterator[int]:
        while True:
            yield self._at
