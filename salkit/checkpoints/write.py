"""The one door through which weights go out to files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ..errors import one_line
from ..utils.files import whole_file
from .finite import check_finite

# Notes of a run, its log of losses among them, may hold any number; so may gradients of a step that
# is yet to be skipped.
_NOTES = ('meta', 'message_hub', 'gradients')


def separate(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as the .safetensors format wants them: contiguous, none in the memory of another."""
    separated, seen = {}, set()
    for key, value in weights.items():
        value = value.contiguous()
        memory = value.untyped_storage().data_ptr()
        separated[key] = value.clone() if memory in seen else value
        seen.add(memory)
    return separated


def _cannot_write(path: str | Path, error: BaseException) -> OSError:
    return OSError(f'{path}: cannot be written ({one_line(error)[:160]})')


def _write(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it."""
    with whole_file(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        write(temporary)
        # safetensors makes files that only their owner may read.
        temporary.chmod(mode)
        with open(temporary, 'rb') as file:
            os.fsync(file.fileno())


def write_checkpoint(content: Mapping[str, object], path: str | Path) -> None:
    """Write with `torch.save` so that the file is either complete or not there.

    It is streamed to a temporary file beside `path`, so a large model needs no second copy in
    memory, and then renamed.

    Args:
        content: a state dict, or what holds one among other things.
        path: of the file.

    Raises:
        CheckpointError: weights, or the state of an optimizer, with NaN or infinity: nobody could
            go on from them. Nothing is written, and an older file of this name stays.
    """
    check_finite(
        {key: value for key, value in content.items() if key not in _NOTES}, f'{path}: not written'
    )

    def write(temporary: Path) -> None:
        with open(temporary, 'wb') as file:
            try:
                torch.save(content, file)
            except RuntimeError as error:
                # On a full disk, torch covers the error of the disk with one of its own.
                cause = error.__context__ if isinstance(error.__context__, OSError) else error
                raise _cannot_write(path, cause) from error

    _write(Path(path), write)


def write_safetensors(
    weights: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write weights as .safetensors so that the file is either complete or not there."""
    separated = separate(weights)
    # Readers of the format, transformers among them, look for this entry.
    content = {'format': 'pt', **(metadata or {})}

    def write(temporary: Path) -> None:
        try:
            save_file(separated, temporary, content)
        except SafetensorError as error:
            raise _cannot_write(path, error) from error

    _write(Path(path), write)
