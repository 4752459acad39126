"""Regions in annotations as those of COCO: boxes, polygons and run lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ....errors import ConfigError, DataError
from ....media.images import check_pixels
from ....media.map_stacks import frame_numbers
from ..region import KeyFrame, Region
from ..shapes import Box, Cover, Mask, Outline, Shape, Size, as_points, checked_number
from .found import FileOptions, FoundRegions, check_masks, entry, pixels_of

_LISTS = ('images', 'annotations', 'categories')


def is_coco(content: object) -> bool:
    """Whether the content of a JSON file has COCO's lists."""
    return isinstance(content, dict) and 'annotations' in content


def read_coco(content: object, options: FileOptions) -> FoundRegions:
    """A region for each category; where an image has several of it, for each of them.

    The annotations of one image are fixed regions. Several images are frames, whose numbers are
    the last ones in their file names: an object's annotations are its key frames, in an image
    without one it is not there, and objects of one category are told apart by `track_id` (of the
    annotation, or among its `attributes`).

    Raises:
        DataError: see `read_regions`.
    """
    path = options.path
    images, annotations, categories = (_list(content, name, path) for name in _LISTS)
    with entry(str(path)):
        names = {_id(each): str(each.get('name', _id(each))) for each in categories}
        sizes = {_id(each): _size(each) for each in images}
        files = {_id(each): str(each.get('file_name', '')) for each in images}
        if len({*sizes.values()} - {None}) > 1:
            raise DataError('expected images of one size, the frames of one video')
    found, pixels = [], 0
    for number, each in enumerate(annotations, 1):
        with entry(f'{path}, annotation {number}'):
            found.append(_annotation(each, names, sizes))
            pixels += pixels_of([found[-1][-1]])
            check_masks(pixels)
    if not found:
        raise DataError(f'{path}: holds no annotations')
    size = next((size for size in sizes.values() if size), None)
    with entry(str(path)):
        if len(images) < 2:
            return FoundRegions(_fixed(found), size=size)
        numbers = frame_numbers(list(files.values()))
        if numbers is None:
            raise DataError(
                f'has {len(images)} images, the frames of one video; expected the number of a '
                'frame in each file_name, each another one'
            )
        frames = {image: n - options.first_frame for image, n in zip(files, numbers, strict=True)}
        if min(frames.values()) < 0:
            raise DataError(
                f'an image is frame {min(numbers)}, but frames count from {options.first_frame} '
                '(--first-frame)'
            )
        return FoundRegions(_moving(found, frames, options), size=size)


# Image, category, track ('' for none) and form.
_Found = tuple[object, str, str, Shape]


def _fixed(found: list[_Found]) -> list[Region]:
    count = Counter(category for _, category, _, _ in found)
    seen: Counter[str] = Counter()
    regions = []
    for _, category, _, shape in found:
        seen[category] += 1
        name = category if count[category] == 1 else f'{category} {seen[category]}'
        regions.append(Region(name, shape))
    return regions


def _moving(
    found: list[_Found], frames: Mapping[object, int], options: FileOptions
) -> list[Region]:
    tracks: dict[tuple[str, str], list[KeyFrame]] = {}
    seen = set()
    for image, category, track, shape in found:
        keys = tracks.setdefault((category, track), [])
        if (image, category, track) in seen:
            raise DataError(
                f'{category}: several annotations of one image; expected a track_id, which tells '
                'them apart from image to image'
            )
        seen.add((image, category, track))
        keys.append(KeyFrame(frames[image], shape))
    count = Counter(category for category, _ in tracks)
    return [
        Region(
            category if count[category] == 1 else f'{category} {track}',
            _with_absences(keys, frames.values(), options.hold),
            options.hold,
        )
        for (category, track), keys in tracks.items()
    ]


def _with_absences(keys: list[KeyFrame], frames: Collection[int], hold: bool) -> list[KeyFrame]:
    """The key frames of an object, and one where it goes: a frame of the file without it.

    Args:
        keys: its annotations.
        frames: all frames of the file.
        hold: see `Region`.
    """
    shapes = {int(key.at): key.shape for key in keys}
    found: list[KeyFrame] = []
    for frame in sorted(frames):
        shape = shapes.get(frame)
        before = found[-1].shape if found else None
        if shape is None and before is None:
            continue
        if shape is not None and before is not None:
            try:
                before.between(shape, 0.5)
            except ConfigError:
                # Outlines of one thing have more and fewer points.
                found[-1] = KeyFrame(found[-1].at, _Still(before))
        found.append(KeyFrame(frame, shape))
    # After its last key frame it is not there anyway, and the video may end with that.
    is_said = not hold and found[-1].shape is None and found[-1].at == found[-2].at + 1
    return found[:-1] if is_said else found


@dataclass(frozen=True)
class _Still(Shape):
    """A form that stays until the next key frame."""

    form: Shape

    def bounds(self) -> tuple[float, float, float, float]:
        """See `Shape.bounds`."""
        return self.form.bounds()

    def cover(self, size: Size, frame: Size) -> Cover:
        """See `Shape.cover`."""
        return self.form.cover(size, frame)

    def between(self, later: Shape, share: float) -> Shape:
        """It stays."""
        return self


def _annotation(
    content: Mapping[str, object], names: Mapping[object, str], sizes: Mapping[object, Size | None]
) -> _Found:
    image, category = content.get('image_id'), content.get('category_id')
    # Lists and the like are not looked for.
    if not isinstance(image, (int, str)) or image not in sizes:
        raise DataError(f'image_id {image!r:.80} is none of the images')
    if not isinstance(category, (int, str)) or category not in names:
        raise DataError(f'category_id {category!r:.80} is none of the categories')
    attributes = content.get('attributes')
    track = content.get(
        'track_id', attributes.get('track_id', '') if isinstance(attributes, dict) else ''
    )
    return image, names[category], str(track), _shape(content, sizes[image])


def _shape(content: Mapping[str, object], size: Size | None) -> Shape:
    form, box = content.get('segmentation'), content.get('bbox')
    if isinstance(form, dict):
        return Mask(_run_lengths(form))
    if isinstance(form, list) and form:
        if not all(isinstance(part, list) for part in form):
            raise DataError(f'segmentation must be [[x, y, x, y, ...], ...], got {form!r:.80}')
        parts = [Outline(as_points([_number('segmentation', at) for at in part])) for part in form]
        if len(parts) == 1:
            return parts[0]
        if size is None:
            raise DataError('several polygons need the width and height of their image')
        covered = sum(part.cover(size, size).mask() for part in parts)
        return Mask(np.minimum(covered, 1))
    if not isinstance(box, list) or len(box) != 4:
        raise DataError(f'expected a bbox [x, y, width, height] or a segmentation, got {box!r:.80}')
    return Box(*map(_number, ('x', 'y', 'width', 'height'), box))


def _run_lengths(form: Mapping[str, object]) -> np.ndarray:
    """The mask of run lengths, which go down the columns and begin with those of 0."""
    size, counts = form.get('size'), form.get('counts')
    if not isinstance(size, list) or len(size) != 2:
        raise DataError(f'segmentation must have a size [height, width], got {size!r:.80}')
    rows, columns = (int(_number('size', each)) for each in size)
    if rows < 1 or columns < 1:
        raise DataError(f'segmentation must have a size [height, width], got {size!r:.80}')
    check_pixels(rows, columns, 'segmentation')
    if isinstance(counts, str):
        runs = np.array(list(_unpacked(counts)), np.int64)
    elif isinstance(counts, list):
        runs = np.array([_number('counts', each) for each in counts]).astype(np.int64)
    else:
        raise DataError(f'counts must be run lengths, got {counts!r:.80}')
    # Numbers whose sum would not fit are none of pixels.
    if ((runs < 0) | (runs > rows * columns)).any() or runs.sum() != rows * columns:
        raise DataError(f'counts must add up to {rows * columns}, the pixels')
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(columns, rows).T


def _unpacked(text: str) -> Iterator[int]:
    """Run lengths as COCO packs them.

    Each character has 5 bits, the lowest first, and one that says whether more follow; from the
    fourth number on, the difference to the one two before it is stored.
    """
    runs: list[int] = []
    value = shift = 0
    for char in text:
        bits = ord(char) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise ConfigError(f'counts must be run lengths as COCO packs them, got {text!r:.80}')
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    yield from runs


def _list(content: object, name: str, path: object) -> list[Mapping[str, object]]:
    found = content.get(name) if isinstance(content, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise DataError(f'{path}: expected a list of {name}, as COCO has it')
    return found


def _id(content: Mapping[str, object]) -> object:
    number = content.get('id')
    if not isinstance(number, (int, str)):
        raise DataError(f'expected an id, got {number!r:.80}')
    return number


def _size(image: Mapping[str, object]) -> Size | None:
    if 'width' not in image or 'height' not in image:
        return None
    rows, columns = (int(_number(name, image[name])) for name in ('height', 'width'))
    if rows < 1 or columns < 1:
        raise DataError(f'an image must have a width and height from 1 on, got {columns} x {rows}')
    check_pixels(rows, columns, 'images')
    return rows, columns


def _number(name: str, value: object) -> float:
    if isinstance(value, str):
        raise ConfigError(f'{name} must be a number, got {value!r:.80}')
    return checked_number(name, value)
