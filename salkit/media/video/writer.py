"""Writes videos that browsers play."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av import Packet, VideoFrame, VideoStream
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from ...errors import ConfigError, DataError, ShapeError, reason_of
from ...utils.files import whole_file
from ...utils.parallel import usable_cores
from .sound import SoundPart, SoundWriter

SUFFIXES = ('.mp4', '.m4v')
# x264's quality, lower is better. Colours lose little at 18; saliency is scored again, and smooth
# maps cost few bytes even at 2.
COLOR_CRF, GRAY_CRF = 18, 2
# Seconds from one key frame to the next, at most: scrubbing decodes from one.
KEY_SECONDS = 2.0
MAX_THREADS = 16
# Of what x264 writes.
MOST_SIDE = 16384
# AVCOL_RANGE_*, and BT.709 in AVCOL_PRI_*, AVCOL_TRC_* and AVCOL_SPC_*.
LIMITED, FULL, BT709 = 1, 2, 1
# A second has at least so many units of time.
TICKS = 90_000


class VideoWriter:
    """Writes frames as an H.264 .mp4 that Chromium, Firefox and Safari play as it loads.

    A context manager: the file appears, complete, when the block ends well. Else what was there
    before stays, and nothing is left over. Memory does not grow with the length.

    Colours are stored as BT.709, limited range, and marked so. Gray videos keep all 256 levels
    (full range, marked so), 98 % of them exactly. Frames of odd height or width get their last row
    or column once more, since 4:2:0 video has no odd sides.

    Args:
        path: of the video, '.mp4' or '.m4v'.
        size: (rows, columns) of the frames.
        fps: frames per second. With times of their own, only the last frame's duration follows
            from it.
        gray: whether frames are (H, W), such as saliency maps.
        sound: a file whose sound is kept, if it has any, as AAC; or a part of it. The offset to
            that file's first video frame is kept, too.
        pixel_aspect: width of a pixel by its height.

    Attributes:
        warnings: what went wrong with the sound, a line each; the video is complete without.
        frames: how many were written so far.

    Raises:
        ConfigError: an argument out of range.
        DataError: frames of more than 16384 rows or columns; the file cannot be written, in
            `with`, `write` or at the end of the block; or no frame was written.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        fps: float | Fraction = 25.0,
        *,
        gray: bool = False,
        sound: str | Path | SoundPart | None = None,
        pixel_aspect: float = 1.0,
    ) -> None:
        self.path = Path(path)
        self.size = int(size[0]), int(size[1])
        self.gray = gray
        self.pixel_aspect = pixel_aspect
        self.warnings: list[str] = []
        self.frames = 0
        if self.path.suffix.lower() not in SUFFIXES:
            raise ConfigError(f'{self.path}: videos are written as {" or ".join(SUFFIXES)}')
        if min(self.size) < 1:
            raise ConfigError(f'{self.path}: size must be (rows, columns), got {self.size}')
        if max(self.size) > MOST_SIDE:
            raise DataError(
                f'{self.path}: H.264 has at most {MOST_SIDE} rows and columns, got {self.size}'
            )
        if not 1e-3 <= fps <= 1e4:
            raise ConfigError(f'{self.path}: fps must lie between 0.001 and 10000, got {fps}')
        if not 0 < pixel_aspect < math.inf:
            raise ConfigError(f'{self.path}: pixel_aspect must be above 0, got {pixel_aspect}')
        # Rates are whole numbers, or these by 1.001.
        self.fps = Fraction(fps).limit_denominator(1001)
        self._base = _time_base(self.fps)
        self._part = SoundPart(sound) if isinstance(sound, (str, Path)) else sound
        self._last = -1
        self._time: float | None = None
        self._container: OutputContainer | None = None
        self._sound: SoundWriter | None = None
        # One for all frames: setting it up takes as long as converting one.
        self._reformatter = VideoReformatter()

    # Opening and closing -----------------------------------------------------------------------

    def __enter__(self) -> VideoWriter:
        with self._faults(), ExitStack() as stack:
            if self.path.is_dir():
                raise DataError(f'{self.path}: the video cannot be written, this is a folder')
            temporary = stack.enter_context(whole_file(self.path))
            stack.callback(self._close)
            self._open(temporary)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._faults():
            if kind is not None:
                self._stack.__exit__(kind, error, traceback)
                return
            with self._stack:
                self._finish()

    def _close(self) -> None:
        if self._sound is not None:
            self._sound.close()
            self.warnings = self._sound.warnings
        container, self._container = self._container, None
        if container is not None:
            # After an error: `_finish` has closed it otherwise.
            with suppress(av.FFmpegError, OSError):
                container.close()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Name the file in errors of FFmpeg and of the system."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            reason = reason_of(error)
            raise DataError(f'{self.path}: the video cannot be written ({reason})') from error

    def _open(self, temporary: Path) -> None:
        if self._part is not None:
            self._sound = SoundWriter(self._part)
        # An absolute path, so that no name is taken for a protocol such as `http:`.
        self._container = av.open(
            str(temporary.absolute()), 'w', format='mp4', options={'movflags': '+faststart'}
        )
        self._stream = self._add_stream(self._container)
        if self._sound:
            self._sound.add_to(self._container)
        self._container.start_encoding()

    def _add_stream(self, container: OutputContainer) -> VideoStream:
        rows, columns = (side + side % 2 for side in self.size)
        crf = GRAY_CRF if self.gray else COLOR_CRF
        options = dict(crf=str(crf), preset='veryfast', profile='high')
        if self.gray:
            # What pleases the eye adds errors to the levels.
            options['tune'] = 'psnr'
        stream = container.add_stream('libx264', rate=self.fps, options=options)
        stream.height, stream.width, stream.pix_fmt = rows, columns, 'yuv420p'
        context = stream.codec_context
        context.time_base = self._base
        # Frames in the order shown: time stamps, of uneven rates too, and the length come out
        # exact; it costs a tenth of the size.
        context.max_b_frames = 0
        context.gop_size = max(1, round(KEY_SECONDS * self.fps))
        context.thread_count = min(usable_cores(), MAX_THREADS)
        context.color_range = FULL if self.gray else LIMITED
        context.color_primaries = context.color_trc = context.colorspace = BT709
        # H.264 has 16 bits for each of its terms.
        aspect = Fraction(self.pixel_aspect).limit_denominator(1000)
        if aspect != 1:
            context.sample_aspect_ratio = aspect
        return stream

    def _finish(self) -> None:
        if self._container is None or not self.frames:
            raise DataError(f'{self.path}: no frame was written, which makes no video')
        self._mux(self._container, self._stream.encode(None))
        if self._sound is not None:
            self._sound.feed(self._container)
        self._container.close()

    # Frames ------------------------------------------------------------------------------------

    def write(self, frame: np.ndarray, time: float | None = None) -> None:
        """Add a frame.

        Args:
            frame: (H, W, 3) uint8 RGB; (H, W) uint8 for a gray video.
            time: seconds at which it is shown, for an uneven rate: given for all frames or none,
                and each later than the last.

        Raises:
            ShapeError: a frame of another shape or dtype.
            DataError: times that do not rise, or the disk is full, or the like.
        """
        if self._container is None:
            raise ValueError(f'{self.path}: write frames inside the `with` block of the writer')
        shape = self.size if self.gray else (*self.size, 3)
        frame = np.asarray(frame)
        if frame.shape != shape or frame.dtype != np.uint8:
            raise ShapeError(
                f'{self.path}: expected a frame of shape {shape} and dtype uint8, got '
                f'{frame.shape} and {frame.dtype}'
            )
        number = self._number(time)
        with self._faults():
            picture = (
                _gray_picture(frame) if self.gray else _color_picture(frame, self._reformatter)
            )
            picture.pts, picture.time_base = number, self._base
            self._mux(self._container, self._stream.encode(picture))
        self._last = number
        self.frames += 1

    def _number(self, time: float | None) -> int:
        """A frame's time stamp in units of the time base."""
        if self.frames and (self._time is None) != (time is None):
            raise DataError(f'{self.path}: frame {self.frames}: give a time for all frames or none')
        if time is None:
            return round(self.frames / self.fps / self._base)
        before = -1.0 if self._time is None else self._time
        if not max(before, 0.0) <= time < math.inf or time == before:
            raise DataError(
                f'{self.path}: the times of frames must rise from 0 on, got {time} for frame '
                f'{self.frames} after {max(before, 0.0)}'
            )
        self._time = time
        # Two that round to the same unit still follow each other.
        return max(round(Fraction(float(time)) / self._base), self._last + 1)

    def _mux(self, container: OutputContainer, packets: list[Packet]) -> None:
        for packet in packets:
            # Counts for the last one: the others last until the next.
            packet.duration = max(1, round(1 / self.fps / self._base))
            time = float((packet.pts or 0) * self._base)
            container.mux(packet)
            if self._sound is not None:
                self._sound.feed(container, time)


def _even(frame: np.ndarray) -> np.ndarray:
    """A frame with even sides: of odd ones, the last row or column is repeated."""
    odd = [(0, side % 2) for side in frame.shape[:2]] + [(0, 0)] * (frame.ndim - 2)
    return np.ascontiguousarray(np.pad(frame, odd, mode='edge'))


def _color_picture(frame: np.ndarray, reformatter: VideoReformatter) -> VideoFrame:
    """(H, W, 3) uint8 RGB as BT.709, limited range."""
    return reformatter.reformat(
        av.VideoFrame.from_ndarray(_even(frame), format='rgb24'),
        format='yuv420p',
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BILINEAR
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INP,
        threads=1,
    )


def _gray_picture(levels: np.ndarray) -> VideoFrame:
    """(H, W) uint8 as luma of full range, each level as it is."""
    levels = _even(levels)
    chroma = np.full((levels.shape[0] // 2, levels.shape[1]), 128, np.uint8)
    picture = av.VideoFrame.from_ndarray(np.concatenate([levels, chroma]), format='yuv420p')
    picture.color_range, picture.colorspace = FULL, BT709
    return picture


def _time_base(fps: Fraction) -> Fraction:
    """A unit of time of which a frame lasts a whole number, where that is not too fine."""
    if fps.numerator > TICKS * 4:
        return Fraction(1, TICKS)
    return Fraction(1, fps.numerator * -(-TICKS // fps.numerator))
