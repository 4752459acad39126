"""Regions in files: CSV, JSON, COCO, pictures and videos of masks."""

from __future__ import annotations

from pathlib import Path

from ....errors import DataError
from ....media.images import IMAGE_SUFFIXES
from ....media.map_stacks import VIDEO_SUFFIXES
from ....utils.input_files import check_input_file, read_input_json
from .coco import is_coco, read_coco
from .found import FileOptions, FoundRegions, Units
from .labels import read_labels
from .plain_json import read_json
from .table import read_table

__all__ = ['FoundRegions', 'Units', 'files_of', 'read_regions']


def read_regions(path: Path, first_frame: int = 1, hold: bool = False) -> FoundRegions:
    """Read a file of regions, see docs/regions.md.

    Args:
        path: a .csv or .json file, a picture or a video of masks, or a folder of such pictures.
        first_frame: what it calls the video's first frame.
        hold: regions stay where their first and last key frames put them.

    Raises:
        DataError: another file, or one that does not fit; the message names the file, the row or
            entry, the value, and what was expected.
    """
    options = FileOptions(path, first_frame, hold)
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES):
        return FoundRegions(read_labels(options))
    check_input_file(path)
    if suffix in ('.csv', '.tsv', '.txt'):
        return FoundRegions(read_table(options))
    if suffix == '.json':
        content = read_input_json(path)
        return read_coco(content, options) if is_coco(content) else read_json(content, options)
    raise DataError(
        f'{path}: expected regions as .csv or .json, or masks as a picture, a folder of pictures '
        'or a video'
    )


def files_of(path: Path) -> list[Path]:
    """The file or folder, and the masks beside it that it names, all of which were read before."""
    content = read_input_json(path) if path.suffix.lower() == '.json' else None
    regions = content.get('regions', ()) if isinstance(content, dict) else ()
    # COCO's files have no such masks.
    named = () if is_coco(content) else (each['mask'] for each in regions if 'mask' in each)
    return [path, *(path.parent / mask for mask in named)]
