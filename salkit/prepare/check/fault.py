"""What can be wrong with a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

ERROR, WARNING = 'error', 'warning'

# Kinds of faults, in the order they are told in, with their headings.
KINDS = {
    'misspelt-split': 'split folder under a wrong name',
    'double-split': 'a split in two folders',
    'nested-folder': 'videos a folder too deep',
    'archive': 'archive that may not be unpacked',
    'empty-split': 'split without videos',
    'published-counts': 'another count than published',
    'missing-folder': 'missing or empty folder',
    'count-mismatch': 'different counts of frames and maps',
    'missing-file': 'missing file',
    'duplicate-frame': 'two files of the same frame',
    'numbering': 'numbering',
    'stray-file': 'stray file or folder',
    'permission': 'no permission to read',
    'empty-file': 'empty file',
    'unreadable': 'unreadable or truncated file',
    'wrong-size': 'wrong size',
    'broken-video': 'broken or truncated video',
    'swapped-folders': 'folders maps and fixation swapped',
    'shifted': 'maps shifted against the frames',
    'mispaired': 'density map of another frame or video',
    'density-empty': 'all-zero density map',
    'density-constant': 'constant density map',
    'density-points': 'density map that is not blurred',
    'not-grey': 'map in colour',
    'fixation-empty': 'all-zero fixation map',
    'fixation-grey': 'fixation map with grey levels',
    'fixation-dense': 'fixation map with far too many fixations',
    'no-gaze': 'frame without gaze',
    'flat-frames': 'frames without a picture',
    'frozen-frames': 'identical frames',
    'duplicate-video': 'the same video in several splits',
}


@dataclass(frozen=True)
class Fault:
    """Something wrong with one file or folder.

    Attributes:
        kind: one of `KINDS`.
        path: of the file or folder; where it is missing, where it should be.
        found: what is there.
        expected: what should be there.
        remedy: what to do about it.
        severity: 'error' or 'warning'.
    """

    kind: str
    path: str
    found: str
    expected: str
    remedy: str
    severity: str = ERROR

    @property
    def message(self) -> str:
        """What was found and what was expected."""
        return f'{self.found}; expected {self.expected}'

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return dict(vars(self), message=self.message)


class Faults(list[Fault]):
    """A list of faults that new ones are told to."""

    def tell(
        self,
        kind: str,
        path: Path | str,
        found: str,
        expected: str,
        remedy: str,
        severity: str = ERROR,
    ) -> None:
        """Add a fault; the arguments are its attributes."""
        self.append(Fault(kind, str(path), found, expected, remedy, severity))
