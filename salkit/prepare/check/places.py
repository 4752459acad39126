"""Where the splits and videos of a data set lie."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...datasets.layout import SPLIT_FOLDERS, VIDEO_STEM, subfolders
from ...datasets.published import LAYOUT, PublishedDataset, dataset_at
from ...errors import DataError
from ...media.video import VIDEO_SUFFIXES
from .fault import WARNING, Fault, Faults

PARTS = ('images', 'maps', 'fixation')
SPLIT_OF = {name: split for split, names in SPLIT_FOLDERS.items() for name in names}
# Where `salkit prepare` puts videos that have no ground truth.
UNANNOTATED = 'unannotated'
# What operating systems leave lying about.
JUNK = ('thumbs.db', 'desktop.ini', 'ehthumbs.db')
_ARCHIVE = re.compile(
    r'.*(\.rar|\.r\d\d|\.zip|\.z\d\d|\.7z|\.tar|\.tgz|\.tar\.\w+|\.(zip|7z|rar)\.\d{3})', re.I
)
EXPECTED = (
    'expected <root>/<split>/<video>/ with images/ (or a file video.<suffix>), maps/ and '
    'fixation/, as salkit prepare makes them'
)


@dataclass(frozen=True)
class VideoPlace:
    """Where the parts of one video are expected.

    Attributes:
        split: its split.
        name: of the video.
        folder: of the video.
        images: folder of its frames; None where a file holds them.
        video_path: the file that holds the frames, or None.
        annotated: whether it should have ground truth.
    """

    split: str
    name: str
    folder: Path
    images: Path | None
    video_path: Path | None = None
    annotated: bool = True

    @property
    def maps(self) -> Path:
        """Folder of the density maps."""
        return self.folder / 'maps'

    @property
    def fixation(self) -> Path:
        """Folder of the fixation maps."""
        return self.folder / 'fixation'

    @property
    def mats(self) -> Path:
        """Folder of the fixation maps as .mat files."""
        return self.folder / 'fixation' / 'maps'


@dataclass
class Places:
    """Videos of a data set, and what is wrong with its folders.

    Attributes:
        videos: in order.
        splits: names of the splits, in order.
        faults: of the folders above the videos.
    """

    videos: list[VideoPlace] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)


def is_junk(name: str) -> bool:
    """Whether a file is hidden, or one that operating systems leave behind."""
    return name.startswith('.') or name.lower() in JUNK or name == '__MACOSX'


def find_places(root: Path, split: str | None = None) -> Places:
    """Find the videos of a data set.

    Args:
        root: of the data set, of a split or of one video; also DHF1K as downloaded, with
            `annotation` and `video`.
        split: only this one, under any of its names; None for all.

    Raises:
        DataError: no such folder or split, or no videos.
    """
    if not root.is_dir():
        raise DataError(f'{root}: the data root does not exist')
    places = Places()
    places.faults += _archives(root)
    dataset = dataset_at(root)
    if dataset is not LAYOUT:
        _add_published(places, dataset, root)
    elif _is_video(root):
        _add_split(places, SPLIT_OF.get(root.parent.name, 'all'), [root])
    else:
        _add_splits(places, root)
    if split is not None:
        wanted = SPLIT_OF.get(split, split)
        if wanted not in places.splits:
            raise DataError(
                f'{root}: has no split {split!r}; it has {", ".join(places.splits) or "none"}'
            )
        places.splits = [wanted]
        places.videos = [video for video in places.videos if video.split == wanted]
    if not places.videos and not places.faults:
        raise DataError(f'{root}: holds no videos; {EXPECTED}')
    return places


def _add_splits(places: Places, root: Path) -> None:
    inside = subfolders(root)
    splits = {sub: SPLIT_OF[sub.name] for sub in inside if sub.name in SPLIT_OF}
    loose = []
    for sub in inside:
        if sub in splits or is_junk(sub.name):
            continue
        if _is_video(sub):
            loose.append(sub)
        elif _holds_videos(sub):
            splits[sub] = _split_meant(places, sub)
    if loose and splits:
        for folder in loose:
            places.faults.tell(
                'stray-file',
                folder,
                'a video beside the split folders',
                'every video inside a split',
                'move it into the folder of its split',
                WARNING,
            )
    elif loose:
        # The root is a split: every folder in it is a video, whatever it lacks.
        _add_split(
            places, SPLIT_OF.get(root.name, 'all'), [s for s in inside if not is_junk(s.name)]
        )
    seen: dict[str, Path] = {}
    order = [*SPLIT_FOLDERS, *splits.values()]
    for folder in sorted(splits, key=lambda sub: order.index(splits[sub])):
        name = splits[folder]
        places.faults += _archives(folder)
        if name in seen:
            places.faults.tell(
                'double-split',
                folder,
                f'{seen[name]} is read as the split {name} too',
                'one folder a split',
                f'merge {folder} into {seen[name]}',
            )
        seen.setdefault(name, folder)
        videos = [sub for sub in subfolders(folder) if not is_junk(sub.name)]
        if not videos:
            places.faults.tell(
                'empty-split',
                folder,
                'no videos',
                'a folder for each video',
                'put the videos there, or remove the folder',
            )
        _add_split(places, name, videos)
        places.faults += _strays(folder)


def _split_meant(places: Places, folder: Path) -> str:
    """The split that a folder with an unusual name is; a misspelt one is a fault."""
    words = re.split('[^a-z]+', folder.name.lower())
    close = (
        []
        if set(words) & SPLIT_OF.keys()
        else difflib.get_close_matches(folder.name.lower(), SPLIT_OF, 1, 0.75)
    )
    if folder.name.lower() in SPLIT_OF:
        close = [folder.name.lower()]
    if not close:
        return folder.name
    places.faults.tell(
        'misspelt-split',
        folder,
        f'a folder {folder.name} of videos',
        f'the split folder {close[0]}',
        f'mv {folder} {folder.parent / close[0]}',
    )
    return SPLIT_OF[close[0]]


def _add_split(places: Places, split: str, folders: list[Path]) -> None:
    if split not in places.splits:
        places.splits.append(split)
    # A split's padding: names such as 001 among names such as 0002.
    widths: dict[int, str] = {}
    for folder in folders:
        if folder.name.isdigit():
            widths.setdefault(len(folder.name), folder.name)
        if not _is_video(folder) and _holds_videos(folder):
            places.faults.tell(
                'nested-folder',
                folder,
                'folders of videos inside this folder',
                'images, maps and fixation',
                f'move what it holds up into {folder.parent}',
            )
            continue
        file = _video_file(places, folder)
        places.videos.append(
            VideoPlace(
                split,
                folder.name,
                folder,
                None if file else folder / 'images',
                file,
                split != UNANNOTATED,
            )
        )
    if len(widths) > 1 and any(name.startswith('0') for name in widths.values()):
        places.faults.tell(
            'numbering',
            folders[0].parent,
            'videos named ' + ' and '.join(widths[width] for width in sorted(widths)),
            'as many digits in every name',
            'rename the folders of one of the two kinds',
            WARNING,
        )


def _add_published(places: Places, dataset: PublishedDataset, root: Path) -> None:
    """A data set as downloaded: frames are in a file, and annotation elsewhere."""
    for video in dataset.find_videos(root):
        if video.split not in places.splits:
            places.splits.append(video.split)
        is_file = video.stimulus is None or not video.stimulus.is_dir()
        known = video.is_annotated or video.split not in dataset.withheld
        places.videos.append(
            VideoPlace(
                video.split,
                video.name,
                video.folder,
                None if is_file else video.stimulus,
                (video.stimulus or root / video.name) if is_file else None,
                known,
            )
        )


def _video_file(places: Places, folder: Path) -> Path | None:
    """The file that holds the frames where there is no folder `images`."""
    if os.path.isdir(folder / 'images'):
        return None
    found = _video_files(folder)
    if len(found) > 1:
        places.faults.tell(
            'duplicate-frame',
            folder,
            f'{len(found)} video files: {", ".join(found)}',
            'one video file',
            f'remove all but one of them from {folder}',
        )
    return folder / found[0] if found else None


def _video_files(folder: Path) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    suffixes = tuple(VIDEO_SUFFIXES)
    return [n for n in names if n.lower().endswith(suffixes) and Path(n).stem == VIDEO_STEM]


def _is_video(folder: Path) -> bool:
    return any(os.path.isdir(folder / part) for part in PARTS) or bool(_video_files(folder))


def _holds_videos(folder: Path) -> bool:
    try:
        return any(_is_video(sub) for sub in subfolders(folder))
    except OSError:
        return False


def _archives(folder: Path) -> Iterator[Fault]:
    for name in sorted(os.listdir(folder)):
        if _ARCHIVE.fullmatch(name) and not is_junk(name) and (folder / name).is_file():
            yield Fault(
                'archive',
                str(folder / name),
                'an archive',
                'its files',
                'unpack it (of several parts, only the first is named to the unpacker) and move it '
                'away',
                WARNING,
            )


def _strays(split: Path) -> Iterator[Fault]:
    for name in sorted(os.listdir(split)):
        path = split / name
        if not is_junk(name) and path.is_file() and not _ARCHIVE.fullmatch(name):
            yield Fault(
                'stray-file',
                str(path),
                'a file beside the folders of videos',
                'folders only',
                'move it away: no video is read from it',
                WARNING,
            )
