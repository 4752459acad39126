"""Regions in salkit's own JSON files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ....errors import DataError
from ....utils.text import check_choice, listed
from ..region import KeyFrame, Region
from ..shapes import Box, Outline, Shape, Size, checked_number
from .found import (
    FileOptions,
    FoundRegions,
    Units,
    check_masks,
    entry,
    key_frame,
    pixels_of,
)
from .labels import read_label

_FORMS = ('rectangle', 'polygon', 'mask', 'keys')
_MOMENTS = ('frame', 'time_s')


def read_json(content: object, options: FileOptions) -> FoundRegions:
    """The regions in `{"units": ..., "size": ..., "regions": [{"name": ..., ...}, ...]}`.

    Raises:
        DataError: see `read_regions`.
    """
    path = options.path
    with entry(str(path)):
        top = _object(content, ('regions', 'units', 'size'))
        units = top.get('units', 'pixels')
        check_choice('', 'units', str(units), ('pixels', 'share'))
        size = _size(top['size']) if 'size' in top else None
        found = top.get('regions')
        if not isinstance(found, list):
            raise DataError('expected {"regions": [...]}, a list of regions')
    regions: list[Region] = []
    pixels = 0
    for number, each in enumerate(found, 1):
        with entry(f'{path}, region {number}'):
            regions.append(_region(each, options))
            pixels += pixels_of(regions[-1].shapes)
            check_masks(pixels)
    kind: Units = 'share' if units == 'share' else 'pixels'
    return FoundRegions(regions, kind, size)


def _region(content: object, options: FileOptions) -> Region:
    about = _object(content, ('name', 'hold', 'value', *_FORMS))
    name, hold = about.get('name'), about.get('hold', options.hold)
    if not isinstance(name, str):
        raise DataError(f'name must be a string, got {name!r}')
    if not isinstance(hold, bool):
        raise DataError(f'{name}: hold must be true or false, got {hold!r}')
    given = [form for form in _FORMS if form in about]
    if len(given) != 1:
        raise DataError(
            f'{name}: expected one of {", ".join(_FORMS)}, got {listed(given) or "none"}'
        )
    with entry(name):
        if 'mask' in about:
            return _masked(name, about, options, hold)
        if 'keys' not in about:
            return Region(name, _shape(about))
        keys = about['keys']
        if not isinstance(keys, list):
            raise DataError(f'keys must be a list of key frames, got {keys!r:.80}')
        return Region(name, [_key(key, options) for key in keys], hold)


def _masked(name: str, about: Mapping[str, object], options: FileOptions, hold: bool) -> Region:
    file, value = about['mask'], about.get('value')
    if not isinstance(file, str) or not file:
        raise DataError(f'mask must be the name of a file beside this one, got {file!r:.80}')
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise DataError(f'value must be a whole number from 1 on, got {value!r:.80}')
    path = options.path.parent / Path(file)
    return read_label(name, FileOptions(path, options.first_frame, hold), value)


def _key(content: object, options: FileOptions) -> KeyFrame:
    about = _object(content, (*_MOMENTS, 'absent', 'rectangle', 'polygon'))
    moments = [moment for moment in _MOMENTS if moment in about]
    if len(moments) != 1:
        raise DataError(f'a key frame must have frame or time_s, got {listed(list(about))}')
    with entry(f'key frame {about[moments[0]]!r:.80}'):
        if isinstance(about[moments[0]], str):
            raise DataError('expected a number')
        is_absent = about.get('absent') is True
        shape = None if is_absent else _shape(about)
        return key_frame(moments[0], about[moments[0]], shape, options.first_frame)


def _shape(about: Mapping[str, object]) -> Shape:
    if 'rectangle' in about:
        numbers = about['rectangle']
        if not isinstance(numbers, list) or len(numbers) != 4:
            raise DataError(f'rectangle must be [x, y, width, height], got {numbers!r:.80}')
        return Box(*_numbers(('x', 'y', 'width', 'height'), numbers))
    points = about.get('polygon')
    if not isinstance(points, list) or not all(
        isinstance(point, list) and len(point) == 2 for point in points
    ):
        raise DataError(f'expected a rectangle or a polygon [[x, y], ...], got {points!r:.80}')
    pairs = [_numbers(('x', 'y'), point) for point in points]
    return Outline(tuple((x, y) for x, y in pairs))


def _numbers(names: tuple[str, ...], values: list[object]) -> list[float]:
    for name, value in zip(names, values, strict=True):
        if isinstance(value, str):
            raise DataError(f'{name} must be a number, got {value!r:.80}')
    return [checked_number(name, value) for name, value in zip(names, values, strict=True)]


def _size(value: object) -> Size:
    if not isinstance(value, list) or len(value) != 2:
        raise DataError(f'size must be [width, height] in pixels, got {value!r:.80}')
    width, height = _numbers(('width', 'height'), value)
    if width < 1 or height < 1:
        raise DataError(f'size must be [width, height] from 1 on, got {value!r:.80}')
    return int(height), int(width)


def _object(content: object, known: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(content, dict):
        raise DataError(f'expected {{...}} with {listed(known, 10)}, got {content!r:.80}')
    if unknown := [key for key in content if key not in known]:
        raise DataError(f'{unknown[0]!r} is not known; expected {listed(known, 10)}')
    return content
