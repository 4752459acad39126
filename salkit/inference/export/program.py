"""Writing a `torch.export` program."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import torch

from ...errors import one_line
from ..backends.exported_file import METADATA_KEY, ExportMetadata
from .graph import quiet


class _LateError(io.RawIOBase):
    """Writes to a file and keeps an error of the disk for later.

    PyTorch's writer of archives, which closes itself in a destructor, ends the whole process when
    it meets one.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.file = file
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        # Archives are written from beginning to end; afterwards they are rewound for a reader.
        return offset

    def write(self, content: Any) -> int:
        if self.error is None:
            try:
                self.file.write(content)
            except OSError as error:
                self.error = error
        return len(content)


def write_program(
    program: torch.export.ExportedProgram, path: Path, metadata: ExportMetadata
) -> None:
    """Write a program as .pt2, its metadata as an extra file.

    Raises:
        OSError: it cannot be written.
    """
    try:
        with open(path, 'wb') as file, quiet():
            late = _LateError(file)
            torch.export.save(program, late, extra_files={METADATA_KEY: metadata.to_text()})
            if late.error is not None:
                raise late.error
    except OSError as error:
        raise OSError(f'{path}: cannot be written ({one_line(error)})') from error
