"""What is kept beside the outputs of an input: how they were made."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ...errors import DataError
from ...utils.files import whole_file

MADE_BY = 'salkit predict'
FOREIGN = 'is there and was not made by salkit predict; move it away, or choose another --out'

# How outputs were made, by their paths inside the folder of outputs. Plain values, as in JSON.
Entries: TypeAlias = dict[str, dict[str, Any]]


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


class Record:
    """The record of an input, `<out>/<name>.json`.

    Args:
        out: folder of the outputs.
        name: of the input.

    Attributes:
        content: plain values; `outputs` holds, by path inside `out`, how each was made.

    Raises:
        DataError: a file of this name that salkit did not write.
    """

    def __init__(self, out: Path, name: str) -> None:
        self.out = out
        self.path = out / f'{name}.json'
        self.content: dict[str, Any] = {}
        if os.path.lexists(self.path):
            self.content = read_record(self.path)
            if not self.content:
                raise DataError(f'{self.path}: {FOREIGN}')

    @property
    def outputs(self) -> Entries:
        """How each output was made: format, number of frames, settings, whether it is finished."""
        return self.content.get('outputs', {})

    def is_finished(self, output: str, settings: Mapping[str, object]) -> bool:
        """Whether an output is there as it would be made with these settings."""
        entry, place = self.outputs.get(output, {}), self.out / output
        if not entry.get('finished') or entry.get('settings') != _plain(settings):
            return False
        if not place.is_dir():
            return place.is_file()
        return sum(name.endswith('.png') for name in os.listdir(place)) == entry.get('frames')

    def write(self, outputs: Entries, finished: bool, **about: object) -> None:
        """Write the record, with these outputs beside earlier ones that are still there."""
        earlier = {o: entry for o, entry in self.outputs.items() if (self.out / o).exists()}
        made = {output: {**entry, 'finished': finished} for output, entry in outputs.items()}
        self.content = _plain(dict(made_by=MADE_BY, **about, outputs={**earlier, **made}))
        with whole_file(self.path) as temporary:
            text = json.dumps(self.content, separators=(',', ':')) + '\n'
            temporary.write_text(text, encoding='utf-8')


def _plain(values: object) -> Any:
    """Values as they come back from a JSON file."""
    return json.loads(json.dumps(values))


def read_record(path: Path) -> dict[str, Any]:
    """The record in a file; empty where it holds none."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError):
        return {}
    is_record = isinstance(content, dict) and content.get('made_by') == MADE_BY
    return content if is_record and isinstance(content.get('outputs'), dict) else {}


def recorded_outputs(out: Path) -> dict[Path, dict[str, Any]]:
    """All outputs in the records of a folder, by path, and how each was made."""
    found = {}
    for path in sorted(out.glob('*.json')) if out.is_dir() else ():
        for output, entry in read_record(path).get('outputs', {}).items():
            found[out / output] = entry
    return found
