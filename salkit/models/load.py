"""One call from a config's name to a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from mmengine.config import Config

from ..builder import build
from ..checkpoints import Checkpoint, load_weights, read_checkpoint
from ..config.load import load_config
from ..errors import ConfigError
from ..registry import MODELS

if TYPE_CHECKING:
    from .saliency_model import SaliencyModel


def build_model(
    config_or_name: Config | str | Path,
    checkpoint: Checkpoint | str | Path | None = None,
    device: str | torch.device = 'cpu',
) -> SaliencyModel:
    """Build the model of a config, ready to predict.

    Args:
        config_or_name: a loaded config, a file, or a name such as `salfom/umt-l16_cc-kl`.
        checkpoint: weights to load: a training checkpoint, the authors' file or a converted one, a
            work dir (its best checkpoint), `https://...` or `hf://OWNER/REPO/FILE`, or what
            `read_checkpoint` gave. Random ones without; `model.init_weights()` then loads what the
            config's `init_cfg` names.
        device: where to put it.

    Returns:
        The model in evaluation mode. `model(clip)` maps a normalized float clip (B, 3, T, H, W) to
        the saliency_map (B, H, W) of the last frames; `model.encoder` and `model.decoder` are its
        parts, `model.data_preprocessor.normalize(frames)` gives such a clip from uint8 RGB.

    Raises:
        ConfigError: a config that does not exist or does not build.
        CheckpointError: a checkpoint that cannot be read or does not fit.
    """
    cfg: Config = config_or_name
    if isinstance(config_or_name, (str, Path)):
        cfg = load_config(config_or_name)
    if cfg.get('model') is None:
        raise ConfigError(f'{cfg.filename}: the config has no model')
    if checkpoint is None:
        return build(MODELS, cfg.model).to(device).eval()
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = read_checkpoint(checkpoint)
    with checkpoint.plugin_hints():
        model = build(MODELS, cfg.model)
        load_weights(model, checkpoint)
    return model.to(device).eval()
