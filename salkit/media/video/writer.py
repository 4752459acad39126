"""Writes videos that browsers play."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ConfigError, DataError, ShapeError
from ...utils.files import whole_file
from .picture import orientation
from .source import VideoSource, reason_of
from .writing_pictures import (
    BT709,
    FULL,
    LIMITED,
    colour_picture,
    even,
    exact_rate,
    grey_picture,
    time_base,
)
from .writing_sound import Sound

if TYPE_CHECKING:
    import av

SUFFIXES = ('.mp4', '.m4v')
PRESETS = (
    'ultrafast',
    'superfast',
    'veryfast',
    'faster',
    'fast',
    'medium',
    'slow',
    'slower',
    'veryslow',
)
# Colours lose little at 18; saliency is scored again, and smooth maps cost few bytes even at 2.
COLOUR_CRF, GREY_CRF = 18, 2
# Seconds from one key frame to the next, at most: scrubbing decodes from one.
KEY_SECONDS = 2.0
MAX_THREADS = 16


class VideoWriter:
    """Writes frames as an H.264 .mp4 that Chromium, Firefox and Safari play as it loads.

    A context manager: the file appears, complete, when the block ends well. Else what was there
    before stays, and nothing is left over. Memory does not grow with the length.

    Colours are stored as BT.709, limited range, and marked so. Grey videos keep all 256 levels
    (full range, marked so), 98 % of them exactly. Frames of odd height or width get their last row
    or column once more, since 4:2:0 video has no odd sides.

    Args:
        path: of the video, '.mp4' or '.m4v'.
        size: (rows, columns) of the frames.
        fps: frames per second. With times of their own, only the last frame's duration follows
            from it.
        grey: whether frames are (H, W), such as saliency maps.
        crf: x264's quality, above 0 to 51, lower is better; None is 18, and 2 for grey.
        preset: x264's, from 'ultrafast' to 'veryslow'.
        sound: a file whose sound is kept, if it has any: AAC, MP3 and Opus as they are, others as
            AAC. The offset to that file's first video frame is kept, too.
        sound_start: seconds from that frame which belong to time 0 of the new video.
        sound_end: seconds from that frame where the sound is cut; None for where it ends.
        pixel_aspect: width of a pixel by its height; None for square ones.

    Attributes:
        warnings: what went wrong with the sound, a line each; the video is complete without.
        frames: how many were written so far.

    Raises:
        ConfigError: an argument out of range.
        DataError: the file cannot be written, in `with`, `write` or at the end of the block; or no
            frame was written.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        fps: float | Fraction = 25.0,
        *,
        grey: bool = False,
        crf: float | None = None,
        preset: str = 'veryfast',
        sound: str | Path | None = None,
        sound_start: float = 0.0,
        sound_end: float | None = None,
        pixel_aspect: Fraction | None = None,
    ) -> None:
        self.path = Path(path)
        self.size = int(size[0]), int(size[1])
        self.grey = grey
        self.crf = crf if crf is not None else GREY_CRF if grey else COLOUR_CRF
        self.preset = preset
        self.pixel_aspect = pixel_aspect
        self.warnings: list[str] = []
        self.frames = 0
        self._check(fps)
        self.fps = exact_rate(fps)
        self._base = time_base(self.fps)
        self._sound_of = (sound, sound_start, sound_end)
        self._last = -1
        self._timed: bool | None = None
        self._stack: ExitStack | None = None
        self._container: Any = None
        self._sound: Sound | None = None

    def _check(self, fps: float | Fraction) -> None:
        def refuse(what: str) -> None:
            raise ConfigError(f'{self.path}: {what}')

        if self.path.suffix.lower() not in SUFFIXES:
            refuse(f'videos are written as {" or ".join(SUFFIXES)}')
        if min(self.size) < 1:
            refuse(f'the size of a video must be (rows, columns), got {self.size}')
        if not (0 < fps < math.inf and 1e-3 <= fps <= 1e4):
            refuse(f'fps must lie between 0.001 and 10000, got {fps}')
        if not 0 < self.crf <= 51:
            refuse(f'crf must lie above 0, to 51, got {self.crf}')
        if self.preset not in PRESETS:
            refuse(f'preset must be one of {PRESETS}, got {self.preset!r}')
        if self.pixel_aspect is not None and not 0 < self.pixel_aspect < math.inf:
            refuse(f'pixel_aspect must be a positive ratio, got {self.pixel_aspect}')

    # Opening and closing -----------------------------------------------------------------------

    def __enter__(self) -> VideoWriter:
        if self._stack is not None:
            raise ValueError(f'{self.path}: a writer writes one video')
        self._stack = ExitStack()
        with self._faults():
            if self.path.is_dir():
                raise DataError(f'{self.path}: a video cannot be written here, this is a folder')
            self._temporary = self._stack.enter_context(whole_file(self.path))
        try:
            with self._faults():
                self._open()
        except BaseException:
            self._release(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception: Any) -> None:
        if exception[0] is None:
            try:
                self._finish()
            except BaseException:
                self._release(*sys.exc_info())
                raise
        with self._faults():
            self._release(*exception)

    def _release(self, *exception: Any) -> None:
        """Close everything; then the file gets its name or, after an exception, goes."""
        if exception[0] is not None:
            # Closing would move the whole content once more to make room for the file's header.
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)
        self._close()
        self._stack.__exit__(*exception)

    def _close(self) -> None:
        import av

        self._close_sound()
        container, self._container = self._container, None
        if container is not None:
            with suppress(av.FFmpegError, OSError):
                container.close()

    def _close_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()
            self.warnings += self._sound.warnings
            self._sound = None

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Name the file in errors of FFmpeg and of the system."""
        import av

        try:
            yield
        except (av.FFmpegError, OSError) as error:
            reason = reason_of(error)
            raise DataError(f'{self.path}: the video cannot be written ({reason})') from error

    def _open(self) -> None:
        import av

        sound, start, end = self._sound_of
        if sound is not None:
            self._sound = Sound(sound, start, end)
        try:
            self._start(bool(self._sound))
        except (av.FFmpegError, ValueError) as error:
            if not self._sound:
                raise
            self._start(False)
            self.warnings.append(f'{sound}: its sound is lost: {reason_of(error)}')

    def _start(self, with_sound: bool) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        # An absolute path, so that no name is taken for a protocol such as `http:`.
        self._container = av.open(
            str(self._temporary.absolute()), 'w', format='mp4', options={'movflags': '+faststart'}
        )
        self._stream = self._video_stream()
        if with_sound:
            self._sound.add_to(self._container)
        else:
            self._close_sound()
        self._container.start_encoding()
        self._reformatter = VideoReformatter()

    def _video_stream(self) -> Any:
        rows, columns = (side + side % 2 for side in self.size)
        options = dict(crf=f'{self.crf:g}', preset=self.preset, profile='high')
        if self.grey:
            # What pleases the eye adds errors to the levels.
            options['tune'] = 'psnr'
        stream = self._container.add_stream('libx264', rate=self.fps, options=options)
        stream.height, stream.width, stream.pix_fmt = rows, columns, 'yuv420p'
        context = stream.codec_context
        context.time_base = self._base
        # Frames in the order shown: time stamps, of uneven rates too, and the length come out
        # exact; it costs a tenth of the size.
        context.max_b_frames = 0
        context.gop_size = max(1, round(KEY_SECONDS * self.fps))
        context.thread_count = min(_cores(), MAX_THREADS)
        context.color_range = FULL if self.grey else LIMITED
        context.color_primaries = context.color_trc = context.colorspace = BT709
        if self.pixel_aspect is not None:
            # H.264 has 16 bits for each.
            context.sample_aspect_ratio = Fraction(self.pixel_aspect).limit_denominator(1000)
        return stream

    def _finish(self) -> None:
        if not self.frames:
            raise DataError(f'{self.path}: no frame was written, which makes no video')
        with self._faults():
            self._mux(self._stream.encode(None))
            if self._sound is not None:
                self._sound.feed(self._container)
            container, self._container = self._container, None
            container.close()

    # Frames ------------------------------------------------------------------------------------

    def write(self, frame: np.ndarray, time: float | None = None) -> None:
        """Add a frame.

        Args:
            frame: (H, W, 3) uint8 RGB; (H, W) uint8 for a grey video.
            time: seconds at which it is shown, for an uneven rate: given for all frames or none,
                and each later than the last.

        Raises:
            ShapeError: a frame of another shape or dtype.
            DataError: times that do not rise, or the disk is full, or the like.
        """
        if self._container is None:
            raise ValueError(f'{self.path}: write frames inside the `with` block of the writer')
        shape = self.size if self.grey else (*self.size, 3)
        frame = np.asarray(frame)
        if frame.shape != shape or frame.dtype != np.uint8:
            raise ShapeError(
                f'{self.path}: expected a frame of shape {shape} and dtype uint8, got '
                f'{frame.shape} and {frame.dtype}'
            )
        number = self._number(time)
        with self._faults():
            if self.grey:
                picture = grey_picture(even(frame))
            else:
                picture = colour_picture(even(frame), self._reformatter)
            picture.pts, picture.time_base = number, self._base
            self._mux(self._stream.encode(picture))
        self._last = number
        self.frames += 1

    def _number(self, time: float | None) -> int:
        """A frame's time stamp in units of the time base."""
        if self._timed is None:
            self._timed = time is not None
            self._time = -math.inf
        if self._timed != (time is not None):
            raise DataError(f'{self.path}: frame {self.frames}: give a time for all frames or none')
        if time is None:
            return round(self.frames / self.fps / self._base)
        if not max(self._time, 0.0) <= time < math.inf or time == self._time:
            raise DataError(
                f'{self.path}: the times of frames must rise from 0 on, got {time} for frame '
                f'{self.frames} after {max(self._time, 0.0)}'
            )
        self._time = time
        # Two that round to the same unit still follow each other.
        return max(round(Fraction(float(time)) / self._base), self._last + 1)

    def _mux(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            # Counts for the last one: the others last until the next.
            packet.duration = max(1, round(1 / self.fps / self._base))
            time = float(packet.pts * self._base)
            self._container.mux(packet)
            if self._sound is not None:
                self._sound.feed(self._container, time)


def pixel_aspect_of(path: str | Path) -> Fraction | None:
    """Width of a pixel by its height in a video as shown, turned; None for square ones.

    Raises:
        DataError: not a video.
    """
    source = VideoSource(path)
    try:
        first = next(source.frames(source.packets()), None)
        ratio = source.stream.sample_aspect_ratio
        if not ratio or ratio == 1:
            return None
        return 1 / ratio if first is not None and orientation(first)[0] else ratio
    finally:
        source.close()


def _cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
