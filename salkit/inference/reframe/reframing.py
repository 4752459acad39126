"""From the maps of a stimulus to the way of a window through it, and what that keeps."""

from __future__ import annotations

import csv
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ...errors import ConfigError
from ...media.images import resize_image
from ...media.video.writer import MOST_SIDE
from ...utils.files import whole_file
from ...utils.reframe_options import ReframeOptions, parse_aspect
from ...utils.tabular import Record, Tabular
from ..outputs import OnFrame
from ..overlay_video import write_pictures
from ..stimulus import Stimulus
from ..stored_maps import StoredMaps
from .camera_path import window_places
from .shots import ShotDetector
from .window import CropWindow, between_places, kept_shares

# What is left of the brightness around the window in a preview.
_DIMMED = 0.3
# Gives the maps (h, w) of frames, and each frame itself to the function that it is called with.
OpenMaps = Callable[[Callable[[np.ndarray], object]], Iterable[np.ndarray]]


class ShownFrames(Protocol):
    """Frames of a stimulus, such as `SaliencyMaps` has.

    Attributes:
        stimulus: that they are of.
        frames: their numbers in it, from 0.
        times: (T,) seconds from the stimulus' first.
        fps: frames per second.
    """

    @property
    def stimulus(self) -> Stimulus:
        """See above."""

    @property
    def frames(self) -> Sequence[int]:
        """See above."""

    @property
    def times(self) -> np.ndarray:
        """See above."""

    @property
    def fps(self) -> float:
        """See above."""


@dataclass(frozen=True)
class KeptAttention:
    """Shares of the attention inside of windows, the means over a time.

    Attributes:
        start_s: seconds from the stimulus' first frame.
        end_s: when the last frame has been shown.
        kept: by the window on its way.
        center: by the same window in the middle of the frame.
        best_fixed: by the one that stands where most of this time's attention is.
        best_jumping: by one that jumps to where most is in every frame: no window keeps more.
    """

    start_s: float
    end_s: float
    kept: float
    center: float
    best_fixed: float
    best_jumping: float


class Reframing(Tabular):
    """The way of a window through a stimulus; its rows are the shots.

    Args:
        shown: the frames.
        window: that is cut out.
        kept: (T, P) shares of the attention, for the report; see `kept_shares`.
        wanted: (T, P) likewise, for the way: what there is to be kept.
        starts: places in `shown` of the frames that shots begin with, the first is 0.
        options: how the window may move.

    Attributes:
        stimulus: that it is cut out of.
        times: (T,) seconds from the stimulus' first frame.
        fps: frames per second.
        window: its size.
        path: (T, 4) int64: x and y of the window's upper left pixel, its width and height, for
            each frame.
        shots: what each shot keeps.
        total: what all of them keep; `best_fixed` is one place for all.
    """

    def __init__(
        self,
        shown: ShownFrames,
        window: CropWindow,
        kept: np.ndarray,
        wanted: np.ndarray,
        starts: Sequence[int],
        options: ReframeOptions,
    ) -> None:
        self.stimulus, self.times, self.fps = shown.stimulus, shown.times, shown.fps
        self.window, self.options = window, options
        self._frames = shown.frames
        seconds = np.diff(self.times, append=self.times[-1] + 1 / self.fps)
        grid = window.grid()
        places = np.empty(len(self.times), np.int64)
        parts = [slice(a, b) for a, b in zip(starts, [*starts[1:], len(places)], strict=True)]
        for part in parts:
            way = window_places(wanted[part], self.times[part], seconds[part], window, options)
            places[part] = np.rint(way)
        size = np.broadcast_to(window.size[::-1], (len(places), 2))
        self.path = np.hstack([window.corners(places), size])

        def summary(part: slice) -> KeptAttention:
            shares, weights = kept[part], seconds[part] / seconds[part].sum()
            at = places[part] / (window.free or 1) * (len(grid) - 1)
            middle = np.full(len(shares), (len(grid) - 1) / 2)
            return KeptAttention(
                float(self.times[part][0]),
                float(self.times[part][-1] + seconds[part][-1]),
                float(between_places(shares, at) @ weights),
                float(between_places(shares, middle) @ weights),
                float((weights @ shares).max()),
                float(shares.max(1) @ weights),
            )

        self.shots = [summary(part) for part in parts]
        self.total = summary(slice(None))

    def __len__(self) -> int:
        return len(self.path)

    @property
    def headline(self) -> str:
        """What it is, in a line."""
        rows, columns = self.window.size
        return (
            f'{self.stimulus.name!r}: {len(self)} frames of {columns} x {rows} pixels, '
            f'{len(self.shots)} shots, {self.total.kept:.0%} of the attention kept, by the middle '
            f'{self.total.center:.0%}'
        )

    def records(self) -> list[Record]:
        """A row for each shot: its number from 1, and the fields of `KeptAttention`."""
        return [dict(shot=number, **asdict(shot)) for number, shot in enumerate(self.shots, 1)]

    # Writing -----------------------------------------------------------------------------------

    def save(
        self, path: str | Path, height: int | None = None, on_frame: OnFrame | None = None
    ) -> Path:
        """Write the window's pictures as a video with the frames' times and sound, or as a PNG.

        Args:
            path: .mp4; or .png where there is one frame.
            height: rows to enlarge or shrink to, even; None keeps the pixels as they are.
            on_frame: called with 1 after each frame; an error that it raises ends the work.

        Raises:
            ConfigError: no such height.
            DataError: frames that cannot be read any more, or a video that cannot be written.
        """
        check_height(height)
        size = self.window.size
        if height is not None:
            size = height, max(2, round(height * self.window.aspect / 2) * 2)

        def cut(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
            x, y, columns, rows = box
            return resize_image(frame[y : y + rows, x : x + columns], size)

        return write_pictures(self._pictures(cut), size, self, self.stimulus, Path(path), on_frame)

    def save_preview(self, path: str | Path, on_frame: OnFrame | None = None) -> Path:
        """Write the whole frames, darker outside of the window; see `save`."""

        def dim(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
            x, y, columns, rows = box
            drawn = (frame * np.float32(_DIMMED)).astype(np.uint8)
            inside = slice(y, y + rows), slice(x, x + columns)
            drawn[inside] = frame[inside]
            return drawn

        size = self.window.frame_size
        return write_pictures(self._pictures(dim), size, self, self.stimulus, Path(path), on_frame)

    def _pictures(
        self, make: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> Generator[np.ndarray, None, None]:
        frames = self.stimulus.frames(self._frames)
        for frame, box in zip(frames, self.path, strict=True):
            yield make(frame, box)

    def save_path(self, path: str | Path) -> Path:
        """Write the way as CSV, time_s, x, y, width and height, a line a frame."""
        with whole_file(path) as temporary, temporary.open('w', newline='', encoding='utf-8') as f:
            table = csv.writer(f)
            table.writerow(['time_s', 'x', 'y', 'width', 'height'])
            for time, box in zip(self.times, self.path.tolist(), strict=True):
                table.writerow([f'{time:.6f}', *box])
        return Path(path)


def check_height(height: int | None) -> None:
    """Raise ConfigError for a number of rows that a video cannot have."""
    if height is not None and (height % 2 or not 2 <= height <= MOST_SIDE):
        raise ConfigError(f'height must be an even number from 2 to {MOST_SIDE}, got {height}')


def reframe(
    shown: ShownFrames,
    open_maps: OpenMaps,
    aspect: str,
    options: ReframeOptions | None = None,
    on_frame: OnFrame | None = None,
) -> Reframing:
    """Find the way of a window; of the maps, only what is kept where stays in memory.

    Args:
        shown: the frames.
        open_maps: gives a map for each.
        aspect: WIDTH:HEIGHT of the window as shown.
        options: how it may move.
        on_frame: called with 1 after each frame.

    Raises:
        ConfigError: no such aspect.
        DataError: a window of hardly any pixels, or frames that cannot be read any more.
    """
    stimulus = shown.stimulus
    window = CropWindow.largest(parse_aspect(aspect), stimulus.size, stimulus.pixel_aspect)
    detector = ShotDetector(shown.fps)

    options = options or ReframeOptions()

    def counted(maps: Iterable[np.ndarray]) -> Generator[np.ndarray, None, None]:
        for saliency_map in maps:
            yield saliency_map
            if on_frame:
                on_frame(1)

    with closing(counted(open_maps(detector.add))) as maps:
        kept, wanted = kept_shares(maps, len(shown.times), window, options.emphasis)
    return Reframing(shown, window, kept, wanted, detector.starts(), options)


def reframe_by_stored(
    maps: StoredMaps,
    aspect: str,
    options: ReframeOptions | None = None,
    on_frame: OnFrame | None = None,
) -> Reframing:
    """Find the way of a window by maps that are there, whoever predicted them; see `reframe`."""

    def open_maps(watch: Callable[[np.ndarray], object]) -> Iterator[np.ndarray]:
        frames = maps.stimulus.frames(range(len(maps)))
        for frame, saliency_map in zip(frames, maps, strict=True):
            watch(frame)
            yield saliency_map

    return reframe(maps, open_maps, aspect, options, on_frame)
