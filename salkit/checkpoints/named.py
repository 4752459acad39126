"""What a user names as a model: found, or missed, before PyTorch is imported."""

from __future__ import annotations

from pathlib import Path

from ..config.find import config_names, find_config
from ..config.kinds import CHECKPOINT, FOLDER, kind_of
from ..errors import CheckpointError
from ..utils.input_files import open_input_file
from .locate import locate
from .shipped import shipped_files


def names_weights(text: str) -> bool:
    """Whether a checkpoint is named where a config might be."""
    kind = kind_of(text)
    # Of a folder and a config or model of one name, the latter is meant.
    is_folder = kind == FOLDER and text not in config_names()
    return kind == CHECKPOINT or '://' in text or is_folder or text in shipped_files()


def check_model_names(named: str | None, checkpoint: str | None = None) -> None:
    """Check that the files of a model are there, which takes no time.

    Args:
        named: a config, or a checkpoint in its place; None for the model that is used where none is
            named.
        checkpoint: weights of the config, None for none. Addresses are fetched later.

    Raises:
        ConfigError: no such config.
        CheckpointError: no such checkpoint, or a file that is none.
    """
    if named is not None and names_weights(named):
        named, checkpoint = None, named
    if named is not None:
        find_config(named)
    if checkpoint is not None and '://' not in checkpoint:
        _check_kind(locate(checkpoint))


def _check_kind(path: Path) -> None:
    """Raise CheckpointError for a file that is no checkpoint by its first bytes."""
    if path.is_dir():
        return
    with open_input_file(path, CheckpointError) as file:
        begins = file.read(9)
    # A zip archive or a pickle of torch.save; JSON behind its length.
    is_safetensors = path.suffix == '.safetensors'
    if not (begins[8:] == b'{' if is_safetensors else begins.startswith((b'PK', b'\x80'))):
        raise CheckpointError(
            f'{path}: cannot be read as a checkpoint; expected a .safetensors file, or one that '
            'torch.save wrote'
        )


def check_destination(path: str | Path, to: str) -> None:
    """Raise CheckpointError for a file that no conversion `to` 'salkit' or 'official' writes."""
    suffixes = ('.safetensors',) if to == 'salkit' else ('.safetensors', '.pth', '.pt')
    if Path(path).suffix not in suffixes:
        raise CheckpointError(f'{path}: expected a name that ends in {", ".join(suffixes)}')
