"""Finds the videos of data sets in the layouts that they are published in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..datasets.layout import SPLIT_FOLDERS, subfolders
from ..datasets.published.truth import DHF1K_SPLITS
from ..errors import DataError
from ..media.video import VIDEO_SUFFIXES
from ..utils.files import natural_key
from .annotation import Annotation, FolderAnnotation, StackAnnotation
from .source import (
    UNANNOTATED,
    Found,
    VideoSource,
    find_frames,
    holds_images,
    is_hidden,
    nothing_found,
    videos_in,
)

NO_TRUTH = 'no ground truth (--unannotated prepares the frames)'
# Videos and frames of each split, as published.
DHF1K = {'train': (600, 346_140), 'val': (100, 60_273), 'test': (300, 176_192)}
HOLLYWOOD2 = {'train': (2699, 192_661), 'test': (3558, 244_860)}
UCF_SPORTS = {'train': (103, 6_501), 'test': (47, 2_929)}


def _walk(root: Path, depth: int, stop: re.Pattern) -> Iterator[Path]:
    """Folders from `root` down to `depth` below it; not into those whose names match `stop`."""
    yield root
    if depth:
        for folder in subfolders(root):
            if not stop.fullmatch(folder.name) and not is_hidden(folder.name):
                yield from _walk(folder, depth - 1, stop)


def _annotation(folder: Path) -> Annotation | None:
    """Published images in a video's folder."""
    return FolderAnnotation(folder) if (folder / 'maps').is_dir() else None


# DHF1K -----------------------------------------------------------------------------------------

_NUMBER = re.compile(r'\d{3,4}')


def find_dhf1k(root: Path, unannotated: bool = False) -> Found:
    """DHF1K (Wang et al. 2019): `video/001.AVI` and `annotation/0001/{maps,fixation}`.

    Frames that were extracted already, in folders named after the video, are taken where there is
    no video. Videos 1 to 600 are for training, to 700 for validation, to 1000 for testing; of the
    last there is no ground truth.

    Args:
        root: where it was unpacked to; the folders may lie up to three levels down.
        unannotated: also prepare videos without ground truth.

    Raises:
        DataError: no videos.
    """
    files: dict[int, list[Path]] = {}
    frames: dict[int, list[Path]] = {}
    truths: dict[int, list[Path]] = {}
    for folder in _walk(root, 3, _NUMBER):
        for path in videos_in(folder):
            if _NUMBER.fullmatch(path.stem):
                files.setdefault(int(path.stem), []).append(path)
        for sub in subfolders(folder):
            if not _NUMBER.fullmatch(sub.name):
                continue
            number = int(sub.name)
            if (sub / 'maps').is_dir() or (sub / 'fixation').is_dir():
                truths.setdefault(number, []).append(sub)
            if (sub / 'images').is_dir():
                frames.setdefault(number, []).append(sub / 'images')
            elif holds_images(sub):
                frames.setdefault(number, []).append(sub)
            else:
                # A video kept as it is.
                for path in videos_in(sub):
                    files.setdefault(number, []).append(path)
    if not files and not frames:
        expected = 'video/001.AVI and annotation/0001/{maps,fixation} (DHF1K)'
        if truths:
            raise DataError(
                f'{root}: holds the annotation of {len(truths)} videos and none of the videos; '
                f'expected {expected}'
            )
        raise nothing_found(root, expected)
    found = Found(expected=dict(DHF1K))
    for number in sorted({*files, *frames, *truths}):
        name = f'{number:04d}'
        split = next((s for s, (a, b) in DHF1K_SPLITS.items() if a <= number <= b), None)
        stimuli = files.get(number) or frames.get(number) or []
        if split is None:
            found.leave_out(name, 'not a number of DHF1K, 1 to 1000')
        elif len(stimuli) > 1 or len(truths.get(number, [])) > 1:
            several = stimuli if len(stimuli) > 1 else truths[number]
            found.leave_out(name, f'there twice: {" and ".join(map(str, several[:2]))}')
        elif not stimuli:
            found.leave_out(name, 'no video')
        else:
            annotation = _annotation(truths[number][0]) if number in truths else None
            if annotation is None and not unannotated:
                reason = NO_TRUTH if split == 'test' else f'no annotation, part of {split}'
                found.leave_out(name, reason)
                continue
            if annotation is None and split != 'test':
                split = UNANNOTATED
            found.videos.append(VideoSource(name, split, stimuli[0], annotation))
    return found


# Hollywood-2 and UCF-Sports --------------------------------------------------------------------

_SPLIT_OF = {name: split for split, names in SPLIT_FOLDERS.items() for name in names}


def find_hollywood2(root: Path, unannotated: bool = False) -> Found:
    """Hollywood-2 (Mathe and Sminchisescu 2015) in shots: `training/<shot>/{images,maps,fixation}`.

    Frames keep their numbers, which run on from shot to shot.

    Args:
        root: holds `training` and `testing`, or a folder that does.
        unannotated: also prepare shots without ground truth.

    Raises:
        DataError: no shots.
    """
    return _find_splits(root, unannotated, HOLLYWOOD2)


def find_ucf_sports(root: Path, unannotated: bool = False) -> Found:
    """UCF-Sports (Mathe and Sminchisescu 2015): `training/<video>/{images,maps,fixation}`.

    Args:
        root: holds `training` and `testing`, or a folder that does.
        unannotated: also prepare videos without ground truth.

    Raises:
        DataError: no videos.
    """
    return _find_splits(root, unannotated, UCF_SPORTS)


def _find_splits(root: Path, unannotated: bool, expected: dict) -> Found:
    names = re.compile('|'.join(_SPLIT_OF), re.IGNORECASE)
    folders = [
        sub
        for folder in _walk(root, 1, names)
        for sub in subfolders(folder)
        if names.fullmatch(sub.name)
    ]
    if names.fullmatch(root.name) and not folders:
        folders = [root]
    found = Found(expected=dict(expected))
    seen: dict[tuple[str, str], Path] = {}
    for folder in folders:
        split = _SPLIT_OF[folder.name.lower()]
        for sub in subfolders(folder):
            label = f'{folder.name}/{sub.name}'
            annotation = _annotation(sub)
            try:
                stimulus = find_frames(sub)
            except DataError as error:
                found.leave_out(label, str(error))
                continue
            first = seen.setdefault((split, sub.name), sub)
            if first != sub:
                found.leave_out(label, f'there twice: {first} and {sub}')
            elif stimulus is None:
                found.leave_out(label, 'no frames')
            elif annotation is None and not unannotated:
                found.leave_out(label, NO_TRUTH)
            else:
                place = split if annotation else UNANNOTATED
                found.videos.append(VideoSource(sub.name, place, stimulus, annotation))
    if not found.videos and not found.left_out:
        raise nothing_found(root, 'training/<video>/{images,maps,fixation} and testing/...')
    return found


# AViMoS ----------------------------------------------------------------------------------------


def find_avimos(root: Path, unannotated: bool = False, bits: int = 8) -> Found:
    """AViMoS (Moskalenko et al. 2024): videos, saliency videos, `fixations.json`, a split file.

    `TrainTestSplit.json` names the videos of each split; all whose key is not that of training or
    validation are for testing. A video's files are found by its name: `<name>.mp4`, a saliency
    video of that name in a folder called `Saliency...`, and `<name>/fixations.json`.

    Args:
        root: where all archives were unpacked to.
        unannotated: also prepare videos without ground truth.
        bits: 8 or 16, of the density maps.

    Raises:
        DataError: no split file, or no videos.
    """
    videos: dict[str, list[Path]] = {}
    saliency: dict[str, Path] = {}
    points: dict[str, Path] = {}
    split_file = None
    for place, folders, files in os.walk(root):
        folder = Path(place)
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        is_saliency = 'saliency' in str(folder.relative_to(root)).lower()
        if 'fixations.json' in files:
            points.setdefault(folder.name, folder / 'fixations.json')
            # Beside it lie the same points as images, thousands of them.
            folders.clear()
            continue
        for name in sorted(files):
            if name == 'TrainTestSplit.json':
                split_file = split_file or folder / name
            elif is_hidden(name) or not name.lower().endswith(tuple(VIDEO_SUFFIXES)):
                continue
            elif is_saliency:
                saliency.setdefault(Path(name).stem, folder / name)
            else:
                videos.setdefault(Path(name).stem, []).append(folder / name)
    if not videos:
        raise nothing_found(
            root,
            'videos, TrainTestSplit.json, Saliency*/*/<video>.mp4 and Fixations*/*/<video>/'
            'fixations.json (AViMoS)',
        )
    if split_file is None:
        raise DataError(f'{root}: holds no TrainTestSplit.json, which says what is for testing')
    found = Found()
    for name, split in _read_split(split_file).items():
        annotation = None
        if name in saliency and name in points:
            annotation = StackAnnotation(saliency[name], points[name], bits)
        if name not in videos:
            found.leave_out(name, 'no video')
        elif len(videos[name]) > 1:
            found.leave_out(name, f'there twice: {" and ".join(map(str, videos[name][:2]))}')
        elif annotation is None and not unannotated:
            found.leave_out(name, NO_TRUTH)
        else:
            place = split if annotation else UNANNOTATED
            found.videos.append(VideoSource(name, place, videos[name][0], annotation))
        count = found.expected.get(split, (0, None))[0]
        found.expected[split] = (count + 1, None)
    return found


def _read_split(path: Path) -> dict[str, str]:
    """Split by name of the video."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        listed = {key: [Path(name).stem for name in names] for key, names in content.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f'{path}: expected lists of videos by split ({error})') from error
    splits: dict[str, str] = {}
    for key, names in listed.items():
        words = re.split(r'[^a-z]+', key.lower())
        known = (word for word in ('train', 'val', 'validation') if word in words)
        split = _SPLIT_OF[next(known, 'test')]
        for name in sorted(names, key=natural_key):
            if splits.setdefault(name, split) != split:
                raise DataError(f'{path}: lists {name} as {splits[name]} and as {split}')
    return splits
