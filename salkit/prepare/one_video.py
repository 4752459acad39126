"""Makes the folder of one video, whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..datasets.layout import read_video
from ..errors import DataError
from ..media.map_stacks import places_within
from ..media.video import VideoReader
from ..utils.files import write_json
from ..utils.folders import whole_folder
from ..utils.input_files import read_input_json
from .options import PrepareOptions
from .sources import VideoSource
from .stimulus import Stimulus, open_stimulus

# In the folder of every video that is finished.
RECORD = '.prepared.json'
VERSION = 1


@dataclass(frozen=True)
class Made:
    """What came of one video.

    Attributes:
        frames: how many it has now.
        trimmed: how many were cut off.
        note: what a reader should know, such as that frames were cut.
        file: name of the video file where that was kept.
    """

    frames: int
    trimmed: int = 0
    note: str = ''
    file: str | None = None


def settings_of(source: VideoSource, options: PrepareOptions) -> dict[str, object]:
    """The part of a video's record by which finished folders of other options are noticed."""
    made = 'published frames'
    if not source.stimulus.is_dir():
        made = 'video' if options.keep_video else options.frame_format
    kind = source.annotation.kind if source.annotation else None
    return dict(version=VERSION, stimulus=made, annotation=kind, copy=options.copy)


def read_record(folder: Path) -> dict | None:
    """The record of a finished video; None where there is none."""
    try:
        content = read_input_json(folder / RECORD)
    except DataError:
        return None
    return content if isinstance(content, dict) else None


def make_video(source: VideoSource, folder: Path, options: PrepareOptions) -> Made:
    """Make the folder of a video, replacing one that is there.

    Raises:
        DataError: what is published does not fit together, or cannot be read.
    """
    with open_stimulus(source.stimulus, options) as stimulus, whole_folder(folder) as unfinished:
        made = _fill(unfinished, source, stimulus, options)
        write_json({**vars(made), **settings_of(source, options)}, unfinished / RECORD)
        # Under its temporary name, the frames of a copy would be counted in vain.
        if source.annotation and not (made.file and not (unfinished / made.file).is_symlink()):
            try:
                read_video(unfinished, require_fixations=False)
            except DataError as error:
                raise DataError(str(error).replace(str(unfinished), str(folder))) from error
    if made.file:
        # Builds the index of the frames where they will be read, so that training need not.
        with VideoReader(folder / made.file):
            pass
    return made


def _fill(folder: Path, source: VideoSource, stimulus: Stimulus, options: PrepareOptions) -> Made:
    annotation = source.annotation
    lengths = {'frames': len(stimulus)}
    names = stimulus.names
    if annotation is not None:
        lengths |= annotation.lengths()
    if source.frames is not None:
        # What is beyond these is left out by whoever lists them.
        lengths = {part: min(length, source.frames) for part, length in lengths.items()}
        if names is not None:
            lengths['frames'] = len(places_within(names, source.frames))
        lengths['frames in its list'] = source.frames
    count = _common_length(source, lengths, stimulus, options.allow_trim)
    if annotation is not None:
        _check_size(source, stimulus, annotation.size())
        if names is None and (names := annotation.names()) is not None:
            _check_in_step(source, names)
    if names is None:
        digits = max(4, len(str(count)))
        names = [f'{i + 1:0{digits}d}' for i in range(count)]
    names = names[:count]
    notes = []
    # A video cannot be cut at its end without encoding it again.
    keep = options.keep_video and count == len(stimulus)
    file = stimulus.keep(folder, options) if keep else None
    if file is None:
        stimulus.write(folder, names, options)
    if annotation is not None:
        notes.append(annotation.write(folder, names, stimulus, options))
    trimmed = max(lengths.values()) - count
    if trimmed:
        notes.append(f'cut to {count} frames: {_in_words(lengths)}')
        if options.keep_video and not keep:
            notes.append('its frames were extracted, as a video cannot be cut')
    return Made(count, trimmed, '; '.join(filter(None, notes)), file)


def _in_words(lengths: dict[str, int]) -> str:
    return ', '.join(f'{count} {part}' for part, count in lengths.items())


def _common_length(
    source: VideoSource, lengths: dict[str, int], stimulus: Stimulus, allow_trim: int
) -> int:
    """The number of frames that are there of every part."""
    shortest, longest = min(lengths.values()), max(lengths.values())
    if shortest == 0 or longest - shortest > allow_trim:
        note = f' ({stimulus.note})' if stimulus.note else ''
        hint = ''
        if shortest:
            hint = f'; --allow-trim {longest - shortest} would cut them to {shortest}'
        raise DataError(f'{source.stimulus}: {_in_words(lengths)}{note}{hint}')
    return shortest


def _check_in_step(source: VideoSource, names: Sequence[str]) -> None:
    """Raise DataError where a density map is missing: all frames after it would be mispaired."""
    digits = [re.findall(r'\d+', name) for name in names]
    if all(digits):
        for before, after in pairwise(int(found[-1]) for found in digits):
            if after != before + 1:
                raise DataError(
                    f'{source.stimulus}: its density maps jump from number {before} to {after}'
                )


def _check_size(source: VideoSource, stimulus: Stimulus, expected: tuple[int, int] | None) -> None:
    if expected is not None and expected != stimulus.size:
        raise DataError(
            f'{source.stimulus}: frames of {stimulus.size[0]} x {stimulus.size[1]} pixels, '
            f'density maps of {expected[0]} x {expected[1]}'
        )
