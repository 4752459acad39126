"""The maps of one stimulus, predicted when they are looked at."""

from __future__ import annotations

import dataclasses
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Any, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike

from ..media.images import resize_image
from ..utils.threads import in_background
from .backends import Backend
from .outputs import OnFrame, Truth, save_maps
from .overlay import Overlay, OverlayStyle
from .overlay_video import write_overlay
from .player import Player, player, shown_part
from .reframe import ReframeOptions, Reframing, reframe
from .regions import RecordedGaze, Region, RegionReport, Regions, region_report
from .selection import Selection
from .smoothing import smoothed
from .window import interpolate, predict_windows, sliding_windows

# Frames, and maps, that may wait for the model, and for what is done with them.
_AHEAD_FRAMES = 16
_AHEAD_MAPS = 8
# How version 0.1 spelled options of overlays.
_EARLIER_SPELLINGS = dict(colours='colors', normalise='normalize')


class SaliencyMaps:
    """Saliency maps of a stimulus: a sequence of (H, W) float32 in [0, 1] at its frames' size.

    Nothing is computed before it is asked for, and nothing is kept: an iteration needs the same
    memory whatever the length of the video, an index the frames of one clip. `np.asarray(maps)`
    holds them all. The values are those that `salkit test --dump` writes.

    Args:
        backend: runs the model.
        selection: the frames that have a map.
        batch_size: windows predicted at once.

    Attributes:
        stimulus: the `Stimulus`.
        settings: the model's `ClipSettings`.
        shape: (T, H, W).
        dtype: float32.
        frames: numbers (from 0) of the stimulus' frames that have a map.
        names: of these frames.
        times: of these frames, seconds from the stimulus' first.
        fps: frames per second of these.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, backend: Backend, selection: Selection, batch_size: int) -> None:
        self.backend, self.selection, self.batch_size = backend, selection, batch_size
        self.stimulus, self.settings = selection.stimulus, selection.settings
        self.shape = (len(selection.places), *self.stimulus.size)
        self.frames: Sequence[int] = selection.frames
        self.names: Sequence[str] = selection.names
        self.times, self.fps = selection.times, selection.fps

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        frames, rows, columns = self.shape
        return (
            f'SaliencyMaps({self.stimulus.name!r}: {frames} maps of {rows} x {columns} pixels by '
            f'{self.settings.name or "a model"})'
        )

    # Reading -----------------------------------------------------------------------------------

    def __iter__(self) -> Generator[np.ndarray, None, None]:
        return self._finished(self.selection.places)

    def __getitem__(self, index: SupportsIndex | slice) -> np.ndarray:
        """The map (H, W) of one index, or (n, H, W) of a slice."""
        if not isinstance(index, slice):
            place = self.selection.places[index]
            return next(self._finished(range(place, place + 1)))
        places = self.selection.places[index]
        maps = np.empty((len(places), *self.shape[1:]), self.dtype)
        ascending = places[::-1] if places.step < 0 else places
        for place, saliency_map in zip(ascending, self._finished(ascending), strict=True):
            maps[places.index(place)] = saliency_map
        return maps

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError('maps are predicted anew: there is nothing that could be shared')
        return self[:] if dtype is None else self[:].astype(dtype)

    def _finished(self, places: range) -> Generator[np.ndarray, None, None]:
        """Maps at the frames' size, while decoding and the model run ahead in threads."""
        with closing(in_background(self.small(places), _AHEAD_MAPS)) as small:
            for saliency_map in small:
                yield self.backend.finish(saliency_map, self.stimulus.size)

    def small(
        self, places: range, watch: Callable[[np.ndarray], object] | None = None
    ) -> Generator[np.ndarray, None, None]:
        """Maps (h, w) as the model gives them, for ascending places of the selection.

        `watch` is called in another thread with the frame (rows, columns, 3) uint8 RGB of each
        place, as large as it is shown, before the place's map is given.
        """
        predicted = self.selection.predicted(places)
        if not predicted:
            return
        first, predicted = predicted[0], self.selection.remembered(predicted)
        needed = self.selection.needed(predicted)
        shown = self.selection.shown

        # Each is decoded, resized and normalized once.
        frames = self._shown_to_model(needed, predicted, places, watch)
        prepared = (None if frame is None else self.backend.prepare(frame) for frame in frames)

        def name_of(place: int) -> str:
            return f'frame {self.stimulus.names[shown[place]]} of {self.stimulus.name}'

        with closing(in_background(prepared, _AHEAD_FRAMES)) as ready:
            windows = sliding_windows(ready, self.settings, predicted, needed.start)
            maps = predict_windows(self.backend, windows, self.batch_size, name_of)
            if seconds := self.settings.smooth_s:
                times = self.stimulus.times[shown]
                maps = smoothed(maps, lambda place: times[place], seconds, first)
            yield from interpolate(maps, places)

    def _shown_to_model(
        self,
        needed: range,
        predicted: Sequence[int],
        places: range,
        watch: Callable[[np.ndarray], object] | None,
    ) -> Iterator[np.ndarray | None]:
        """The frames of all `needed` places at the model's size; None for those of no clip."""
        stride, window = self.selection.stride, self.settings.window
        used = {n for place in predicted for n in window(place, needed.stop)}
        wanted = needed if watch or stride == 1 else [place for place in needed if place in used]
        size, shown = self.settings.size_for(self.stimulus.size), self.selection.shown
        # A range is read on in one go.
        is_all = isinstance(wanted, range)
        numbers = (
            shown[needed.start : needed.stop] if is_all else [shown[place] for place in wanted]
        )
        frames = self.stimulus.frames(numbers, None if watch else size)
        for place in needed:
            if not is_all and place not in used:
                yield None
                continue
            frame = next(frames)
            if watch and place in places:
                watch(frame)
            if place not in used:
                yield None
            else:
                # With a watch, frames come as large as they are shown.
                yield frame if watch is None or size is None else resize_image(frame, size)

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
            The same maps, read back from the file, which is closed after the block.
        """
        with tempfile.TemporaryFile(dir=folder, prefix='.salkit-maps-') as file:
            yield KeptMaps(self, file, on_frame)

    def save(
        self, path: str | Path, format: str | None = None, on_frame: OnFrame | None = None
    ) -> Path:
        """Write all maps and return `path`; the file or folder is complete or not there.

        Args:
            path: .npz or .mp4, or for 'png', 'png16' and 'dhf1k' a folder.
            format: see `outputs.save_maps`; None goes by the suffix.
            on_frame: see `kept`.
        """
        save_maps(self, [(Path(path), format)], on_frame)
        return Path(path)

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
            options: of `OverlayStyle`, changes to `style`.

        Raises:
            ConfigError: a style that does not exist.
            DataError: frames that cannot be read any more, or a video that cannot be written.
        """
        changes = {_EARLIER_SPELLINGS.get(name, name): value for name, value in options.items()}
        style = dataclasses.replace(style or OverlayStyle(), **changes)
        # The video's maximum is known when the model is through.
        by_video = style.normalize == 'video'
        with self.kept(on_frame=on_frame) if by_video else nullcontext(self) as maps:
            peak = float(maps.peaks.max()) if isinstance(maps, KeptMaps) else None
            overlay = Overlay(style, peak)
            return write_overlay(maps, self.stimulus, Path(path), overlay, truth, on_frame)

    def reframe(
        self,
        aspect: str = '9:16',
        options: ReframeOptions | None = None,
        on_frame: OnFrame | None = None,
    ) -> Reframing:
        """Find the way of a window of another aspect ratio that keeps most of the attention.

        Args:
            aspect: WIDTH:HEIGHT, such as 9:16 or 1:1.
            options: how the window may move.
            on_frame: see `kept`.

        Returns:
            The way, and what it keeps, shot by shot; its `save` writes the video.

        Raises:
            ConfigError: no such aspect.
            DataError: a window of hardly any pixels, or frames that cannot be read any more.
        """
        return reframe(self, partial(self.small, self.selection.places), aspect, options, on_frame)

    def regions(
        self,
        regions: Regions | Sequence[Region] | str | Path,
        gaze: RecordedGaze | str | Path | None = None,
        on_frame: OnFrame | None = None,
        emphasis: float = 1.0,
    ) -> RegionReport:
        """The share of the normalized maps that regions (areas of interest) of the frames get.

        Args:
            regions: see `Regions`; or their file.
            gaze: recorded on the video, see `RecordedGaze`; or its CSV file.
            on_frame: see `kept`.
            emphasis: power of the maps, 0.1 to 10; 1 takes them as they are. See docs/regions.md.

        Raises:
            DataError: a file that cannot be read, or has no gaze on this video.
            ConfigError: regions that do not lie on the frames, or no such power.
        """
        report = region_report(self, self.stimulus, regions, gaze, on_frame, emphasis)
        report.model = self.settings.name
        return report

    # A notebook asks for both; IPython in a terminal for none.

    def _repr_html_(self) -> str | None:
        return self._player.html

    def _repr_png_(self) -> bytes:
        return self._player.png

    @cached_property
    def _player(self) -> Player:
        part = shown_part(self)
        with closing(self._finished(self.selection.places[part])) as finished:
            return player(self, self.stimulus, part, finished)


class KeptMaps(SaliencyMaps):
    """Maps whose model has run: reading them costs resizing and blurring.

    Args:
        maps: to be run.
        file: an empty one, which holds them at the model's size as long as it is open.
        on_frame: see `SaliencyMaps.kept`.

    Attributes:
        peaks: (T,) float32, the maximum of each map.
        bytes: of the file.
    """

    def __init__(
        self, maps: SaliencyMaps, file: IO[bytes], on_frame: OnFrame | None = None
    ) -> None:
        super().__init__(maps.backend, maps.selection, maps.batch_size)
        self._file = file
        # Several readings may take turns, from several threads.
        self._reading = threading.Lock()
        peaks = []
        with closing(in_background(maps.small(self.selection.places), _AHEAD_MAPS)) as small:
            for saliency_map in small:
                self._small_shape = saliency_map.shape
                file.write(np.ascontiguousarray(saliency_map, np.float32).tobytes())
                peaks.append(self.backend.finish(saliency_map, self.stimulus.size).max())
                if on_frame:
                    on_frame(1)
        self.peaks, self.bytes = np.array(peaks, np.float32), file.tell()

    @contextmanager
    def kept(
        self, folder: str | Path | None = None, on_frame: OnFrame | None = None
    ) -> Iterator[KeptMaps]:
        """Yield these maps: they are kept already."""
        yield self

    def small(
        self, places: range, watch: Callable[[np.ndarray], object] | None = None
    ) -> Generator[np.ndarray, None, None]:
        """See `SaliencyMaps.small`; read from the file."""
        if watch is not None:
            numbers = self.selection.shown[places.start : places.stop]
            for frame in self.stimulus.frames(numbers):
                watch(frame)
        size = int(np.prod(self._small_shape)) * 4
        for place in places:
            with self._reading:
                self._file.seek((place - self.selection.places[0]) * size)
                data = bytearray(self._file.read(size))
            yield np.frombuffer(data, np.float32).reshape(self._small_shape)
