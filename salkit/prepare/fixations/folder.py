"""A folder of maps that takes its place when all of them are in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...media.images import IMAGE_SUFFIXES
from ...utils.files import write_json
from ...version import __version__

# Tells what the maps beside it were made from, and how.
NOTE = 'density.json'


class MapFolder:
    """Written as `.<name>.partial` beside its place, renamed when complete.

    Args:
        path: its place.
        settings: what its files depend on; kept in it. A partial folder with other settings is
            begun anew.
        names: of its files.
    """

    def __init__(self, path: Path, settings: dict[str, Any], names: Sequence[str]) -> None:
        self.path = path
        self.settings = json.loads(json.dumps(settings))
        self.names = names
        self.partial = path.with_name(f'.{path.name}.partial')
        self._old = path.with_name(f'.{path.name}.old')

    def _settings_in(self, folder: Path) -> Any:
        try:
            return json.loads((folder / NOTE).read_text(encoding='utf-8'))['settings']
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _missing(self, folder: Path) -> list[str]:
        there = set(os.listdir(folder)) if folder.is_dir() else set()
        return [name for name in self.names if name not in there]

    @property
    def is_complete(self) -> bool:
        """Whether it has its place, with these settings."""
        return self._settings_in(self.path) == self.settings and not self._missing(self.path)

    def check(self, overwrite: bool) -> None:
        """Raise DataError if something else is in its place that may not be replaced."""
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise DataError(f'{self.path}: is there already and is no folder')
        names = os.listdir(self.path)
        foreign = [
            name
            for name in names
            if not name.lower().endswith((*IMAGE_SUFFIXES, '.npy')) and name != NOTE
        ]
        if names and not overwrite:
            settings = self._settings_in(self.path)
            if settings is None:
                reason = 'holds files already'
            elif settings != self.settings:
                changed = sorted(k for k in self.settings if settings.get(k) != self.settings[k])
                reason = f'holds maps that were made otherwise ({", ".join(changed)})'
            else:
                reason = f'lacks {self._missing(self.path)[0]} of its maps'
            raise DataError(f'{self.path}: {reason}; --overwrite replaces them')
        if foreign:
            raise DataError(f'{self.path}: holds more than maps, {foreign[0]}: not overwritten')

    def begin(self) -> None:
        """Make the partial folder, or go on with the one there is."""
        if self._settings_in(self.partial) != self.settings:
            shutil.rmtree(self.partial, ignore_errors=True)
            self.partial.mkdir(parents=True)
            note = dict(salkit=__version__, settings=self.settings)
            write_json(note, self.partial / NOTE)
        for name in os.listdir(self.partial):
            # What a killed process was writing.
            if name.startswith('.'):
                (self.partial / name).unlink()

    def finish(self) -> None:
        """Put the complete folder in its place."""
        if self._old.exists():
            shutil.rmtree(self._old)
        if self.path.is_symlink():
            self.path.unlink()
        elif self.path.exists():
            os.rename(self.path, self._old)
        os.rename(self.partial, self.path)
        shutil.rmtree(self._old, ignore_errors=True)
