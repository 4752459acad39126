"""Files of `torch.save`, read without running any code of theirs."""

from __future__ import annotations

import argparse
import io
import warnings
import zipfile
from pathlib import Path

import torch

from ..errors import CheckpointError
from ..utils.input_files import open_input_file, opened_zip
from .pickles import check_pickle

# A number that marks the format, its version, the machine, the content, the names of its storages.
_OLD_PICKLES = 5


def load_torch_file(path: Path, map_location: str | torch.device | None = 'cpu') -> object:
    """What `torch.save` wrote to a file, as far as it is tensors and plain values.

    Raises:
        Exception: of almost any kind, where the file is broken or asks for more.
    """
    is_archive = zipfile.is_zipfile(path)
    if is_archive:
        _check_archive(path)
    else:
        _check_old_format(path)
    # Training scripts of the field store their command line beside the weights; a namespace holds
    # values and runs nothing.
    with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
        # About files whose values were pickled in a newer way; all that matters is checked.
        warnings.filterwarnings('ignore', 'Detected pickle protocol')
        # Mapped files cost no memory beside the tensors that are really used.
        return torch.load(path, map_location=map_location, weights_only=True, mmap=is_archive)


def _check_archive(path: Path) -> None:
    """Raise ValueError for an archive that holds more than the file has bytes."""
    with (
        open_input_file(path, CheckpointError) as file,
        opened_zip(file, 'the archive', CheckpointError) as archive,
    ):
        entries = archive.infolist()
        packed = [entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
        if packed:
            raise ValueError(f'expected entries as torch.save stores them, {packed[0]} is packed')
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise ValueError('its entries are said to be larger than the file')
        for entry in entries:
            # PyTorch does not tell capitals from small letters here.
            if entry.filename.lower().endswith('.pkl'):
                check_pickle(io.BytesIO(archive.read(entry)))


def _check_old_format(path: Path) -> None:
    """Raise ValueError for what the pickles before the weights of PyTorch's old format ask for."""
    with open_input_file(path, CheckpointError) as file:
        if file.read(4) == b'PK\3\4':
            raise ValueError('the archive is cut off')
        file.seek(0)
        for _ in range(_OLD_PICKLES):
            check_pickle(file)
