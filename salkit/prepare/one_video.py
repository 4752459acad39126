"""Makes the folder of one video, whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..datasets.layout import VIDEO_STEM, read_video
from ..errors import DataError
from ..media.video import VideoReader
from .options import PrepareOptions
from .source import VideoSource
from .stimulus import Stimulus, VideoFile, kept_path, open_stimulus

# In the folder of every video that is finished.
RECORD = '.prepared.json'
UNFINISHED = '.unfinished'
VERSION = 1


@dataclass(frozen=True)
class Made:
    """What came of one video.

    Attributes:
        frames: how many it has now.
        note: what a reader should know, such as that frames were cut.
    """

    frames: int
    note: str = ''


def temporary_folder(folder: Path) -> Path:
    """Where a video is made before it is renamed to `folder`."""
    return folder.with_name(f'.{folder.name}{UNFINISHED}')


def what_is_made(source: VideoSource, options: PrepareOptions) -> dict[str, Any]:
    """What the record of a video says: finished folders with another one are of other options."""
    made = 'published frames'
    if not source.stimulus.is_dir():
        made = 'video' if options.keep_video else options.frame_format
    kind = source.annotation.kind if source.annotation else None
    return dict(version=VERSION, stimulus=made, annotation=kind, copy=options.copy)


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of a finished video; None where there is none."""
    try:
        content = json.loads((folder / RECORD).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def is_complete(folder: Path, record: dict[str, Any]) -> bool:
    """Whether a finished folder still holds its stimulus: the target of a link may be gone."""
    name = record.get('file')
    return (folder / name).exists() if name else (folder / 'images').is_dir()


def make_video(
    source: VideoSource, folder: Path, options: PrepareOptions, advance: Callable
) -> Made:
    """Make the folder of a video, replacing one that is there.

    Args:
        source: the video.
        folder: where it goes.
        options: how.
        advance: called with the number of frames made; may raise to stop.

    Raises:
        DataError: what is published does not fit together, or cannot be read.
    """
    temporary = temporary_folder(folder)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        with open_stimulus(source.stimulus, options) as stimulus:
            made, record = _fill(temporary, source, stimulus, options, advance)
        record.update(what_is_made(source, options))
        (temporary / RECORD).write_text(
            json.dumps(record, sort_keys=True, indent=1) + '\n', encoding='utf-8'
        )
        _check(temporary, folder, source)
        _replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if record['file']:
        # Builds the index of the frames where they will be read, so that training need not.
        with VideoReader(folder / record['file']):
            pass
    return made


def _fill(
    folder: Path,
    source: VideoSource,
    stimulus: Stimulus,
    options: PrepareOptions,
    advance: Callable,
) -> tuple[Made, dict[str, Any]]:
    annotation = source.annotation
    lengths = {'frames': len(stimulus)}
    published = None
    if annotation is not None:
        lengths |= annotation.lengths()
        published = annotation.names()
    count = _common_length(source, lengths, stimulus, options.allow_trim)
    if annotation is not None:
        _check_size(source, stimulus)
    if published is not None:
        _check_names(source, stimulus, published, count)
    names = stimulus.names or published
    if names is None:
        digits = max(4, len(str(count)))
        names = [f'{i + 1:0{digits}d}' for i in range(count)]
    names = names[:count]
    # A video cannot be cut at its end without encoding it again.
    keep = options.keep_video and stimulus.is_file and count == len(stimulus)
    if keep:
        assert isinstance(stimulus, VideoFile)
        stimulus.keep(folder, options, advance)
    else:
        stimulus.write(folder, names, options, lambda: advance(1))
    notes = []
    if annotation is not None:
        notes.append(annotation.write(folder, names, stimulus, options, advance))
    trimmed = max(lengths.values()) - count
    if trimmed:
        notes.append(f'cut to {count} frames: {_told(lengths)}')
        if options.keep_video and not keep:
            notes.append('its frames were extracted, as a video cannot be cut')
    note = '; '.join(filter(None, notes))
    file = kept_path(folder, stimulus.path).name if keep else None
    return Made(count, note), dict(frames=count, trimmed=trimmed, note=note, file=file)


def _told(lengths: dict[str, int]) -> str:
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
        raise DataError(f'{source.stimulus}: {_told(lengths)}{note}{hint}')
    return shortest


def _numbers(names: Sequence[str]) -> list[int | None]:
    found = [re.findall(r'\d+', name) for name in names]
    return [int(numbers[-1]) if numbers else None for numbers in found]


def _check_names(
    source: VideoSource, stimulus: Stimulus, published: Sequence[str], count: int
) -> None:
    """Raise DataError where a file is missing between others: all after it would be mispaired."""
    if stimulus.names is None:
        numbers = _numbers(published)
        if None in numbers:
            return
        for before, after in pairwise(numbers):
            if after != before + 1:
                raise DataError(
                    f'{source.stimulus}: its density maps jump from number {before} to {after}'
                )
        return
    frames = stimulus.names
    if set(frames).isdisjoint(published):
        # Another naming scheme, which `read_video` checks number by number.
        return
    for frame, name in zip(frames[:count], published[:count], strict=True):
        if frame != name:
            raise DataError(
                f'{source.stimulus}: frame {frame} would be paired with density map {name}'
            )


def _check_size(source: VideoSource, stimulus: Stimulus) -> None:
    expected = source.annotation.size()
    if expected is not None and tuple(expected) != tuple(stimulus.size):
        raise DataError(
            f'{source.stimulus}: frames of {stimulus.size[0]} x {stimulus.size[1]} pixels, '
            f'density maps of {expected[0]} x {expected[1]}'
        )


def _check(temporary: Path, folder: Path, source: VideoSource) -> None:
    """Raise DataError unless the data set classes can read what was made."""
    copied = any(path.stem == VIDEO_STEM and not path.is_symlink() for path in temporary.iterdir())
    if source.annotation is None or copied:
        # Under its temporary name, the frames of a copy would be counted in vain.
        return
    try:
        read_video(temporary, require_fixations=False)
    except DataError as error:
        raise DataError(str(error).replace(str(temporary), str(folder))) from error


def _replace(temporary: Path, folder: Path) -> None:
    """Rename, putting away an earlier folder in a way that leaves one or the other."""
    old = folder.with_name(f'.{folder.name}.old{UNFINISHED}')
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(temporary, folder)
    shutil.rmtree(old, ignore_errors=True)
