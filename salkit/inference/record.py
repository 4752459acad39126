"""What is kept beside the outputs of an input: how they were made."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ..datasets.layout import find_video_file
from ..errors import DataError
from ..utils.files import whole_file

MADE_BY = 'salkit predict'


def stamp_of(path: Path) -> str:
    """Changes whenever a file, or a file in a folder, does; not looking into folders inside."""
    if not path.is_dir():
        status = path.stat()
        return f'{status.st_size} bytes, {status.st_mtime_ns}'
    with os.scandir(path) as entries:
        files = [
            (entry.name, entry.stat().st_size, entry.stat().st_mtime_ns)
            for entry in entries
            if not entry.name.startswith('.') and entry.is_file()
        ]
    digest = hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()
    return f'{len(files)} files, {digest[:16]}'


def stimulus_stamp(path: Path) -> str:
    """The stamp of what `open_stimulus` reads of a path."""
    if path.is_dir():
        inner = path / 'images'
        path = inner if inner.is_dir() else find_video_file(path) or path
    return stamp_of(path)


class Record:
    """The record of an input, `<out>/<name>.json`.

    Args:
        out: folder of the outputs.
        name: of the input.

    Attributes:
        content: plain values; `outputs` holds, by path inside `out`, how each was made.

    Raises:
        DataError: a file of this name that is no such record.
    """

    def __init__(self, out: Path, name: str) -> None:
        self.out = out
        self.path = out / f'{name}.json'
        self.content: dict[str, Any] = {}
        if os.path.lexists(self.path):
            self.content = read_record(self.path) or {}
            if not self.content:
                raise DataError(f'{self.path}: {FOREIGN}')

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """How each output was made: format, number of frames, settings; by path inside `out`."""
        return self.content.get('outputs', {})

    def owns(self, output: str) -> bool:
        """Whether an output was made by an earlier run."""
        return output in self.outputs

    def is_finished(self, output: str, settings: dict[str, Any]) -> bool:
        """Whether an output is there as it would be made with these settings."""
        entry = self.outputs.get(output, {})
        if not entry.get('finished') or entry.get('settings') != plain(settings):
            return False
        place = self.out / output
        if not place.is_dir():
            return place.is_file()
        return sum(name.endswith('.png') for name in os.listdir(place)) == entry.get('frames')

    def write(self, outputs: dict[str, dict[str, Any]], **about: Any) -> None:
        """Write the record, with these outputs beside earlier ones that are still there."""
        earlier = {
            output: entry
            for output, entry in self.outputs.items()
            if output not in outputs and (self.out / output).exists()
        }
        self.content = plain(dict(made_by=MADE_BY, **about, outputs={**earlier, **outputs}))
        with whole_file(self.path) as temporary:
            text = json.dumps(self.content, separators=(',', ':')) + '\n'
            temporary.write_text(text, encoding='utf-8')


FOREIGN = 'is there and was not made by salkit predict; move it away, or choose another --out'


def plain(values: Any) -> Any:
    """Values as they come back from a JSON file."""
    return json.loads(json.dumps(values))


def read_record(path: Path) -> dict[str, Any] | None:
    """The record in a file; None where it holds none."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError):
        return None
    is_record = isinstance(content, dict) and content.get('made_by') == MADE_BY
    return content if is_record and isinstance(content.get('outputs'), dict) else None


def recorded_outputs(out: Path) -> set[Path]:
    """All outputs that the records in a folder tell of, as resolved paths."""
    paths = sorted(out.glob('*.json')) if out.is_dir() else []
    records = (read_record(path) or {} for path in paths)
    return {(out / output).resolve() for record in records for output in record.get('outputs', ())}
