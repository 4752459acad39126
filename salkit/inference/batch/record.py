"""What is kept beside the outputs of an input: how they were made."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeAlias

from ...errors import DataError
from ...media.map_stacks import fingerprint_of, fingerprint_of_file
from ...utils.files import whole_file

MADE_BY = 'salkit predict'
FOREIGN = 'is there and was not made by salkit predict; move it away, or choose another --out'

# How outputs were made, by their paths inside the folder of outputs. Plain values, as in JSON.
Entries: TypeAlias = dict[str, dict[str, Any]]


def stamp_of(path: Path) -> str:
    """Changes whenever a file, or a file in a folder, does; not looking into folders inside."""
    if not path.is_dir():
        return fingerprint_of_file(path)
    files = (file for file in sorted(path.iterdir()) if not file.name.startswith('.'))
    return fingerprint_of([fingerprint_of_file(file) for file in files if file.is_file()])


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
        self.content = read_record(self.path)
        if not self.content and os.path.lexists(self.path):
            raise DataError(f'{self.path}: {FOREIGN}')

    @property
    def outputs(self) -> Entries:
        """The number of frames and the settings of each; empty where it was not finished."""
        return self.content.get('outputs', {})

    def is_finished(self, output: str, settings: object) -> bool:
        """Whether an output is there as it would be made with these settings."""
        entry, place = self.outputs.get(output, {}), self.out / output
        if entry.get('settings') != settings:
            return False
        if place.is_dir():
            return len(list(place.glob('*.png'))) == entry.get('frames')
        return place.is_file()

    def write(self, outputs: Entries, **about: object) -> None:
        """Write the record, with these outputs beside earlier ones that are still there."""
        earlier = {o: entry for o, entry in self.outputs.items() if (self.out / o).exists()}
        self.content = dict(made_by=MADE_BY, **about, outputs={**earlier, **outputs})
        with whole_file(self.path) as temporary:
            text = json.dumps(self.content, separators=(',', ':')) + '\n'
            temporary.write_text(text, encoding='utf-8')


def read_record(path: Path) -> dict[str, Any]:
    """The record in a file; empty where it holds none."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError):
        return {}
    is_record = isinstance(content, dict) and content.get('made_by') == MADE_BY
    return content if is_record and isinstance(content.get('outputs'), dict) else {}


def recorded_outputs(out: Path) -> list[Path]:
    """All outputs in the records of a folder."""
    records = [read_record(path) for path in sorted(out.glob('*.json'))]
    return [out / output for record in records for output in record.get('outputs', ())]
