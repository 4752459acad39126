"""Runs a model of a config with PyTorch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from ...config.clips import clip_reading
from ...config.find import config_name
from ...errors import ConfigError, one_line
from ...media.clips import ClipSettings
from ...models.faster import prepare_prediction
from ...models.load import build_model, choose_device, find_model
from ...utils.text import check_choice
from . import Backend, OutOfMemory

if TYPE_CHECKING:
    from ...checkpoints import Checkpoint
    from ...models import SaliencyModel

PRECISIONS = ('float32', 'float16', 'bfloat16')
# Parameters up to which one window leaves the cores of a CPU room for another.
_SMALL_MODEL = 20e6
# Values of the windows at once; with more, a CPU waits for memory.
_MOST_VALUES = 1.2e6


def settings_of(cfg: Config, model: SaliencyModel) -> tuple[ClipSettings, list[str]]:
    """How the config's test set cuts and reads clips.

    Returns:
        The settings, and the transforms of its pipeline that prediction leaves out.
    """
    encoder = model.encoder
    reading, left_out = clip_reading(cfg)
    settings = dataclasses.replace(
        reading,
        clip_len=encoder.clip_len,
        size=reading.size or encoder.fixed_size,
        pixel_mean=tuple(encoder.pixel_mean),
        pixel_std=tuple(encoder.pixel_std),
        blur_kernel=model.blur_kernel,
        smooth_s=model.smooth_s,
        name=config_name(cfg.filename) if cfg.filename else '',
    )
    return settings, left_out


class TorchBackend(Backend[Tensor]):
    """A model of a config and a checkpoint, in evaluation mode.

    The arguments are those of `SaliencyPredictor`; the precision 'auto' is that of testing with the
    config: float32, unless its `test_cfg` says `fp16`.

    Attributes:
        model: the `SaliencyModel`.

    Raises:
        ConfigError: a config that does not build, or a device that is not there.
        CheckpointError: a checkpoint that cannot be read or does not fit.
    """

    def __init__(
        self,
        config_or_name: Config | str | Path | None = None,
        checkpoint: Checkpoint | str | Path | None = None,
        device: str = 'auto',
        precision: str = 'auto',
        random_weights: bool = False,
    ) -> None:
        cfg, checkpoint = find_model(config_or_name, checkpoint)
        if checkpoint is None and not random_weights:
            name = config_name(cfg.filename) if cfg.filename else 'this config'
            raise ConfigError(
                f'{name}: give its weights too, a checkpoint or the work dir of a training; random '
                'ones predict nothing (random_weights=True asks for them)'
            )
        self.device = choose_device(device)
        if precision == 'auto':
            precision = 'float16' if (cfg.get('test_cfg') or {}).get('fp16') else 'float32'
        check_choice('', 'precision', precision, PRECISIONS)
        self.precision: str = precision
        self.model = build_model(cfg, checkpoint, self.device)
        if self.device == 'cpu':
            prepare_prediction(self.model, self.precision)
        self.source = str(cfg.filename) if checkpoint is None else checkpoint.source
        try:
            self.settings, self.left_out = settings_of(cfg, self.model)
        except ConfigError as error:
            raise ConfigError(f'{self.source}: {error}') from error

    def prepare(self, frame: np.ndarray) -> Tensor:
        """See `Backend`; the frame travels to the device once, as bytes."""
        pixels = torch.from_numpy(frame).to(self.device).permute(2, 0, 1)
        clip = self.model.data_preprocessor.normalize(pixels[None, :, None])
        return clip[0, :, 0].contiguous()

    @torch.inference_mode()
    def predict(self, windows: Sequence[Sequence[Tensor]]) -> np.ndarray:
        """See `Backend`."""
        clip = torch.stack([torch.stack(tuple(window), dim=1) for window in windows])
        kind = torch.device(self.device).type
        try:
            with torch.autocast(kind, getattr(torch, self.precision), self.precision != 'float32'):
                saliency_map = self.model(clip)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(
                f'the memory of {self.device} does not hold a batch of {len(windows)} clips'
            ) from error
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            # A config may build and fit its weights, and still ask for what no clip can give.
            raise ConfigError(
                f'{self.source}: the model cannot predict clips {tuple(clip.shape)} '
                f'({one_line(error)[:300]})'
            ) from error
        return saliency_map.float().cpu().numpy()

    def suggest_batch_size(self) -> int:
        """On a CPU, several small windows of a small model, and single ones of another."""
        if self.device != 'cpu':
            return 8
        if sum(p.numel() for p in self.model.parameters()) > _SMALL_MODEL:
            return 1
        values = 3 * self.settings.clip_len * math.prod(self.settings.size or (1, 1))
        return min(8, max(1, int(_MOST_VALUES / values)))
