"""What a user names as a model: found, or missed, before PyTorch is imported."""

from __future__ import annotations

from ..config.find import config_names, find_config
from ..config.kinds import CHECKPOINT, FOLDER, kind_of
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
        CheckpointError: no such checkpoint.
    """
    if named is not None and names_weights(named):
        named, checkpoint = None, named
    if named is not None:
        find_config(named)
    if checkpoint is not None and '://' not in checkpoint:
        locate(checkpoint)
