"""Runs a model of a config with PyTorch."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from ...config.clips import clip_reading
from ...config.find import config_name
from ...errors import ConfigError, one_line
from ...functional import cc
from ...media.clips import ClipSettings
from ...media.images import resize_image
from ...media.photographs import panned_photographs
from ...models.faster import faster_precisions, prepare_prediction
from ...models.load import build_model, choose_device, find_model
from ...models.precision import AUTO, PRECISIONS, Precision, computing_in, find_precision
from . import Backend, OutOfMemory

if TYPE_CHECKING:
    from ...checkpoints import Checkpoint
    from ...models import SaliencyModel

# Of the map of a precision that `auto` takes, to the exact one.
LEAST_CC = 0.999
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

    The arguments are those of `SaliencyPredictor`, and whether the model is prepared to predict, as
    it is not for who converts it.

    Attributes:
        model: the `SaliencyModel`.
        computed: the precision.

    Raises:
        ConfigError: a config that does not build, or a device that is not there.
        CheckpointError: a checkpoint that cannot be read or does not fit.
    """

    def __init__(
        self,
        config_or_name: Config | str | Path | None = None,
        checkpoint: Checkpoint | str | Path | None = None,
        device: str = 'auto',
        precision: str | None = None,
        random_weights: bool = False,
        prepared: bool = True,
    ) -> None:
        cfg, checkpoint = find_model(config_or_name, checkpoint)
        if checkpoint is None and not random_weights:
            name = config_name(cfg.filename) if cfg.filename else 'this config'
            raise ConfigError(
                f'{name}: give its weights too, a checkpoint or the work dir of a training; random '
                'ones predict nothing (random_weights=True asks for them)'
            )
        self.device = choose_device(device)
        if precision is None:
            precision = 'fp16' if (cfg.get('test_cfg') or {}).get('fp16') else 'exact'
        # What is not here is said before the weights are read.
        asked = None if precision == AUTO else find_precision(precision, self.device)
        self.model = build_model(cfg, checkpoint, self.device)
        self._is_small = sum(p.numel() for p in self.model.parameters()) <= _SMALL_MODEL
        self.source = str(cfg.filename) if checkpoint is None else checkpoint.source
        try:
            self.settings, self.left_out = settings_of(cfg, self.model)
        except ConfigError as error:
            raise ConfigError(f'{self.source}: {error}') from error
        if not prepared:
            return
        if asked is None:
            self._choose()
        else:
            self._use(self.model, asked)

    def _use(self, model: SaliencyModel, precision: Precision) -> None:
        prepare_prediction(model, precision, self.device)
        self.model, self.computed, self.precision = model, precision, precision.name

    def _choose(self) -> None:
        """Use the fastest precision whose map of a clip agrees with the exact one."""
        photographs = panned_photographs(slice(1))
        rows, columns = self.settings.size_for(photographs.shape[1:3]) or photographs.shape[1:3]
        frames = photographs[np.arange(self.settings.clip_len) % len(photographs)]
        clip = [[self.prepare(resize_image(frame, (rows, columns))) for frame in frames]]
        self.computed = PRECISIONS['exact']
        plain, exact = self.model, None
        for precision in faster_precisions(plain, self.device):
            exact = self.predict(clip)[0] if exact is None else exact
            # Not every model can be run in every one.
            with suppress(ConfigError, OutOfMemory):
                self._use(copy.deepcopy(plain), precision)
                found = self.predict(clip)[0]
                if cc(found.astype(np.float64), exact.astype(np.float64)) >= LEAST_CC:
                    return
            self.computed, self.model = PRECISIONS['exact'], plain
        self._use(plain, PRECISIONS['exact'])

    def prepare(self, frame: np.ndarray) -> Tensor:
        """See `Backend`; the frame travels to the device once, as bytes."""
        pixels = torch.from_numpy(frame).to(self.device).permute(2, 0, 1)
        clip = self.model.data_preprocessor.normalize(pixels[None, :, None])
        return clip[0, :, 0].contiguous()

    @torch.inference_mode()
    def predict(self, windows: Sequence[Sequence[Tensor]]) -> np.ndarray:
        """See `Backend`."""
        clip = torch.stack([torch.stack(tuple(window), dim=1) for window in windows])
        try:
            with computing_in(self.computed, self.device):
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
        if not self._is_small:
            return 1
        values = 3 * self.settings.clip_len * math.prod(self.settings.size or (1, 1))
        return min(8, max(1, int(_MOST_VALUES / values)))
