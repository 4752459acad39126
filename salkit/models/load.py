"""One call from a config's name to a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..builder import build
from ..checkpoints import Checkpoint, load_weights, read_checkpoint
from ..checkpoints.named import names_weights
from ..checkpoints.shipped import default_model
from ..config.load import load_config
from ..config.options import apply_options
from ..errors import ConfigError
from ..registry import MODELS

if TYPE_CHECKING:
    from .saliency_model import SaliencyModel


def find_model(
    named: Config | str | Path | None = None,
    checkpoint: Checkpoint | str | Path | None = None,
    options: Mapping[str, object] | None = None,
) -> tuple[Config, Checkpoint | None]:
    """The config and the weights that a user means.

    Args:
        named: a loaded config, its file or its name; or, in place of both, a checkpoint that says
            its config: a file, a work dir, an address, or the name of a model that comes with
            salkit. None for what the checkpoint says; without one too, the model that is used
            where none is named, which is said on stderr.
        checkpoint: the weights, read or not.
        options: overrides of the config.

    Raises:
        ConfigError: a config that does not exist or has no model, or a checkpoint in its place;
            no model is named, and the one that salkit ships is not there.
        CheckpointError: a checkpoint that cannot be read, or does not say its config.
    """
    if named is None:
        checkpoint = _read(default_model() if checkpoint is None else checkpoint)
        named = checkpoint.config()
    elif not isinstance(named, Config) and names_weights(str(named)):
        if checkpoint is not None:
            raise ConfigError(
                f'{named}: is a checkpoint, expected the config of '
                f'{getattr(checkpoint, "source", checkpoint)}; name one of the two alone'
            )
        checkpoint = read_checkpoint(named)
        named = checkpoint.config()
    elif checkpoint is not None:
        checkpoint = _read(checkpoint)
    if not isinstance(named, Config):
        cfg = load_config(named, options)
    else:
        cfg = named
        apply_options(cfg, options or {})
    if cfg.get('model') is None:
        raise ConfigError(f'{cfg.filename}: the config has no model')
    return cfg, checkpoint


def _read(checkpoint: Checkpoint | str | Path) -> Checkpoint:
    return checkpoint if isinstance(checkpoint, Checkpoint) else read_checkpoint(checkpoint)


def choose_device(device: str) -> str:
    """The device that 'auto' means on this machine, or `device` itself.

    Raises:
        ConfigError: no such device here.
    """
    if device == 'auto':
        return 'cuda:0' if torch.cuda.is_available() else 'cpu'
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f'device {device!r} cannot be used here ({reason})') from error
    return device


_DRAWING = (Tensor.uniform_, Tensor.normal_, Tensor.erfinv_)


class _UnfilledParameters(TorchFunctionMode):
    """Draws no random parameters: seconds of a large model, for what is loaded over them."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        filled = [*args, *(kwargs or {}).values()][:1]
        drawing = func in _DRAWING or getattr(func, '__module__', None) == nn.init.__name__
        if drawing and isinstance(filled[0], nn.Parameter):
            return filled[0]
        return func(*args, **(kwargs or {}))


def build_model(
    config_or_name: Config | str | Path,
    checkpoint: Checkpoint | str | Path | None = None,
    device: str | torch.device = 'cpu',
) -> SaliencyModel:
    """Build the model of a config, ready to predict.

    Args:
        config_or_name: a loaded config, a file, or a name such as `salfom/umt-l16_cc-kl`; or, in
            place of both, a checkpoint that says its config, such as a work dir, or the name of a
            model that comes with salkit, `lite0`.
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
    cfg, checkpoint = find_model(config_or_name, checkpoint)
    if checkpoint is None:
        # Random numbers of hundreds of millions are drawn fastest where they are to be.
        with torch.device(device):
            return build(MODELS, cfg.model).to(device).eval()
    with checkpoint.plugin_hints():
        with _UnfilledParameters():
            model = build(MODELS, cfg.model)
        load_weights(model, checkpoint)
    return model.to(device).eval()
