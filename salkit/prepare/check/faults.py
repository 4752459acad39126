"""What can be wrong with a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ERROR, WARNING = 'error', 'warning'


@dataclass(frozen=True)
class Kind:
    """A kind of fault: its heading, and what its faults say unless they say otherwise."""

    title: str
    expected: str = ''
    remedy: str = ''
    severity: str = ERROR


_RESTORE_MAP = 'unpack the density map again, or make it anew from the fixations'
# Kinds of faults by name, in the order that they are reported in.
KINDS = {
    'misspelt-split': Kind('split folder under a wrong name'),
    'double-split': Kind('a split in two folders', 'one folder a split'),
    'nested-folder': Kind('videos a folder too deep', 'images, maps and fixation'),
    'archive': Kind('archive', 'its files', 'unpack it and move it away', WARNING),
    'published-counts': Kind(
        'another count than published',
        remedy='nothing, if a part is what you want; else download and unpack what is missing',
        severity=WARNING,
    ),
    'missing-folder': Kind('missing or empty folder'),
    'count-mismatch': Kind(
        'different counts of frames and maps',
        'as many of each',
        'extract the frames again, every one and no other (salkit prepare does), or unpack the '
        'maps again',
    ),
    'missing-file': Kind('missing file'),
    'duplicate-frame': Kind('two files of the same frame', 'one file a frame'),
    'numbering': Kind('numbering', severity=WARNING),
    'stray-file': Kind(
        'stray file or folder', remedy='move it away: it is not read', severity=WARNING
    ),
    'empty-file': Kind('empty file'),
    'unreadable': Kind('unreadable or truncated file'),
    'wrong-size': Kind('wrong size'),
    'broken-video': Kind('broken or truncated video', 'a whole video', 'download the video again'),
    'swapped-folders': Kind(
        'maps and fixation swapped',
        'a density map in maps and a fixation map in fixation',
        'swap the two; where all are, the names of the folders maps and fixation',
    ),
    'shifted': Kind('maps shifted against the frames', 'density maps that fit their own fixations'),
    'mispaired': Kind(
        'density map of another frame or video',
        'density where the fixations are',
        'unpack the density maps again, or make this one anew from the fixations; rename it, if it '
        'fits another frame',
    ),
    'density-empty': Kind('all-zero density map', 'a density map', _RESTORE_MAP),
    'density-constant': Kind('constant density map', 'a density map', _RESTORE_MAP),
    'density-points': Kind(
        'density map that is not blurred',
        'a blurred density map',
        'put the density map there, or make it from the fixations: this is a fixation map',
        WARNING,
    ),
    'not-grey': Kind(
        'map in colour',
        'a map in grey',
        'put the map itself there, not an overlay or heat map in colour',
    ),
    'fixation-empty': Kind(
        'all-zero fixation map',
        'fixations, or nothing in the density map either',
        'unpack the fixation map again, or remove this frame and its maps',
    ),
    'fixation-grey': Kind(
        'fixation map with grey levels',
        'a few white pixels on black, as PNG',
        'put the fixation map there: this looks like a density map, or was blurred by JPEG',
    ),
    'fixation-dense': Kind(
        'fixation map with far too many fixations',
        'a few white pixels on black',
        'make the map anew from the fixations, one pixel each; if it is inverted, invert it',
    ),
    'no-gaze': Kind(
        'frame without gaze',
        'somebody looking',
        'nothing, if nobody looked at this frame: scores leave it out; else unpack its maps again',
        WARNING,
    ),
    'frozen-frames': Kind(
        'identical frames',
        'a video that moves',
        'play the video; if it moves, extract the frames again at its rate (salkit prepare does)',
        WARNING,
    ),
    'duplicate-video': Kind(
        'the same video in several splits',
        'every video in one split only',
        'remove one of them: otherwise scores are not held out',
        WARNING,
    ),
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
    severity: str

    @property
    def message(self) -> str:
        """What was found and what was expected."""
        return f'{self.found}; expected {self.expected}'


class Faults(list[Fault]):
    """A list that faults are added to by what is special about each."""

    def add(
        self,
        kind: str,
        path: Path | str,
        found: str,
        expected: str = '',
        remedy: str = '',
        severity: str = '',
    ) -> None:
        """Add a fault; what is left out is that of its kind."""
        usual = KINDS[kind]
        expected, remedy = expected or usual.expected, remedy or usual.remedy
        self.append(Fault(kind, str(path), found, expected, remedy, severity or usual.severity))
