"""What is kept beside the outputs of an input: how they were made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ...errors import DataError
from ...media.map_stacks import fingerprint_of, fingerprint_of_file
from ...utils.files import whole_file
from ...utils.input_files import read_input_json

# The commands that keep records.
COMMANDS = ('salkit predict', 'salkit regions', 'salkit reframe')

# How outputs were made, by their paths inside the folder of outputs. Plain values, as in JSON.
Entries: TypeAlias = dict[str, dict[str, Any]]


def stamp_of(path: Path) -> str:
    """Changes whenever a file, or a file in a folder, does; not looking into folders inside."""
    if not path.is_dir():
        return fingerprint_of_file(path)
    files = (file for file in sorted(path.iterdir()) if not file.name.startswith('.'))
    return fingerprint_of([fingerprint_of_file(file) for file in files if file.is_file()])


def stimulus_stamp(path: Path) -> str:
    """See `stamp_of`; of a data set's folder of one video, that of its frames."""
    images = path / 'images'
    return stamp_of(images if images.is_dir() else path)


class Record:
    """The record of an input, `<out>/<name><ending>.json`.

    Args:
        out: folder of the outputs.
        name: of the input.
        source: the input.
        made_by: the command, one of `COMMANDS`.
        ending: tells its records from those of the others in the same folder.

    Attributes:
        content: plain values; `outputs` holds, by path inside `out`, how each was made.

    Raises:
        DataError: a file of this name that salkit did not write, or wrote for another input.
    """

    def __init__(
        self, out: Path, name: str, source: Path, made_by: str = COMMANDS[0], ending: str = ''
    ) -> None:
        self.out, self.name, self.made_by = out, name, made_by
        self.path = out / f'{name}{ending}.json'
        self.source = Path(os.path.abspath(source))
        self.content: dict[str, Any] = {}
        self.read()

    def read(self) -> None:
        """Read what is there, which another run may have written meanwhile."""
        self.content = read_record(self.path)
        if self.content.get('made_by') != self.made_by:
            if os.path.lexists(self.path):
                raise DataError(f'{self.path}: {self._foreign}')
            return
        other = _source_in(self.content)
        if other != self.source and os.path.lexists(other):
            raise DataError(
                f'{self.path}: is of {other}, not of {self.source}; run again, and the outputs '
                'get another name, or choose another --out'
            )

    @property
    def _foreign(self) -> str:
        return (
            f'is there and was not made by {self.made_by} from this input; move it away, or choose '
            'another --out'
        )

    def check_places(self, places: Iterable[str]) -> None:
        """Check that outputs may be written, by their paths inside `out`.

        Raises:
            DataError: one would take the place of the input, or of what salkit did not make of it.
        """
        stimulus = self.source.resolve()
        for place in places:
            path = self.out / place
            real = path.resolve()
            if real == stimulus or real in stimulus.parents or stimulus in real.parents:
                raise DataError(
                    f'{path}: would take the place of what is read; choose another --out'
                )
            if os.path.lexists(path) and place not in self.outputs:
                raise DataError(f'{path}: {self._foreign}')

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
        outputs = {**earlier, **outputs}
        head = dict(made_by=self.made_by, source=str(self.source), name=self.name)
        self.content = {**head, **about, 'outputs': outputs}
        with whole_file(self.path) as temporary:
            is_read = self.made_by != COMMANDS[0]
            # Of maps, it lists every frame, and is for programs; the others' numbers are read.
            indent, separators = (2, None) if is_read else (None, (',', ':'))
            text = json.dumps(self.content, indent=indent, separators=separators) + '\n'
            temporary.write_text(text, encoding='utf-8')


def read_record(path: Path) -> dict[str, Any]:
    """The record in a file; empty where it holds none."""
    try:
        content = read_input_json(path)
    except DataError:
        return {}
    if not isinstance(content, dict) or content.get('made_by') not in COMMANDS:
        return {}
    return content if isinstance(content.get('outputs'), dict) else {}


def _source_in(content: Mapping[str, Any]) -> Path:
    # Version 0.2.0 recorded sources as they had been typed.
    return Path(os.path.abspath(str(content.get('source', ''))))


@dataclass(frozen=True)
class EarlierInput:
    """An input that has a record in the folder of outputs.

    Attributes:
        name: of its outputs.
        source: absolute path.
        stamps: of the source when it was predicted, see `stamp_of`.
        outputs: what was made of it.
    """

    name: str
    source: Path
    stamps: frozenset[str]
    outputs: tuple[Path, ...]

    def moved_to(self, paths: Iterable[Path]) -> Path | None:
        """Which of `paths` the source was moved to, if it is gone."""
        if os.path.lexists(self.source):
            return None
        return next((path for path in paths if stimulus_stamp(path) in self.stamps), None)


def earlier_inputs(out: Path) -> list[EarlierInput]:
    """All inputs that have a record in a folder."""
    found = []
    for path in sorted(out.glob('*.json')):
        if content := read_record(path):
            made: Entries = content['outputs']
            settings = [entry.get('settings') or {} for entry in made.values()]
            stamps = frozenset(str(each['source']) for each in settings if 'source' in each)
            outputs = tuple(out / output for output in made)
            # Version 0.2.0 recorded no names.
            name = str(content.get('name', path.stem))
            found.append(EarlierInput(name, _source_in(content), stamps, outputs))
    return found
