"""The model that the Runner trains and tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from einops import rearrange
from mmengine.logging import print_log
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from ..builder import build
from ..checkpoints import load_pretrained, load_weights
from ..decoders import Decoder
from ..encoders import Encoder
from ..errors import ConfigError, ShapeError
from ..media.clips import MOST_SECONDS
from ..media.maps import check_prediction
from ..registry import DECODERS, ENCODERS, LOSSES, MODELS
from ..types import LEAST_SALIENCY, ClipMeta, EncodedClip, Targets
from ..utils.text import check_range
from .clip_preprocessor import ClipPreprocessor
from .postprocess import postprocess_map
from .precision import Precision, computing_in


def _pretrained_checkpoint(cfg: str | dict, part: str) -> str:
    """The checkpoint that an `init_cfg` names."""
    if isinstance(cfg, dict):
        if set(cfg) != {'type', 'checkpoint'} or cfg['type'] != 'Pretrained':
            raise ConfigError(
                f"init_cfg of the {part}: expected a checkpoint or dict(type='Pretrained', "
                f'checkpoint=...), got {dict(cfg)}'
            )
        cfg = cfg['checkpoint']
    return str(cfg)


@MODELS.register_module()
class SaliencyModel(BaseModel):
    """A video encoder, a decoder and any number of losses (SalFoM; the paper).

    Args:
        encoder: config of an encoder.
        decoder: config of a decoder.
        losses: configs of the losses by name; one set to None is left out. Their sum is trained.
        blur_kernel: side of the Gaussian blur after resizing to the frame, when testing; 0: none.
        smooth_s: time constant in seconds of a causal smoothing of maps when a video is predicted,
            for encoders that look at every frame by itself; 0: none. Testing scores each clip.
        test_scales: the sides of the clip that the model looks at when it is not trained, as shares
            of those that it is given; the maps of several are averaged geometrically, which is the
            mean of their logarithms.
        init_cfg: the checkpoint that `init_weights` starts the whole model from: a path or an
            address, or `dict(type='Pretrained', checkpoint=...)` around one. The encoder's config
            may hold an `init_cfg` too, whatever its class, for the encoder alone.

    Attributes:
        encoder: the built encoder.
        decoder: the built decoder.
        take_step: how a training loop takes its steps; None for the way of mmengine.
        pretrained: what `init_weights` loads, by part ('encoder' first, then 'model').
        tested_in: the precision of `test_step`; None for that of whoever calls it.

    Raises:
        ConfigError: no scale, or one that is not above 0; a `smooth_s` out of range.
    """

    take_step: Callable[[dict[str, list], OptimWrapper], dict[str, Tensor]] | None = None

    def __init__(
        self,
        encoder: dict,
        decoder: dict,
        losses: dict[str, dict | None] | None = None,
        blur_kernel: int = 11,
        test_scales: tuple[float, ...] = (1.0,),
        smooth_s: float = 0.0,
        init_cfg: str | dict | None = None,
    ) -> None:
        check_range('SaliencyModel', 'smooth_s', smooth_s, 0, MOST_SECONDS)
        if not test_scales or not min(test_scales) > 0:
            raise ConfigError(
                f'SaliencyModel: test_scales must be above 0, got {tuple(test_scales)}'
            )
        sources = dict(encoder=None, model=init_cfg)
        if isinstance(encoder, Mapping):
            encoder = dict(encoder)
            sources['encoder'] = encoder.pop('init_cfg', None)
        built = build(ENCODERS, encoder, Encoder)
        super().__init__(ClipPreprocessor(built.pixel_mean, built.pixel_std))
        self.encoder = built
        self.decoder = build(
            DECODERS, decoder, Decoder, in_specs=built.features, clip_len=built.clip_len
        )
        self.losses = nn.ModuleDict(
            {name: build(LOSSES, cfg) for name, cfg in (losses or {}).items() if cfg is not None}
        )
        self.blur_kernel = blur_kernel
        self.test_scales = tuple(test_scales)
        self.smooth_s = smooth_s
        self.tested_in: Precision | None = None
        self.pretrained = {
            part: _pretrained_checkpoint(cfg, part) for part, cfg in sources.items() if cfg
        }

    def train_step(self, data: dict[str, list], optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Take a training step, as `take_step` does where a loop has set it."""
        if self.take_step is not None:
            return self.take_step(data, optim_wrapper)
        return super().train_step(data, optim_wrapper)

    def init_weights(self) -> None:
        """Load what the `init_cfg`s name; without one, what the encoder's `pretrained` does.

        The Runner calls it once before training, so that building a model never needs the files.
        Weights stay random where nothing is named.

        Raises:
            CheckpointError: a checkpoint that is not there, cannot be read or does not fit.
        """
        self.encoder.init_weights()
        reports = [
            load_weights(self.encoder if part == 'encoder' else self, checkpoint)
            for part, checkpoint in self.pretrained.items()
        ]
        if not reports:
            report = load_pretrained(self.encoder)
            reports = [] if report is None else [report]
        for report in reports:
            print_log(report.headline, logger='current')

    def forward(
        self,
        clip: Tensor | EncodedClip,
        targets: Targets | None = None,
        metas: list[ClipMeta] | None = None,
        mode: str = 'tensor',
    ) -> Tensor | dict[str, Tensor] | list[dict]:
        """Predict the saliency of each clip's last frame.

        Args:
            clip: (B, 3, T, H, W) float, normalized; or what the encoder makes of it.
            targets: ground truth at the clip's size (mode 'loss') or the frame's ('predict').
            metas: where each clip comes from, and its frame's size; for mode 'predict'.
            mode: 'tensor' -> saliency_map (B, H, W) in [0, 1]; 'loss' -> dict of scalars called
                `loss_<name>`; 'predict' -> one dict a clip with `saliency_map` (rows, columns)
                resized to the frame and blurred, its `density_map`, `fixation_map` and `meta`.

        Raises:
            ShapeError: a clip that the encoder does not take.
        """
        saliency_map = self._map_of(clip)
        if mode == 'tensor':
            return saliency_map
        if mode == 'loss':
            if not self.losses:
                raise ConfigError('SaliencyModel: losses is empty, training needs at least one')
            targets = targets or Targets()
            if isinstance(targets.density_map, list) or isinstance(targets.fixation_map, list):
                raise ShapeError(
                    'maps of one training batch differ in size: give LoadTargets the size of '
                    'LoadClip'
                )
            return {f'loss_{k}': loss(saliency_map, targets) for k, loss in self.losses.items()}
        if mode == 'predict':
            return self._predictions(saliency_map, targets, metas)
        raise ValueError(f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}")

    def _map_of(self, clip: Tensor | EncodedClip) -> Tensor:
        """The saliency_map (B, H, W) of a clip, at all scales when it is not trained."""
        if isinstance(clip, EncodedClip):
            return self.decoder(clip.features, clip.size)
        size = (clip.shape[-2], clip.shape[-1])
        if self.training or self.test_scales == (1.0,):
            return self.decoder(self.encoder(clip), size)
        maps = [
            self.decoder(self.encoder(self._scaled(clip, scale)), size)
            for scale in self.test_scales
        ]
        mean = torch.stack([each.clamp_min(LEAST_SALIENCY).log() for each in maps]).mean(0)
        return (mean - mean.amax((-2, -1), keepdim=True)).exp()

    def _scaled(self, clip: Tensor, scale: float) -> Tensor:
        """A clip whose sides are as near to `scale` times its own as the encoder takes."""
        if scale == 1:
            return clip
        divisor = self.encoder.size_divisor
        size = [max(1, round(scale * side / divisor)) * divisor for side in clip.shape[-2:]]
        frames = rearrange(clip, 'b c t h w -> (b t) c h w')
        small = F.interpolate(frames, size, mode='bilinear', align_corners=False)
        return rearrange(small, '(b t) c h w -> b c t h w', b=clip.shape[0])

    def test_step(self, data: dict) -> list[dict]:
        """Predict a batch, as `forward` in mode 'predict'.

        A validation during training takes whatever comes.

        Raises:
            CheckpointError: a map with NaN or infinity.
        """
        chosen, device = self.tested_in, str(self.data_preprocessor.device)
        with nullcontext() if chosen is None else computing_in(chosen, device):
            predictions = super().test_step(data)
        for prediction in predictions:
            final, meta = prediction['saliency_map'], prediction['meta']
            if chosen is not None:
                computed, advice = chosen.name, '--precision exact'
            else:
                kind, dtype = final.device.type, final.dtype
                if torch.is_autocast_enabled(kind):
                    dtype = torch.get_autocast_dtype(kind)
                computed, advice = str(dtype).removeprefix('torch.'), 'test_cfg.fp16=False'
            frame = f'frame {meta.frame} of {meta.video}'
            check_prediction(final.cpu().numpy(), 'the model', frame, computed, advice)
        return predictions

    def _predictions(
        self, saliency_map: Tensor, targets: Targets | None, metas: list[ClipMeta] | None
    ) -> list[dict]:
        targets = targets or Targets()
        predictions = []
        for index, meta in enumerate(metas or [None] * len(saliency_map)):
            one = saliency_map[index : index + 1].float()
            size = meta.size if meta else None
            # Not in the precision of the forward pass, which would round once more.
            with torch.autocast(one.device.type, enabled=False):
                final = postprocess_map(one, size, self.blur_kernel)[0]
            prediction = dict(meta=meta, saliency_map=final)
            for name in ('density_map', 'fixation_map'):
                maps = getattr(targets, name)
                prediction[name] = None if maps is None else maps[index]
            predictions.append(prediction)
        return predictions
