"""The maps of one video, wherever they are stored; one is in memory at a time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import DataError
from ..utils.files import frame_names, natural_key
from ..utils.input_files import opened_zip
from .array_files import (
    ARRAY_SUFFIXES,
    ArrayHeader,
    check_array,
    check_members,
    load_array,
    member_size,
    opened,
    read_header,
    read_member,
    video_shape,
)
from .gray_video import VIDEO_SUFFIXES, count_frames, read_frames
from .maps import MAP_SUFFIXES, read_map


class MapStack(ABC):
    """The maps of one video in order of time.

    What is found out about the files is kept, and the files are open only while maps are read: a
    stack goes to another process as it is.

    Attributes:
        path: folder or file that holds them.
        named: whether `names` come from files; else they are 0001, 0002, ...
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    @abstractmethod
    def count(self) -> int:
        """How many maps there are."""

    @cached_property
    def names(self) -> list[str]:
        """Names of the frames; maps that have a place in a file are numbered: 0001, 0002, ..."""
        return [f'{i + 1:04d}' for i in range(self.count)]

    @property
    def named(self) -> bool:
        """Maps that have a place in a file have no names of their own."""
        return False

    def __len__(self) -> int:
        return self.count

    @abstractmethod
    def read(self, indices: Iterable[int]) -> Iterator[np.ndarray]:
        """Read the maps (H, W) at ascending `indices`, one after another.

        The next index is asked for when the next map is.

        Raises:
            DataError: a map that cannot be read, is in color or is not there.
        """

    def where(self, index: int) -> str:
        """What a message calls the map at `index`."""
        return f'{self.path}, frame {index + 1}'

    def fingerprint(self) -> str:
        """Changes when the name, the size or the time of a file does."""
        return fingerprint_of_file(self.path)


def frame_numbers(names: Sequence[str]) -> list[int] | None:
    """The last number in the name of each frame; None where one has none, or two have the same."""
    found = (re.findall(r'\d+', name) for name in names)
    numbers = [int(parts[-1]) for parts in found if parts]
    return numbers if len(set(numbers)) == len(names) else None


def places_within(names: Sequence[str], most: int) -> list[int]:
    """The places of those names of frames that are of the first `most` frames.

    Names with numbers count by these: where a frame is missing, none beyond stands in for it.
    """
    numbers = frame_numbers(names)
    if numbers is None:
        return list(range(min(len(names), most)))
    # Some count from 0.
    last = most - (0 in numbers)
    return [place for place, number in enumerate(numbers) if number <= last]


def fingerprint_of(content: object) -> str:
    """Hash plain values."""
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


def fingerprint_of_file(path: Path) -> str:
    """Hash the name, size and time of a file."""
    status = path.stat()
    return fingerprint_of([path.name, status.st_size, status.st_mtime_ns])


class FolderStack(MapStack):
    """One file a frame: images, .npy or .npz.

    Args:
        path: the folder.
        suffixes: of the files that are maps.
        most: how many frames count, see `places_within`; all by default.

    Attributes:
        files: names of the files, in natural order.
    """

    def __init__(
        self, path: Path, suffixes: Sequence[str] = MAP_SUFFIXES, most: int | None = None
    ) -> None:
        super().__init__(path)
        with os.scandir(path) as entries:
            found = [
                (entry.name, *_size_and_time(entry))
                for entry in entries
                if entry.name.lower().endswith(tuple(suffixes)) and not entry.name.startswith('.')
            ]
        found.sort(key=lambda file: natural_key(file[0]))
        if most is not None:
            stems = [os.path.splitext(name)[0] for name, *_ in found]
            found = [found[place] for place in places_within(stems, most)]
        self.files = [name for name, *_ in found]
        # Sizes and times of all files of a set would take more memory than their names.
        self._fingerprint = fingerprint_of(found)

    @cached_property
    def count(self) -> int:
        """How many files there are."""
        return len(self.files)

    @cached_property
    def names(self) -> list[str]:
        """Frames are called as their files are, without the suffixes."""
        return frame_names(self.path, self.files)

    @property
    def named(self) -> bool:
        """Files have names."""
        return True

    def read(self, indices: Iterable[int]) -> Iterator[np.ndarray]:
        """Read one file a map."""
        for index in indices:
            yield read_map(self.where(index))

    def where(self, index: int) -> str:
        """A map is called by the path of its file."""
        return os.path.join(self.path, self.files[index])

    def fingerprint(self) -> str:
        """Of the files as they were when they were listed."""
        return self._fingerprint


def _size_and_time(entry: os.DirEntry) -> tuple[int, int]:
    try:
        status = entry.stat()
    except OSError:
        # A link to nowhere: the error comes when the map is read.
        return -1, -1
    return status.st_size, status.st_mtime_ns


class ArrayStack(MapStack):
    """A .npy file with an array (T, H, W), read where it is looked at.

    Other dimensions may be of length 1; a map (H, W) is a video of one frame.
    """

    def _open(self) -> np.ndarray:
        array = load_array(self.path, mapped=True)
        return array.reshape(video_shape(array.shape, self.path))

    @cached_property
    def count(self) -> int:
        """How many maps it holds."""
        return len(self._open())

    def read(self, indices: Iterable[int]) -> Iterator[np.ndarray]:
        """Copy one map at a time out of the file."""
        array = self._open()
        for index in indices:
            yield check_array(np.array(array[index]), self.where(index))


class ZipStack(MapStack):
    """A .npz file: one array (T, H, W), unpacked as it is read, or an array a frame."""

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        with opened(self.path) as stream, opened_zip(stream, self.path) as file:
            yield file

    @cached_property
    def _members(self) -> list[str]:
        with self._opened() as file:
            names = file.namelist()
        if not names:
            raise DataError(f'{self.path}: holds no arrays')
        return sorted(names, key=natural_key)

    @property
    def named(self) -> bool:
        """Arrays of frames have names; np.savez calls those without arr_0, arr_1, ..."""
        return len(self._members) > 1

    @contextmanager
    def _frames(self) -> Iterator[tuple[IO[bytes], ArrayHeader]]:
        """The only array, opened at its numbers, and its header."""
        with self._opened() as file:
            member = file.getinfo(self._members[0])
            with file.open(member) as stream:
                header = read_header(stream, member_size(member, self.path), self.path)
                yield stream, replace(header, shape=video_shape(header.shape, self.path))

    @cached_property
    def count(self) -> int:
        """How many maps it holds."""
        if len(self._members) != 1:
            with self._opened() as file:
                check_members(file, self.path)
            return len(self._members)
        with self._frames() as (_, header):
            return header.shape[0]

    @cached_property
    def names(self) -> list[str]:
        """Maps are called as their arrays are, or numbered."""
        if self.named:
            return frame_names(self.path, self._members)
        return super().names

    def read(self, indices: Iterable[int]) -> Iterator[np.ndarray]:
        """Unpack the maps, skipping what comes before and between."""
        if self.named:
            with self._opened() as file:
                for index in indices:
                    member = file.getinfo(self._members[index])
                    where = self.where(index)
                    yield check_array(read_member(file, member, where), where)
            return
        with self._frames() as (stream, header):
            if header.fortran_order:
                raise DataError(f'{self.path}: expected an array in C order')
            frame = replace(header, shape=header.shape[1:])
            begin = stream.tell()
            for index in indices:
                # Going on in a packed stream unpacks what is passed over, a bit at a time.
                stream.seek(begin + index * frame.size)
                data = stream.read(frame.size)
                if len(data) < frame.size:
                    raise DataError(f'{self.where(index)}: the file ends early')
                yield check_array(frame.array(data), self.where(index))


class VideoStack(MapStack):
    """A gray video, decoded frame by frame."""

    @cached_property
    def count(self) -> int:
        """How many frames it has."""
        return count_frames(self.path)

    def read(self, indices: Iterable[int]) -> Iterator[np.ndarray]:
        """Decode up to the last index and give out what is asked for."""
        wanted = iter(indices)
        index, position = next(wanted, None), -1
        if index is None:
            return
        for position, values in enumerate(read_frames(self.path)):
            if position == index:
                yield values
                index = next(wanted, None)
                if index is None:
                    return
        raise DataError(
            f'{self.path}: ends after {position + 1} frames, its header says {self.count}'
        )


def open_stack(path: Path) -> MapStack:
    """The maps in a folder or file.

    Raises:
        DataError: nothing that holds maps.
    """
    if path.is_dir():
        return FolderStack(path)
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return VideoStack(path)
    if suffix in ARRAY_SUFFIXES:
        return ArrayStack(path) if suffix == '.npy' else ZipStack(path)
    raise DataError(f'{path}: expected a folder, a .npy or .npz file or a video')
