"""Runs a model in a `torch.export` program: PyTorch is needed, mmengine and the plugins are not."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch

from ...errors import CheckpointError, ConfigError, one_line
from .exported_file import METADATA_KEY, ExportMetadata, FileBackend, check_file

# What `torch.export.save` puts before the names of extra files inside the archive.
_EXTRA = 'extra/'


def _choose_device(device: str) -> str:
    if device == 'auto':
        return 'cuda:0' if torch.cuda.is_available() else 'cpu'
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f'device {device!r} cannot be used here ({reason})') from error
    return device


def read_metadata(path: Path) -> ExportMetadata:
    """What a program tells about itself, read without PyTorch and without running anything.

    Raises:
        CheckpointError: no archive, or not from salkit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            wanted = f'{_EXTRA}{METADATA_KEY}'
            name = next((n for n in archive.namelist() if n.split('/', 1)[-1] == wanted), None)
            text = None if name is None else archive.read(name).decode()
    except (OSError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f'{path}: cannot be read as a torch.export program ({one_line(error)})'
        ) from error
    return ExportMetadata.from_text(text, path)


class ExportedBackend(FileBackend):
    """A model that `salkit export` wrote as .pt2.

    `torch.export.load` can run code that is hidden in a file: only for files whose origin you
    trust.

    Args:
        path: of the file.
        device: 'auto' (the first GPU, else the CPU), or as PyTorch calls it.

    Attributes:
        module: the program as a module.

    Raises:
        CheckpointError: a file that is missing, broken, or not from salkit.
        ConfigError: a device that is not there.
    """

    def __init__(self, path: str | Path, device: str = 'auto') -> None:
        path = check_file(path)
        self._describe(read_metadata(path))
        self.device = _choose_device(device)
        try:
            program = torch.export.load(path)
            if self.device != 'cpu':
                from torch.export.passes import move_to_device_pass

                program = move_to_device_pass(program, self.device)
            self.module = program.module()
        # Broken bytes surface as almost any error.
        except Exception as error:
            raise CheckpointError(
                f'{path}: PyTorch {torch.__version__} cannot load the program '
                f'({type(error).__name__}: {one_line(error)[:400]})'
            ) from error

    @torch.inference_mode()
    def run(self, clip: np.ndarray) -> np.ndarray:
        """See `FileBackend`."""
        return self.module(torch.from_numpy(clip).to(self.device)).cpu().numpy()
