"""Scores that are kept while a run goes on, so that another one can go on from there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..metrics import FrameScores
from ..utils.files import locked_folder


@dataclass
class VideoResult:
    """What the frames of a video gave. JSON gives every number back to the last bit.

    Attributes:
        frames: names of those that were scored.
        rows: what each of them gave, by name of the protocol.
        not_finite: names of those that were not, for a NaN or an infinite value.
        tied_shares: of the maps of 8 bits with fixations, see `tied_share`.
        shapes: number of maps by size, of those whose shape is not that of their frame.
        note: see `TruthVideo`.
    """

    frames: list[str] = field(default_factory=list)
    rows: dict[str, list[FrameScores]] = field(default_factory=dict)
    not_finite: list[str] = field(default_factory=list)
    tied_shares: list[float] = field(default_factory=list)
    shapes: dict[str, int] = field(default_factory=dict)
    note: str = ''


class FinishedVideos:
    """Results by key, a line each in one file.

    A key changes with everything that the scores depend on, so a line with the right key is right.

    Args:
        file: open for reading and appending.
        places: where the line of each key begins.
    """

    def __init__(self, file: BinaryIO, places: dict[str, int]) -> None:
        self._file = file
        self._places = places

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def add(self, key: str, result: VideoResult) -> None:
        """Keep the scores of a video."""
        self._places[key] = self._file.seek(0, 2)
        line = json.dumps(dict(key=key, result=result), default=vars)
        self._file.write(line.encode() + b'\n')
        self._file.flush()

    def read(self, key: str) -> VideoResult:
        """The scores of a video."""
        self._file.seek(self._places[key])
        content = json.loads(self._file.readline())['result']
        for name, rows in content['rows'].items():
            content['rows'][name] = [FrameScores(**row) for row in rows]
        return VideoResult(**content)


@contextmanager
def finished_videos(folder: Path, wanted: Collection[str]) -> Iterator[FinishedVideos]:
    """What an ended run left in `folder`, to go on from; the folder is gone when all went well.

    Args:
        folder: made where it does not exist.
        wanted: keys; others are passed over: files have changed, or settings.

    Raises:
        ConfigError: another run is at work in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder, 'lock', 'salkit score'):
        with open(folder / 'finished.jsonl', 'a+b') as file:
            places, end = {}, file.seek(0)
            for line in file:
                # The run, or the machine, may have ended in the middle of a line.
                try:
                    key = json.loads(line)['key'] if line.endswith(b'\n') else None
                except (ValueError, KeyError, TypeError):
                    key = None
                if key is None:
                    break
                if key in wanted:
                    places[key] = end
                end += len(line)
            file.truncate(end)
            try:
                yield FinishedVideos(file, places)
            except BaseException:
                if not file.seek(0, os.SEEK_END):
                    # There is nothing to go on from.
                    shutil.rmtree(folder, ignore_errors=True)
                raise
        shutil.rmtree(folder, ignore_errors=True)
