"""Scores that are kept while a run goes on, so that another one can go on from there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..utils.files import locked_folder, whole_file

# Values of the metrics in their order; whether there are fixations, whether the map holds a
# single value, whether it holds a NaN.
Row = tuple[list[float], bool, bool, bool]


@dataclass
class PieceScores:
    """What the frames of a piece gave. JSON gives every number back to the last bit.

    Attributes:
        frames: names of those that were scored.
        rows: what each of them gave, by name of the protocol.
        not_finite: names of those that were not, for a NaN or an infinite value.
        tied_shares: of the maps of 8 bits, see `tied_share`.
        shapes: number of maps by '' for the shape of their frame, else by their size.
    """

    frames: list[str] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    not_finite: list[str] = field(default_factory=list)
    tied_shares: list[float] = field(default_factory=list)
    shapes: dict[str, int] = field(default_factory=dict)


class FinishedPieces:
    """Scores by key, a line each in one file.

    A key changes with everything that the scores depend on, so a line with the right key is right.

    Args:
        file: open for reading and writing.
        places: where the line of each key begins.
    """

    def __init__(self, file: BinaryIO, places: dict[str, int]) -> None:
        self._file = file
        self._places = places

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def add(self, key: str, scores: PieceScores) -> None:
        """Keep the scores of a piece."""
        self._places[key] = self._file.seek(0, 2)
        self._file.write(json.dumps(dict(key=key, scores=asdict(scores))).encode() + b'\n')
        self._file.flush()

    def read(self, key: str) -> PieceScores:
        """The scores of a piece."""
        self._file.seek(self._places[key])
        return PieceScores(**json.loads(self._file.readline())['scores'])


@contextmanager
def finished_pieces(folder: Path, wanted: Collection[str]) -> Iterator[FinishedPieces]:
    """What an ended run left in `folder`, to go on from; the folder is gone when all went well.

    Args:
        folder: made where it does not exist.
        wanted: keys; the lines of others go: files have changed, or settings.

    Raises:
        ConfigError: another run is at work in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'finished.jsonl'
    with locked_folder(folder, 'lock', 'salkit score'):
        places = {}
        with whole_file(path) as temporary, open(temporary, 'wb') as kept:
            for line in _lines(path):
                key = _key_of(line)
                if key in wanted:
                    places[key] = kept.tell()
                    kept.write(line)
        with open(path, 'r+b') as file:
            yield FinishedPieces(file, places)
        shutil.rmtree(folder, ignore_errors=True)


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with open(path, 'rb') as file:
            yield from file


def _key_of(line: bytes) -> str:
    """The key of a line; '' where the run was ended in the middle of it."""
    try:
        return json.loads(line)['key'] if line.endswith(b'\n') else ''
    except ValueError:
        return ''
