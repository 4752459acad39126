"""What information gain is counted from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from ..datasets.layout import VideoRecord
from ..errors import ConfigError, DataError
from ..media.map_stacks import FolderStack, MapStack
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

    def open(self, videos: Sequence[VideoRecord] = ()) -> GainBaseline:
        """What gives each frame its density.

        Args:
            videos: those of the set; only for the mean of the others.

        Raises:
            DataError: a file that holds no density, or fewer than 2 videos for the mean.
        """
        if self.kind == 'mean':
            return OtherVideosDensity(videos)
        if self.path is None:
            return FixedDensity()
        if self.kind == 'folder':
            return FolderDensity(self.path)
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


class FolderDensity(GainBaseline):
    """A map a frame, `<root>/<video>/<frame>.<suffix>`, as `salkit baseline` writes them.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._last: tuple[str, FolderStack, dict[str, int]] | None = None

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """Read the map of a frame.

        Raises:
            DataError: it is not there, or no density.
        """
        if self._last is None or self._last[0] != video:
            if not (self._root / video).is_dir():
                raise DataError(f'{self._root}: the baseline has no maps of video {video}')
            stack = FolderStack(self._root / video)
            self._last = video, stack, {name: place for place, name in enumerate(stack.names)}
        _, stack, places = self._last
        if frame not in places:
            raise DataError(f'{stack.path}: the baseline has no map of frame {frame}')
        place = places[frame]
        return density_at(next(stack.read([place])), size, stack.where(place))


class StackDensity(GainBaseline):
    """The maps of a video, for frames that are asked for one after another.

    Args:
        stack: the maps.
        places: ascending, of the map of each frame.
    """

    def __init__(self, stack: MapStack, places: Sequence[int]) -> None:
        self._stack = stack
        self._maps = zip(places, stack.read(places), strict=True)

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """Read the next map."""
        place, density = next(self._maps)
        return density_at(density, size, self._stack.where(place))
