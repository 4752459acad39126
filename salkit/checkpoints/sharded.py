"""Checkpoints in shards: a folder that the processes of a run write together, each its own part.

The tensors lie in the format of `torch.distributed.checkpoint`; what else a checkpoint holds is the
file `RUN` beside them. Whether a folder is one is found out without PyTorch.
"""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, one_line, reason_of

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata

RUN = 'run.pth'
MODEL, OPTIMIZER = 'model.', 'optimizer.'
_INDEX = '.metadata'
# All that PyTorch's index of a folder of tensors is made of.
_PARTS = {
    'pathlib': ('PosixPath', 'WindowsPath', 'PurePosixPath', 'PureWindowsPath'),
    'torch': ('Size',),
    'torch.serialization': ('_get_layout',),
    'torch.distributed.checkpoint.filesystem': ('_StorageInfo',),
    'torch.distributed.checkpoint.metadata': (
        'ChunkStorageMetadata',
        'Metadata',
        'MetadataIndex',
        'StorageMeta',
        'TensorProperties',
        'TensorStorageMetadata',
        '_MEM_FORMAT_ENCODING',
    ),
}


def is_sharded(path: str | Path) -> bool:
    """Whether a folder is a checkpoint in shards."""
    return os.path.isfile(os.path.join(path, _INDEX))


class _IndexUnpickler(pickle.Unpickler):
    """Makes nothing but what an index of tensors is made of; entries of other kinds run code."""

    def find_class(self, module: str, name: str) -> Any:
        import torch

        known = name in _PARTS.get(module, ())
        if not known and not (
            module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype)
        ):
            raise CheckpointError(f'{_INDEX} asks for {module}.{name}')
        return super().find_class(module, name)


def _index(folder: Path) -> dict[str, TensorStorageMetadata]:
    """Shape and type of every tensor in a folder."""
    with open(folder / _INDEX, 'rb') as file:
        return _IndexUnpickler(file).load().state_dict_metadata


def write_shards(tensors: Mapping[str, Tensor], folder: str | Path) -> None:
    """Write tensors, of which every process holds a part, into a folder; all processes call this.

    Raises:
        OSError: one of them cannot write.
    """
    # Takes a second to import, which other commands need not wait for; so below.
    from torch.distributed import checkpoint

    try:
        checkpoint.save(dict(tensors), checkpoint_id=str(folder))
    except checkpoint.CheckpointException as error:
        first = next(iter(error.failures.values()))[0]
        raise OSError(f'{folder}: cannot be written ({one_line(first)[:160]})') from error


def read_shards(
    folder: Path, prefix: str, like: Callable[[str], Tensor] | None = None
) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, which is left out of the names.

    Args:
        folder: a checkpoint in shards.
        prefix: MODEL or OPTIMIZER.
        like: gives a tensor for a name without the prefix: where it has the shape of the stored
            one, that is read to its device, and where it is sharded, no more than this process'
            part. Others are read whole, to the memory of the CPU.

    Raises:
        CheckpointError: a folder that cannot be read.
    """
    import torch
    from torch.distributed import checkpoint

    class SafeReader(checkpoint.FileSystemReader):
        """PyTorch's own unpickles whatever an index asks for."""

        def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
            _index(folder)
            return super().read_metadata(*args, **kwargs)

    try:
        index = _index(folder)
        entries = {name: index[name] for name in index if name.startswith(prefix)}
        sizes = [e.size.numel() * e.properties.dtype.itemsize for e in entries.values()]
        if sum(sizes) > sum(file.stat().st_size for file in folder.iterdir()):
            raise CheckpointError('its entries are said to be larger than the files')
        tensors = {}
        for name, entry in entries.items():
            model = like(name.removeprefix(prefix)) if like else None
            if model is not None and model.shape == entry.size:
                tensors[name] = torch.empty_like(model, dtype=entry.properties.dtype)
            else:
                tensors[name] = torch.empty(entry.size, dtype=entry.properties.dtype)
        with warnings.catch_warnings():
            # That one process reads is meant so.
            warnings.filterwarnings('ignore', 'torch.distributed is disabled')
            checkpoint.load(tensors, storage_reader=SafeReader(str(folder)), no_dist=True)
    except Exception as error:
        reason = f'{type(error).__name__}: {reason_of(error)}'
        raise CheckpointError(
            f'{folder}: cannot be read as a checkpoint in shards ({reason[:160]})'
        ) from error
    return {name.removeprefix(prefix): value for name, value in tensors.items()}
