"""The audio-visual collection of STAViS (Tsiami et al., CVPR 2020): DIEM, Coutrot 1 and 2, SumMe,
ETMD and AVAD, as its scripts and those of ViNet read them. The sound is not used here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...registry import DATASETS, PUBLISHED
from ...utils.files import natural_key
from ...utils.input_files import read_input_text
from ..base import VideoSaliencyDataset
from ..layout import subfolders
from .base import PublishedDataset
from .raw_layout import NO_SPLIT, PublishedVideo, holds, is_hidden

ANNOTATIONS, FRAMES, LISTS = 'annotations', 'video_frames', 'fold_lists'
PARTS = ('train', 'test')
FOLDS = (1, 2, 3)


@dataclass(frozen=True)
class AudioVisualSet(PublishedDataset):
    """A data set of the collection.

    Attributes:
        folder: what the collection calls it.
        folds: whether it is split three times; else once.
    """

    folder: str = ''
    folds: bool = True

    def is_at(self, root: Path) -> bool:
        """Whether there is `annotations/<folder>/<video>` with maps of either kind."""
        collection = self._collection(root)
        annotations = collection / ANNOTATIONS / self.folder if collection else None
        return (
            annotations is not None
            and annotations.is_dir()
            and any(
                (video / 'maps').is_dir() or holds(video, ('.mat',))
                for video in subfolders(annotations)[:5]
            )
        )

    def find_videos(self, root: Path) -> list[PublishedVideo]:
        """Every video that has a folder or is in a list.

        `root` is the collection, a folder with it as `data`, or `annotations/<folder>` in it. Of a
        video, the frames that its list counts are taken, as the scripts score no others.

        Raises:
            DataError: there is no list, or one that cannot be read or contradicts another one.
        """
        collection = self._collection(root)
        if collection is None:
            return []
        annotations, frames = (collection / part / self.folder for part in (ANNOTATIONS, FRAMES))
        groups, lengths = self._read_lists(collection / LISTS)
        there = [sub.name for place in (annotations, frames) for sub in _folders(place)]
        return [
            PublishedVideo(
                name,
                groups[name][0] if name in groups and not self.folds else NO_SPLIT,
                annotations / name,
                frames / name,
                densities if (densities := annotations / name / 'maps').is_dir() else None,
                mats=annotations / name if holds(annotations / name, ('.mat',)) else None,
                groups=tuple(groups.get(name, ())),
                frames=lengths.get(name),
            )
            for name in sorted({*there, *groups}, key=natural_key)
        ]

    def _collection(self, root: Path) -> Path | None:
        """The folder of the collection, where this data set is in it."""
        places = [root, root / 'data']
        # Of `.`, too.
        here = root.absolute()
        if here.name == self.folder and here.parent.name == ANNOTATIONS:
            places.append(here.parent.parent)
        return next(
            (
                place
                for place in places
                if any((place / part / self.folder).is_dir() for part in (ANNOTATIONS, FRAMES))
            ),
            None,
        )

    def _read_lists(self, folder: Path) -> tuple[dict[str, list[str]], dict[str, int]]:
        """The groups that each listed video is in, and how many frames it has."""
        suffixes = [f'_{fold}' for fold in FOLDS] if self.folds else ['']
        pairs = {
            suffix: [folder / f'{self.folder}_list_{part}{suffix}_fps.txt' for part in PARTS]
            for suffix in suffixes
        }
        found = {s: paths for s, paths in pairs.items() if any(path.exists() for path in paths)}
        groups: dict[str, list[str]] = {}
        lengths: dict[str, int] = {}
        # Where there is none at all, the error is that the first one is not there.
        for suffix, paths in (found or pairs).items():
            # Whoever scores needs no list of training videos.
            train, test = (read_list(path) if path.exists() or not found else {} for path in paths)
            if both := train.keys() & test.keys():
                raise DataError(f'{paths[1]}: lists {min(both)}, as {paths[0].name} does')
            for part, listed in zip(PARTS, (train, test), strict=True):
                for name in listed:
                    groups.setdefault(name, []).append(f'{part}{suffix}')
            # Scores count the frames that the list of the test videos says.
            lengths = train | lengths | test
        return groups, lengths


def read_list(path: Path) -> dict[str, int]:
    """The number of frames of each video in a list: name, number of frames, frames per second.

    Raises:
        DataError: no such list, or a line of another form.
    """
    lengths: dict[str, int] = {}
    for number, line in enumerate(read_input_text(path).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        where = f'{path}, line {number}'
        if len(words) < 2 or not words[1].isdecimal() or not int(words[1]):
            raise DataError(
                f'{where}: expected the name of a video, its number of frames and the frames per '
                f'second, got {line.strip()!r}'
            )
        # It becomes the name of a folder.
        if Path(words[0]).name != words[0] or is_hidden(words[0]):
            raise DataError(f'{where}: expected the name of a video, got {words[0]!r}')
        if words[0] in lengths:
            raise DataError(f'{where}: lists {words[0]} a second time')
        lengths[words[0]] = int(words[1])
    return lengths


def _folders(place: Path) -> list[Path]:
    return [sub for sub in subfolders(place) if not is_hidden(sub.name)] if place.is_dir() else []


def _layout(folder: str, lists: str) -> str:
    return f'{ANNOTATIONS}/{folder}, {FRAMES}/{folder} and {LISTS}/{folder}_list_{lists}'


for _name, _title, _folder in (
    ('avad', 'AVAD', 'AVAD'),
    ('coutrot1', 'Coutrot 1', 'Coutrot_db1'),
    ('coutrot2', 'Coutrot 2', 'Coutrot_db2'),
    ('etmd', 'ETMD', 'ETMD_av'),
    ('summe', 'SumMe', 'SumMe'),
):
    PUBLISHED.add(
        AudioVisualSet(
            _name,
            _title,
            dataset_type=f'{_title.replace(" ", "")}Dataset',
            layout=_layout(_folder, 'test_1_fps.txt'),
            folder=_folder,
        )
    )
PUBLISHED.add(
    AudioVisualSet(
        'diem',
        'DIEM',
        dataset_type='DIEMDataset',
        # As many as STAViS scores.
        counts={'test': (17, None)},
        layout=_layout('DIEM', 'test_fps.txt'),
        folder='DIEM',
        folds=False,
    )
)


class _TrainAndTest(VideoSaliencyDataset):
    """`<root>/train|test/<video>`; 10 % of the training videos are held out by `seed` as 'val'."""

    folder_of_split = {'train': 'train', 'val': 'train', 'test': 'test'}
    single_split_serves_all = False


@DATASETS.register_module()
class AVADDataset(_TrainAndTest):
    """A fold of AVAD (Min et al. 2016), as STAViS splits it: `<root>/train|test/<video>`.

    10 % of the training videos are held out by `seed` as 'val'.
    """


@DATASETS.register_module()
class Coutrot1Dataset(_TrainAndTest):
    """A fold of Coutrot 1 (Coutrot and Guyader 2014), as STAViS splits it: `<root>/train|test/`.

    10 % of the training videos are held out by `seed` as 'val'.
    """


@DATASETS.register_module()
class Coutrot2Dataset(_TrainAndTest):
    """A fold of Coutrot 2 (Coutrot and Guyader 2015), as STAViS splits it: `<root>/train|test/`.

    10 % of the training videos are held out by `seed` as 'val'.
    """


@DATASETS.register_module()
class DIEMDataset(_TrainAndTest):
    """DIEM (Mital et al. 2011), as STAViS splits it: `<root>/train|test/<video>`.

    10 % of the training videos are held out by `seed` as 'val'.
    """


@DATASETS.register_module()
class ETMDDataset(_TrainAndTest):
    """A fold of ETMD (Koutras and Maragos 2015), as STAViS splits it: `<root>/train|test/<video>`.

    10 % of the training videos are held out by `seed` as 'val'.
    """


@DATASETS.register_module()
class SumMeDataset(_TrainAndTest):
    """A fold of SumMe (Gygli et al. 2014; gaze: Tsiami et al. 2019), as STAViS splits it.

    `<root>/train|test/<video>`; 10 % of the training videos are held out by `seed` as 'val'.
    """
