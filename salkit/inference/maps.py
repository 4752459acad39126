"""The maps of one stimulus, predicted when they are looked at."""

from __future__ import annotations

import bisect
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, DataError
from ..media.clips import ClipSettings
from ..utils.threads import in_background
from .sliding_window import sliding_windows
from .stimulus import Stimulus

if TYPE_CHECKING:
    from .backends import Backend
    from .overlay import OverlayStyle

OnFrame = Callable[[int], Any]
# Ground truth of a frame, by its number in the stimulus: fixation_map and density_map or None.
Truth = Callable[[int], tuple[np.ndarray | None, np.ndarray | None]]
# Frames, and maps, that may wait for the model, and for what is done with them.
_AHEAD_FRAMES = 16
_AHEAD_MAPS = 8
# Thumbnails that a notebook shows.
_SHOWN = 4


def predict_windows(
    backend: Backend,
    windows: Iterable[tuple[int, list[Any]]],
    batch_size: int,
) -> Generator[tuple[int, np.ndarray], None, None]:
    """Predict windows in batches.

    Args:
        backend: runs the model.
        windows: of `sliding_windows`, frames prepared.
        batch_size: windows at once; halved for good where a GPU's memory does not hold them.

    Yields:
        The frame's number and its map (h, w) float32 as the model gives it.
    """
    waiting: list[tuple[int, list[Any]]] = []

    def predict() -> Iterator[tuple[int, np.ndarray]]:
        nonlocal batch_size
        while waiting:
            batch = waiting[:batch_size]
            try:
                maps = backend.predict([window for _, window in batch])
            except RuntimeError as error:
                # torch.OutOfMemoryError, which is not imported for models that do without torch.
                if type(error).__name__ != 'OutOfMemoryError' or len(batch) == 1:
                    raise
                batch_size = len(batch) // 2
                continue
            del waiting[: len(batch)]
            for (position, _), saliency_map in zip(batch, maps, strict=True):
                yield position, saliency_map

    for window in windows:
        waiting.append(window)
        if len(waiting) >= batch_size:
            yield from predict()
    yield from predict()


def interpolate(
    maps: Iterable[tuple[int, np.ndarray]], positions: Iterable[int]
) -> Generator[np.ndarray, None, None]:
    """Maps at `positions` from maps of some of them and around them.

    Args:
        maps: position and map (h, w), ascending.
        positions: ascending, none before the first or after the last map's.

    Yields:
        (h, w) float32: the map of the position, or between its two neighbours, in proportion.
    """
    maps = iter(maps)
    low = high = next(maps, None)
    for position in positions:
        while high is not None and high[0] < position:
            low, high = high, next(maps, None)
        if low is None or high is None:
            return
        if high[0] == position or high[0] == low[0]:
            yield high[1]
        else:
            share = np.float32((position - low[0]) / (high[0] - low[0]))
            yield low[1] * (1 - share) + high[1] * share


class SaliencyMaps(Sequence):
    """Saliency maps of a stimulus: a sequence of (H, W) float32 in [0, 1] at its frames' size.

    Nothing is computed before it is asked for, and nothing is kept: an iteration needs the same
    memory whatever the length of the video, an index the frames of one clip. `np.asarray(maps)`
    holds them all. The values are those that `salkit test --dump` writes.

    Args:
        backend: runs the model.
        stimulus: where the frames come from.
        batch_size: windows predicted at once.
        timeline: numbers of the stimulus' frames that the model is shown, ascending.
        places: which of the timeline have a map here; None for all that the head policy predicts.
        stride: only every `stride`-th of the timeline and the last is predicted, maps between are
            interpolated.

    Attributes:
        stimulus: the `Stimulus`.
        settings: the model's `ClipSettings`.
        frames: numbers (from 0) of the stimulus' frames that have a map.
        names: of these frames.
        times: of these frames, seconds from the stimulus' first.
        fps: frames per second of these.
    """

    def __init__(
        self,
        backend: Backend,
        stimulus: Stimulus,
        batch_size: int,
        timeline: Sequence[int] | None = None,
        places: range | None = None,
        stride: int = 1,
    ) -> None:
        if stride < 1:
            raise ConfigError(f'stride must be at least 1, got {stride}')
        self.backend = backend
        self.stimulus = stimulus
        self.settings: ClipSettings = backend.settings
        self.batch_size = batch_size
        self._timeline = range(len(stimulus)) if timeline is None else timeline
        self._predicted = self.settings.predicted(len(self._timeline))
        self._places = self._predicted if places is None else places
        self.stride = stride
        numbers = [self._timeline[place] for place in self._places]
        self.frames = range(numbers[0], numbers[-1] + 1) if self._runs_on(numbers) else numbers
        self.names = [stimulus.names[number] for number in numbers]
        self.times = np.asarray(stimulus.times)[numbers]
        gaps = len(self.times) - 1
        span = float(self.times[-1] - self.times[0]) if gaps > 0 else 0.0
        whole = len(self._timeline) == len(stimulus)
        self.fps = stimulus.fps if whole or not span else gaps / span

    @staticmethod
    def _runs_on(numbers: list[int]) -> bool:
        return numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    # What it is --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._places)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, H, W)."""
        return (len(self), *self.stimulus.size)

    @property
    def dtype(self) -> np.dtype:
        """float32."""
        return np.dtype(np.float32)

    def __repr__(self) -> str:
        frames, rows, columns = self.shape
        return (
            f'SaliencyMaps({self.stimulus.name!r}: {frames} maps of {rows} x {columns} pixels by '
            f'{self.settings.name or "a model"})'
        )

    # Reading -----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[np.ndarray]:
        return self._finished(self._places)

    def __getitem__(self, index: int | slice) -> np.ndarray:
        """The map (H, W) of one index, or (n, H, W) of a slice."""
        if isinstance(index, slice):
            places = self._places[index]
            backwards = places.step < 0
            maps = list(self._finished(places[::-1] if backwards else places))
            shape = (0, *self.stimulus.size)
            return np.stack(maps[::-1] if backwards else maps) if maps else np.empty(shape, 'f4')
        place = self._places[index]
        return next(iter(self._finished(range(place, place + 1))))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError('maps are predicted anew: there is nothing that could be shared')
        array = np.empty(self.shape, self.dtype)
        for index, saliency_map in enumerate(self):
            array[index] = saliency_map
        return array if dtype is None else array.astype(dtype)

    def _finished(self, places: range) -> Generator[np.ndarray, None, None]:
        """Maps at the frames' size, while decoding and the model run ahead in threads."""
        small = in_background(self._small(places), _AHEAD_MAPS)
        try:
            for saliency_map in small:
                yield self.backend.finish(saliency_map, self.stimulus.size)
        finally:
            small.close()

    def _small(self, places: range) -> Generator[np.ndarray, None, None]:
        """Maps (h, w) as the model gives them, for ascending places of the timeline."""
        grid = self._grid(places)
        if not grid:
            return
        first = max(0, grid[0] - self.settings.span + 1)
        prepared = in_background(self._prepared(first, grid), _AHEAD_FRAMES)
        count = len(self._timeline)
        windows = sliding_windows(prepared, self.settings, grid, count, first)
        try:
            yield from interpolate(predict_windows(self.backend, windows, self.batch_size), places)
        finally:
            windows.close()
            prepared.close()

    def _grid(self, places: range) -> Sequence[int]:
        """Places of the timeline to predict, so that `places` lie on or between them."""
        if self.stride == 1 or not places:
            return places
        begin, last = self._predicted[0], self._predicted[-1]
        every = range(begin, last + 1, self.stride)
        low = bisect.bisect_right(every, places[0]) - 1
        high = bisect.bisect_left(every, places[-1])
        chosen = list(every[low : high + 1])
        return chosen if chosen[-1] >= places[-1] else [*chosen, last]

    def _prepared(self, first: int, grid: Sequence[int]) -> Iterator[Any]:
        """Frames from the timeline's `first`, each decoded, resized and normalised once."""
        end = grid[-1] + 1
        if self.settings.head == 'reverse-time':
            early = [place for place in grid if place < self.settings.span - 1]
            end = max([end, *(place + self.settings.span for place in early[-1:])])
        frames = self.stimulus.frames(self._timeline[first:end], self.settings.size)
        for frame in frames:
            yield self.backend.prepare(frame)

    # Keeping, writing and showing --------------------------------------------------------------

    @contextmanager
    def kept(
        self, folder: str | Path | None = None, on_frame: OnFrame | None = None
    ) -> Iterator[KeptMaps]:
        """Run the model once for several uses.

        Args:
            folder: of the temporary file, which holds the maps at the model's size; None for the
                system's.
            on_frame: called with 1 after each frame; an error that it raises ends the work.

        Yields:
            The same maps, read back from the file while the block lasts.
        """
        with tempfile.TemporaryFile(dir=folder, prefix='.salkit-maps-') as file:
            yield KeptMaps(self, file, on_frame)

    def save(
        self, path: str | Path, format: str | None = None, on_frame: OnFrame | None = None
    ) -> Path:
        """Write all maps; the file or folder is complete or not there.

        Args:
            path: .npz or .mp4, or for 'png', 'png16' and 'dhf1k' a folder.
            format: see `outputs.open_output`; None goes by the suffix.
            on_frame: see `kept`.

        Returns:
            `path`.
        """
        from .outputs import format_of, save_maps

        path = Path(path)
        save_maps(self, [(path, format_of(path, format))], on_frame)
        return path

    def overlay(
        self,
        path: str | Path,
        style: OverlayStyle | None = None,
        truth: Truth | None = None,
        on_frame: OnFrame | None = None,
        **options: Any,
    ) -> Path:
        """Draw the maps over their frames, as a video that browsers play, with its sound.

        Args:
            path: .mp4; or .png where there is one frame.
            style: how; see `OverlayStyle`.
            truth: gives the fixation_map and density_map of a frame of the stimulus, by number.
            on_frame: see `kept`.
            options: of `OverlayStyle`, in place of `style`.

        Returns:
            `path`.

        Raises:
            ConfigError: a style that does not exist.
            DataError: frames that cannot be read any more, or a video that cannot be written.
        """
        from .overlay import Overlay, OverlayStyle
        from .overlay_video import write_overlay

        if style is not None and options:
            raise ConfigError(f'give a style or {", ".join(options)}, not both')
        try:
            style = style or OverlayStyle(**options)
        except TypeError as error:
            raise ConfigError(f'overlay: {error}') from None
        if style.normalise == 'video' and not isinstance(self, KeptMaps):
            with self.kept(on_frame=on_frame) as kept:
                return kept.overlay(path, style, truth, on_frame)
        peak = float(self.peaks.max()) if isinstance(self, KeptMaps) else None
        return write_overlay(self, Path(path), Overlay(style, peak), truth, on_frame)

    def _repr_html_(self) -> str:
        """A few frames with their maps, for notebooks."""
        from .notebook import maps_as_html

        return maps_as_html(self, _SHOWN)


class KeptMaps(SaliencyMaps):
    """Maps whose model has run: reading them costs resizing and blurring.

    Attributes:
        peaks: (T,) float32, the maximum of each map.
    """

    def __init__(self, maps: SaliencyMaps, file: Any, on_frame: OnFrame | None = None) -> None:
        # The same maps, without asking the stimulus again.
        vars(self).update(vars(maps))
        self._file = file
        peaks = []
        small = in_background(maps._small(maps._places), _AHEAD_MAPS)
        try:
            for saliency_map in small:
                self._shape = saliency_map.shape
                file.write(np.ascontiguousarray(saliency_map, np.float32).tobytes())
                peaks.append(self.backend.finish(saliency_map, self.stimulus.size).max())
                if on_frame:
                    on_frame(1)
        finally:
            small.close()
        file.flush()
        self.peaks = np.array(peaks, np.float32)

    def kept(self, folder: Any = None, on_frame: OnFrame | None = None) -> Any:
        """These maps: they are kept already."""
        from contextlib import nullcontext

        return nullcontext(self)

    def _small(self, places: range) -> Generator[np.ndarray, None, None]:
        size = int(np.prod(self._shape)) * 4
        for place in places:
            start = (place - self._places[0]) * size
            # Several readings may take turns, from several threads.
            data = self._read_at(start, size)
            yield np.frombuffer(bytearray(data), np.float32).reshape(self._shape)

    def _read_at(self, start: int, size: int) -> bytes:
        import os

        if self._file.closed:
            raise DataError('the maps were kept only while the block of `kept` lasted')
        if hasattr(os, 'pread'):
            return os.pread(self._file.fileno(), size, start)
        self._file.seek(start)
        return self._file.read(size)
