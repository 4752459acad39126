"""Which frames make up a clip, and what a model needs to be given one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError
from ..utils.text import check_choice
from .images import checked_size

HEADS = ('repeat-first', 'reverse-time', 'skip')
SAMPLINGS = ('random', 'strided', 'all')

# Models say how they want their clips, and a model's file may say anything: 8 GB a clip.
MOST_VALUES = 2**31
# From a clip's first frame to its last.
MOST_FRAMES = 10_000
# Of a smoothing along time.
MOST_SECONDS = 60
# Width by height, or the other way round, up to which frames may keep their shape.
MOST_STRETCHED = 4


def _are_numbers(values: object, count: int) -> bool:
    return (
        isinstance(values, (tuple, list))
        and len(values) == count
        and all(isinstance(value, (int, float)) and math.isfinite(value) for value in values)
    )


def clip_indices(
    last: int, clip_len: int, num_frames: int, head: str = 'repeat-first'
) -> list[int]:
    """Frame numbers (from 0) of the clip that predicts frame `last`.

    Args:
        last: the frame predicted, 0 <= last < num_frames.
        clip_len: frames per clip.
        num_frames: frames of the video.
        head: what stands in for frames before the video's first: 'repeat-first' repeats that
            frame; 'reverse-time' takes the frames after `last` backwards, ending at `last` (the
            video's last frame is repeated where they run out); 'skip' as 'repeat-first', for
            videos shorter than a clip.

    Returns:
        `clip_len` numbers; the last is `last`.
    """
    if last >= clip_len - 1 or head != 'reverse-time':
        return [max(0, last - back) for back in range(clip_len - 1, -1, -1)]
    return [min(num_frames - 1, last + ahead) for ahead in range(clip_len - 1, -1, -1)]


def scored_frames(num_frames: int, clip_len: int, sampling: str, stride: int, head: str) -> range:
    """Frames of one video that are predicted, 'strided' or 'all'.

    'strided' gives the last frames of clips that lie inside the video, `stride` frames apart; 'all'
    every frame, less the first `clip_len - 1` under the head policy 'skip'. A video shorter than a
    clip always gives at least its last frame.
    """
    first = min(clip_len, num_frames) - 1
    if sampling == 'strided':
        return range(first, num_frames, stride)
    return range(first if head == 'skip' else 0, num_frames)


def size_in_shape(frame: tuple[int, int], size: tuple[int, int], divisor: int) -> tuple[int, int]:
    """The size with about as many pixels as `size` in the shape of `frame`, all (rows, columns).

    Args:
        frame: as shown; a shape narrower than 1 : 4 counts as that.
        size: whose pixels are shared out.
        divisor: of both sides.
    """
    stretch = math.sqrt(min(MOST_STRETCHED, max(1 / MOST_STRETCHED, frame[1] / frame[0])))
    side = math.sqrt(size[0] * size[1])
    rows, columns = (max(1, round(length / divisor)) for length in (side / stretch, side * stretch))
    return rows * divisor, columns * divisor


@dataclass(frozen=True)
class ClipSettings:
    """What a model needs around it: how clips are cut, resized and normalized, maps finished.

    Attributes:
        clip_len: T, frames per clip.
        size: (rows, columns) that frames are resized to; None keeps them.
        keep_shape: where it is not 0, frames keep their shape: sides are multiples of it, see
            `size_in_shape`.
        smooth_s: time constant of a causal smoothing of a video's maps, in seconds; 0 for none.
        clip_stride: frames from one of a clip to the next.
        head: what stands before a video's first frame, see `clip_indices`.
        pixel_mean: of the RGB pixels, scaled to [0, 1].
        pixel_std: likewise.
        blur_kernel: side in pixels of the blur of a map at the frame's size; 0 for none.
        name: of the config, for reports.
    """

    clip_len: int
    size: tuple[int, int] | None
    clip_stride: int = 1
    head: str = 'repeat-first'
    pixel_mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pixel_std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blur_kernel: int = 11
    name: str = ''
    keep_shape: int = 0
    smooth_s: float = 0.0

    def __post_init__(self) -> None:
        check_choice('prediction', 'head', self.head, HEADS)
        if not isinstance(self.name, str):
            raise ConfigError(f'name must be text, got {self.name!r:.100}')
        for field, least in (
            ('clip_len', 1),
            ('clip_stride', 1),
            ('blur_kernel', 0),
            ('keep_shape', 0),
        ):
            value = getattr(self, field)
            if not isinstance(value, int) or not least <= value <= MOST_FRAMES:
                raise ConfigError(f'{field} must be {least} to {MOST_FRAMES}, got {value!r:.100}')
        if self.span > MOST_FRAMES:
            raise ConfigError(
                f'clip_len and clip_stride must span at most {MOST_FRAMES} frames, got {self.span}'
            )
        for field in ('pixel_mean', 'pixel_std'):
            values = getattr(self, field)
            if not _are_numbers(values, 3) or (field == 'pixel_std' and 0 in values):
                raise ConfigError(f'{field} must be three numbers, got {values!r:.100}')
        if not _are_numbers([self.smooth_s], 1) or not 0 <= self.smooth_s <= MOST_SECONDS:
            raise ConfigError(f'smooth_s must be 0 to {MOST_SECONDS}, got {self.smooth_s!r:.100}')
        if self.size is None:
            return
        if not _are_numbers(self.size, 2) or float in map(type, self.size):
            raise ConfigError(f'size must be (rows, columns), got {self.size!r:.100}')
        rows, columns = checked_size('prediction', self.size)
        if 3 * self.clip_len * rows * columns > MOST_VALUES:
            raise ConfigError(
                f'clips of {self.clip_len} frames of {rows} x {columns} pixels take more than '
                f'{MOST_VALUES} values'
            )

    @property
    def span(self) -> int:
        """Frames from a clip's first to its last, both counted."""
        return self.clip_stride * (self.clip_len - 1) + 1

    def size_for(self, frame: tuple[int, int]) -> tuple[int, int] | None:
        """The (rows, columns) that frames of a size are resized to; None keeps them."""
        if self.size is None or not self.keep_shape:
            return self.size
        return size_in_shape(frame, self.size, self.keep_shape)

    def window(self, last: int, num_frames: int) -> list[int]:
        """Frame numbers (from 0) of the clip that predicts frame `last`, see `clip_indices`."""
        return clip_indices(last, self.span, num_frames, self.head)[:: self.clip_stride]

    def predicted(self, num_frames: int) -> range:
        """Frames of a video that get a map, see `scored_frames`."""
        return scored_frames(num_frames, self.span, 'all', 1, self.head)

    def to_json(self) -> dict[str, object]:
        """Plain values, the inverse of `from_json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ClipSettings:
        """Settings from what `to_json` gave.

        Raises:
            ConfigError: an entry that is missing, unknown or out of range.
        """
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content.items()
        }
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f'settings of a clip: {error}') from None
