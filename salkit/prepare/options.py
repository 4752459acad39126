"""How a data set is prepared and checked, and how density maps are made."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ..errors import ConfigError
from ..media.gaze_columns import GazeColumns, parse_columns
from ..utils.parallel import check_workers
from ..utils.text import check_choice

FORMATS = ('png', 'jpg')
SHOWN = ('fit', 'actual-size')


@dataclass(frozen=True, kw_only=True)
class GazeReading:
    """How gaze is to be read, where its file does not say it.

    Attributes:
        columns: whose export the file is (tobii, pupil, eyelink, smi), or what its columns are
            called: x=GazeX,y=GazeY,time_ms=T; or both, eyelink,video=clip; salkit's own names by
            default.
        first_frame: what the file calls a video's first frame.
        screen: (rows, columns) of the screen that gaze was recorded on; None for pixels of videos.
        shown: on that screen: as large as fits, in its middle, or in its middle at the video's own
            size.
        normalized: gaze is in shares of width and height, instead of pixels.
        drop_zeros: leave out samples that are exactly (0, 0), as some programs write a lost eye.
        fps: of frames in images, where gaze is given by time.

    Raises:
        ConfigError: columns that cannot be understood, or options that do not go together.
    """

    columns: str | None = None
    first_frame: Literal[0, 1] = 1
    screen: tuple[int, int] | None = None
    shown: Literal['fit', 'actual-size'] = 'fit'
    normalized: bool = False
    drop_zeros: bool = False
    fps: float | None = None

    def __post_init__(self) -> None:
        check_choice('', 'shown', self.shown, SHOWN)
        if self.screen is None and self.shown != 'fit':
            raise ConfigError(f'--shown {self.shown} goes with --screen WIDTHxHEIGHT')
        # First: it is wrong or right whatever the screen.
        if self.layout.on_screen and self.screen is None:
            raise ConfigError(
                f'--columns {self.columns}: its gaze is in pixels of the screen, so give --screen '
                'WIDTHxHEIGHT'
            )
        if self.fps is not None and not (self.fps > 0 and math.isfinite(self.fps)):
            raise ConfigError(f'fps must be above 0, got {self.fps}')

    @cached_property
    def layout(self) -> GazeColumns:
        """What `columns` stands for."""
        return parse_columns(self.columns)

    @property
    def in_shares(self) -> bool:
        """Whether gaze is in shares of width and height."""
        return self.normalized or self.layout.normalized


@dataclass(frozen=True, kw_only=True)
class GazeOptions(GazeReading):
    """How gaze becomes ground truth: what `GazeReading` has, and

    Attributes:
        density: arguments of `density_map`.
    """

    density: Mapping[str, Any]


@dataclass(frozen=True)
class FolderOptions:
    """What a folder of anybody's videos is prepared with.

    Attributes:
        gaze_file: CSV file, see `read_gaze_csv`; without it there are frames only, in `test`.
        gaze: how it becomes ground truth; needed with it.
        val: share of the videos for validation.
        test: share of the videos for testing.
        seed: chooses them.

    Raises:
        ConfigError: shares that leave nothing for training.
    """

    gaze_file: str | Path | None = None
    gaze: GazeOptions | None = None
    val: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, share in (('val', self.val), ('test', self.test)):
            if not 0 <= share < 1:
                raise ConfigError(f'{name} must lie between 0 and 1, got {share}')
        if self.val + self.test >= 1:
            raise ConfigError(f'val {self.val} and test {self.test} leave nothing to train on')


@dataclass(frozen=True)
class PrepareOptions:
    """What is made of every video, and how the work is done.

    Attributes:
        format: 'png' (without loss) or 'jpg', of extracted frames.
        quality: of 'jpg', 1 to 100.
        keep_video: link the video file instead of extracting its frames.
        copy: copy published files, which are linked otherwise where the file system can.
        allow_trim: frames at the end by which a video and its ground truth may differ; both are
            cut to the shorter.
        fold: of a data set that is split several times, which of its splits.
        map_bits: 8 or 16, of density maps that have to be written as images.
        unannotated: also prepare videos without ground truth.
        overwrite: make videos again that were prepared with other options.
        workers: processes; one a core by default.
        folder: what goes with the kind 'folder'.

    Raises:
        ConfigError: a value that is not possible.
    """

    format: Literal['png', 'jpg'] = 'png'
    quality: int = 95
    keep_video: bool = False
    copy: bool = False
    allow_trim: int = 0
    fold: int | None = None
    map_bits: Literal[8, 16] = 8
    unannotated: bool = False
    overwrite: bool = False
    workers: int | None = None
    folder: FolderOptions = field(default_factory=FolderOptions)

    def __post_init__(self) -> None:
        check_choice('', 'format', self.format, FORMATS)
        if not 1 <= self.quality <= 100:
            raise ConfigError(f'quality must lie between 1 and 100, got {self.quality}')
        if self.allow_trim < 0:
            raise ConfigError(f'allow_trim must be at least 0, got {self.allow_trim}')
        if self.map_bits not in (8, 16):
            raise ConfigError(f'map_bits must be 8 or 16, got {self.map_bits}')
        check_workers(self.workers)

    @property
    def frame_format(self) -> str:
        """Format and quality of extracted frames in a word, such as `jpg-95`."""
        return self.format if self.format == 'png' else f'{self.format}-{self.quality}'


@dataclass(frozen=True)
class CheckOptions:
    """What is checked, and what counts.

    Attributes:
        split: only this one, or these.
        quick: read only the names, the headers of the images, and some frames of each video.
        sample: how many frames of a video that is.
        complete: other counts than the published ones are errors.
        strict: warnings count as errors.
        ignore: kinds of faults not to report, such as no-gaze.

    Raises:
        ConfigError: a number out of range.
    """

    split: str | Sequence[str] | None = None
    quick: bool = False
    sample: int = 8
    complete: bool = False
    strict: bool = False
    ignore: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.sample < 1:
            raise ConfigError(f'sample must be at least 1, got {self.sample}')
