"""Checks one video: its names, each of its files once, and what they show together."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...utils.parallel import check_stopped
from .contents import NOUNS, Seen
from .cross_checks import compare_sizes, find_empty_maps, find_swapped, points_for_density
from .fault import WARNING, Faults
from .maps import FEW_PIXELS, density_faults, facts, fixation_faults
from .naming import Frame, Part, image_part, list_part, naming_faults, pair
from .pairing import Pairing, check_pairs, frame_pair
from .places import PARTS, VideoPlace, is_junk
from .reading import Picture, Unreadable, read_mat, read_picture, read_size
from .video_file import check_video_file


@dataclass
class VideoResult:
    """What was found in one video.

    Attributes:
        split: its split.
        name: of the video.
        folder: of the video.
        frames: their number.
        densities: number of density maps.
        fixations: number of fixation maps.
        faults: found in it.
        lacks_fixations: whether there are none at all, which the data set may allow.
        fingerprint: the same for the same frames, None where unknown.
        pairing: what fits what.
        maps: folder of the density maps.
    """

    split: str
    name: str
    folder: str
    frames: int = 0
    densities: int = 0
    fixations: int = 0
    faults: Faults = field(default_factory=Faults)
    lacks_fixations: bool = False
    fingerprint: str | None = None
    pairing: Pairing = field(default_factory=Pairing)
    maps: str = ''


def check_video(place: VideoPlace, sample: int | None = None) -> VideoResult:
    """Check one video.

    Args:
        place: where it lies.
        sample: frames to read, spread over the video; of the others, headers. None for all.
    """
    return _Check(place, sample).run()


class _Check:
    def __init__(self, place: VideoPlace, sample: int | None) -> None:
        self.place = place
        self.sample = sample
        self.seen = Seen()
        self.faults = self.seen.faults
        self.parts = self.seen.parts
        self.result = VideoResult(place.split, place.name, str(place.folder), maps=str(place.maps))

    def run(self) -> VideoResult:
        seen, result, place = self.seen, self.result, self.place
        result.faults = self.faults
        self._list()
        seen.frames, faults = pair(self.parts, place.folder)
        self.faults += faults
        size = None
        if place.video_path:
            result.frames, size = check_video_file(place.video_path, seen, self.sample)
        chosen = self._chosen(len(seen.frames))
        for number, frame in enumerate(seen.frames):
            check_stopped()
            self._frame(number, frame, number in chosen)
        compare_sizes(seen, size)
        find_empty_maps(seen)
        swapped = find_swapped(seen, place)
        if 'images' in self.parts:
            self.faults += seen.pictures.faults(str(place.images))
        result.fingerprint = seen.pictures.fingerprint(result.frames)
        if seen.pairs and not swapped:
            result.pairing = check_pairs(seen.pairs, str(place.maps), self.sample is None)
            self.faults += result.pairing.faults
        return result

    # Names -------------------------------------------------------------------------------------

    def _list(self) -> None:
        place = self.place
        if place.images:
            self._add('images', *image_part('frame', place.images))
        if place.annotated:
            self._add('maps', *image_part('density map', place.maps))
            self._add('fixation', *image_part('fixation map', place.fixation, ('maps',)))
            mats = list_part('fixation .mat file', place.mats, ('.mat',))
            self._add('mats', *mats, required=False)
            closed = any(fault.kind == 'permission' for fault in self.faults)
            if not closed and not {'fixation', 'mats'} & self.parts.keys():
                self._lacking('fixation', place.fixation)
                self.result.lacks_fixations = not os.path.isdir(place.fixation)
        self._strays_in_video()
        counts = {name: len(part.names) for name, part in self.parts.items()}
        self.result.frames = counts.get('images', 0)
        self.result.densities = counts.get('maps', 0)
        self.result.fixations = counts.get('fixation', 0) or counts.get('mats', 0)

    def _add(self, name: str, part: Part, faults: Faults, required: bool = True) -> None:
        self.faults += faults
        if part.names:
            self.parts[name] = part
            self.faults += naming_faults(part)
        elif required and name != 'fixation' and not any(f.kind == 'permission' for f in faults):
            self._lacking(name, part.folder)

    def _lacking(self, name: str, folder: Path) -> None:
        noun = NOUNS[name]
        remedy = {
            'images': f'extract the frames into {folder}, or put the video there as '
            f'{folder.parent / "video.mp4"} (its own suffix): salkit prepare does',
            'maps': 'unpack the density maps of this video again, or make them from the fixations',
            'fixation': 'unpack the fixation maps of this video again, or remove the video',
        }[name]
        found = f'no {noun}s in the folder' if os.path.isdir(folder) else 'no such folder'
        self.faults.tell('missing-folder', folder, found, f'a folder of {noun}s', remedy)

    def _strays_in_video(self) -> None:
        place = self.place
        try:
            names = sorted(os.listdir(place.folder))
        except OSError:
            return
        for name in names:
            known = name in PARTS or is_junk(name)
            known |= place.video_path is not None and Path(name).stem == place.video_path.stem
            if not known:
                self.faults.tell(
                    'stray-file',
                    place.folder / name,
                    'something else in a video folder',
                    'images (or video.<suffix>), maps and fixation',
                    'move it away: it is not read',
                    WARNING,
                )

    def _chosen(self, count: int) -> set[int]:
        if self.sample is None or self.sample >= count:
            return set(range(count))
        return {int(n) for n in np.linspace(0, count - 1, self.sample)}

    # Files -------------------------------------------------------------------------------------

    def _frame(self, number: int, frame: Frame, whole: bool) -> None:
        """Read the files of one frame."""
        density = fixations = None
        if frame.images:
            picture = self._read('images', frame.images, whole)
            if picture is not None:
                self.seen.pictures.see(number, picture.pixels)
        if frame.maps:
            density = self._read('maps', frame.maps, whole)
            if density is not None:
                found = self.seen.densities[number] = facts(density.grey)
                faults = list(density_faults(self.seen.path('maps', frame.maps), density, found))
                self.faults += faults
                density = None if faults else density
        if frame.mats:
            fixations = self._fixations('mats', number, frame.mats, whole)
        if frame.fixation:
            # Images come first, where there are both.
            fixations = self._fixations('fixation', number, frame.fixation, whole)
        if density is None or fixations is None or density.size != fixations.size:
            return
        points_only = self.seen.densities[number].is_points and density.grey.size > FEW_PIXELS
        if points_only and np.array_equal(density.grey > 0, fixations.grey > 0):
            points_for_density(self.seen, number, WARNING)
        pair_of_maps = frame_pair(
            number,
            self.seen.path('maps', frame.maps),
            self.seen.path('fixation', frame.fixation)
            if frame.fixation
            else self.seen.path('mats', frame.mats),
            density.grey,
            fixations.grey > 0,
        )
        if pair_of_maps is not None:
            self.seen.pairs.append(pair_of_maps)

    def _fixations(self, part: str, number: int, name: str, whole: bool) -> Picture | None:
        picture = self._read(part, name, whole)
        if picture is None:
            return None
        found = facts(picture.grey)
        path = self.seen.path(part, name)
        faults = list(fixation_faults(path, picture, found))
        self.faults += faults
        if part == 'fixation' or 'fixation' not in self.parts:
            self.seen.fixations[number] = found
        elif found.is_empty:
            self.faults.tell(
                'fixation-empty',
                path,
                'no fixation',
                'those of the image of this frame',
                'unpack the .mat files again',
                WARNING,
            )
        return None if faults else picture

    def _read(self, part: str, name: str, whole: bool) -> Picture | None:
        """A file's content, None where it cannot be read or only its header was."""
        path, noun = self.seen.path(part, name), NOUNS[part]
        try:
            if part == 'mats':
                if not whole:
                    return None
                picture = Picture(read_mat(path, noun))
            elif not whole:
                self.seen.sizes[part][path] = read_size(path, noun)
                return None
            else:
                picture = read_picture(path, noun)
        except Unreadable as error:
            self.faults.append(error.fault)
            return None
        self.seen.sizes[part][path] = picture.size
        return picture
