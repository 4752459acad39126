"""Results that are kept while a run goes on, so that another one can go on from there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..utils.files import cache_dir, whole_file

SCORES, POINTS = '.json', '.npz'


def parts_folder(out: str | Path | None, *inputs: object) -> Path:
    """Where a run keeps results: beside `out`, else in the cache, named after `inputs`."""
    if out is not None:
        return Path(f'{out}.parts')
    name = hashlib.sha256(repr(inputs).encode()).hexdigest()[:24]
    return cache_dir() / 'score' / name


class Parts:
    """Files named after the keys of the tasks that they come from.

    A key changes with everything that a result depends on, so a file with the right name is right.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out of the folder.

        Raises:
            DataError: another run is in it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            import fcntl
        except ImportError:
            # Windows: two runs with one output are the user's own affair there.
            yield
            return
        with open(self.folder / 'lock', 'w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DataError(f'{self.folder}: another run is writing there') from None
            yield

    def path(self, key: str, suffix: str) -> Path:
        """Where the result with this key is, or will be."""
        return self.folder / (key + suffix)

    def present(self) -> set[str]:
        """Names of all files."""
        with os.scandir(self.folder) as entries:
            return {entry.name for entry in entries}

    def keep_only(self, keys: Collection[str]) -> None:
        """Remove what other keys left: files have changed, or settings."""
        for name in self.present():
            stem, suffix = os.path.splitext(name)
            if name.startswith('.') or (suffix in (SCORES, POINTS) and stem not in keys):
                (self.folder / name).unlink(missing_ok=True)

    def write_scores(self, key: str, content: Any) -> None:
        """Keep the scores of a task."""
        text = json.dumps(content).encode()
        self._write(self.path(key, SCORES), lambda file: file.write(text))

    def read_scores(self, key: str) -> Any:
        """The scores of a task."""
        return json.loads(self.path(key, SCORES).read_bytes())

    def write_points(
        self, key: str, names: list[str], points: list[np.ndarray], size: tuple[int, int]
    ) -> None:
        """Keep the fixations of some frames of equal size."""
        flat = np.concatenate(points) if points else np.zeros((0, 2))
        content = dict(
            names=np.array(names),
            counts=np.array([len(each) for each in points], np.int64),
            points=flat.astype(np.int32),
            size=np.array(size),
        )
        self._write(self.path(key, POINTS), lambda file: np.savez(file, **content))

    def read_points(self, key: str) -> tuple[list[str], list[np.ndarray], tuple[int, int]]:
        """Names, fixations (n, 2) and size of the frames."""
        with np.load(self.path(key, POINTS)) as content:
            ends = content['counts'].cumsum()[:-1]
            points = np.split(content['points'], ends) if len(content['counts']) else []
            return content['names'].tolist(), points, tuple(content['size'].tolist())

    def _write(self, path: Path, write) -> None:
        """Complete or not at all, as a process may end at any moment."""
        with whole_file(path) as temporary, open(temporary, 'wb') as file:
            write(file)

    def remove(self) -> None:
        """Remove the folder: the run is done."""
        shutil.rmtree(self.folder, ignore_errors=True)
