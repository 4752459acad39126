"""torchvision's video models as encoders: Video Swin, MViTv2 and S3D."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..checkpoints import load_weights
from ..errors import CheckpointError, ConfigError, one_line
from ..registry import ENCODERS
from ..types import AdaptedWeights, FeatureSpec
from .base import Encoder

# Calls a module, recomputing it in the backward pass where that is wanted.
Run = Callable[..., Any]


def _set_drop_path(blocks: nn.Module, largest: float) -> None:
    """Let the rates grow linearly to `largest`; torchvision fixes those of its named models."""
    from torchvision.ops import StochasticDepth

    layers = [module for module in blocks.modules() if isinstance(module, StochasticDepth)]
    for layer, rate in zip(
        layers, torch.linspace(0, largest, len(layers), device='cpu'), strict=True
    ):
        layer.p = rate.item()


class _Swin3DTrunk(nn.Module):
    """Video Swin without its head; entries are named as torchvision names them."""

    def __init__(self, drop_path: float, name: str | None = None, **settings: Any) -> None:
        super().__init__()
        from torchvision.models import video

        if name is not None:
            whole = getattr(video, name)()
        else:
            from torchvision.models.video.swin_transformer import SwinTransformer3d

            settings = {'patch_size': [2, 4, 4], 'window_size': [8, 7, 7], **settings}
            whole = SwinTransformer3d(**settings)
        self.patch_embed, self.pos_drop = whole.patch_embed, whole.pos_drop
        self.features, self.norm = whole.features, whole.norm
        _set_drop_path(self.features, drop_path)
        stride = self.patch_embed.tuple_patch_size
        self.specs = tuple(
            FeatureSpec(
                blocks[0].norm1.normalized_shape[0],
                (stride[0], stride[1] << level, stride[2] << level),
            )
            for level, blocks in enumerate(self.features[::2])
        )
        # Frames are padded to a whole patch, so that a single one is enough.
        self.shortest = 1

    def stem(self) -> list[nn.Module]:
        return [self.patch_embed]

    def stages(self) -> list[list[nn.Module]]:
        merges = [[], *([merge] for merge in self.features[1::2])]
        return [[*merge, *blocks] for merge, blocks in zip(merges, self.features[::2], strict=True)]

    def forward(self, clip: Tensor, run: Run) -> tuple[Tensor, ...]:
        x = self.pos_drop(self.patch_embed(clip))
        features = []
        for stage in self.stages():
            for module in stage:
                x = run(module, x)
            features.append(x)
        features[-1] = self.norm(features[-1])
        return tuple(rearrange(x, 'b t h w c -> b c t h w') for x in features)


class _MViTTrunk(nn.Module):
    """MViTv2 without its head; entries are named as torchvision names them.

    The tables of relative positions are interpolated to the clip's length and size.
    """

    def __init__(
        self,
        drop_path: float,
        name: str | None = None,
        block_setting: Sequence[Mapping[str, Any]] = (),
        **settings: Any,
    ) -> None:
        super().__init__()
        from torchvision.models import video

        if name is not None:
            whole = getattr(video, name)()
        else:
            from torchvision.models.video.mvit import MSBlockConfig, MViT

            settings = {'spatial_size': (224, 224), 'temporal_size': 16, **settings}
            whole = MViT(
                block_setting=[MSBlockConfig(**block) for block in block_setting],
                residual_pool=True,
                residual_with_cls_embed=False,
                rel_pos_embed=True,
                proj_after_attn=True,
                **settings,
            )
        self.conv_proj, self.pos_encoding = whole.conv_proj, whole.pos_encoding
        self.blocks, self.norm = whole.blocks, whole.norm
        _set_drop_path(self.blocks, drop_path)
        stride, specs = tuple(self.conv_proj.stride), []
        for stage in self.stages():
            pool = stage[0].pool_skip
            if pool is not None:
                stride = tuple(s * p for s, p in zip(stride, pool.pool.stride, strict=True))
            specs.append(FeatureSpec(stage[-1].mlp[-2].out_features, stride))
        self.specs = tuple(specs)
        self.shortest = 1

    def stem(self) -> list[nn.Module]:
        return [self.conv_proj, self.pos_encoding]

    def stages(self) -> list[list[nn.Module]]:
        """The blocks by resolution; one that pools its queries begins a stage."""
        stages: list[list[nn.Module]] = []
        for block in self.blocks:
            if not stages or block.pool_skip is not None:
                stages.append([])
            stages[-1].append(block)
        return stages

    def forward(self, clip: Tensor, run: Run) -> tuple[Tensor, ...]:
        x = self.conv_proj(clip)
        thw = tuple(x.shape[2:])
        # The class token leads; it is no part of a feature, but the others attend to it.
        tokens = self.pos_encoding(rearrange(x, 'b c t h w -> b (t h w) c'))
        found = []
        for stage in self.stages():
            for block in stage:
                tokens, thw = run(block, tokens, thw)
            found.append((tokens, thw))
        found[-1] = (self.norm(tokens), thw)
        return tuple(
            rearrange(x[:, 1:], 'b (t h w) c -> b c t h w', t=t, h=h, w=w) for x, (t, h, w) in found
        )


class _S3DTrunk(nn.Module):
    """S3D without its head; entries are named as torchvision names them.

    A stage ends where the next one pools, as in the saliency models built on S3D.
    """

    ENDS = (4, 7, 13, 16)

    def __init__(self, drop_path: float, name: str | None = None, **settings: Any) -> None:
        super().__init__()
        from torchvision.models import video

        if drop_path:
            raise ValueError('it has no residual blocks to drop')
        self.features = getattr(video, name or 's3d')(**settings).features
        self.specs = (
            FeatureSpec(192, (2, 4, 4)),
            FeatureSpec(480, (2, 8, 8)),
            FeatureSpec(832, (4, 16, 16)),
            FeatureSpec(1024, (8, 32, 32)),
        )
        self.shortest = 8

    def stem(self) -> list[nn.Module]:
        return [self.features[0]]

    def stages(self) -> list[list[nn.Module]]:
        begins = (1, *self.ENDS[:-1])
        return [
            list(self.features[begin:end]) for begin, end in zip(begins, self.ENDS, strict=True)
        ]

    def forward(self, clip: Tensor, run: Run) -> tuple[Tensor, ...]:
        x = run(self.features[0], clip)
        features = []
        for stage in self.stages():
            for module in stage:
                x = run(module, x)
            features.append(x)
        return tuple(features)


FAMILIES = {'swin3d': _Swin3DTrunk, 'mvit': _MViTTrunk, 's3d': _S3DTrunk}
# Family by name; the first of a family lends it its pixel statistics.
ARCHITECTURES = {
    'swin3d_t': 'swin3d',
    'swin3d_s': 'swin3d',
    'swin3d_b': 'swin3d',
    'mvit_v2_s': 'mvit',
    's3d': 's3d',
}

HEAD_REASON = 'classification head, no part of the saliency model'


@ENCODERS.register_module()
class TorchvisionVideoEncoder(Encoder):
    """Video Swin, MViTv2 or S3D of torchvision without its head, all stages as features.

    Liu et al. 2022 (Video Swin), Li et al. 2022 (MViTv2), Xie et al. 2018 (S3D). The strides are
    (2, 4, 4) to (2, 32, 32), for S3D to (8, 32, 32). The deepest feature has the model's final
    norm, where it has one.

    Args:
        arch: 'swin3d_t', 'swin3d_s', 'swin3d_b', 'mvit_v2_s', 's3d', or a dict: `name` is
            'swin3d', 'mvit' or 's3d', the rest are arguments of torchvision's class (for 'mvit',
            `block_setting` is a list of dicts).
        clip_len: frames per clip, a multiple of the deepest temporal stride.
        pretrained: name of torchvision's weights for `init_weights`, 'KINETICS400_V1'; None for
            random weights.
        drop_path: largest stochastic depth rate, growing linearly over the blocks.
        frozen_stages: -1 trains everything, 0 freezes the stem, k > 0 also the first k stages.
            Frozen stages run in evaluation mode.
        norm_eval: batch norms keep their stored statistics in training; for batches too small to
            measure any. S3D alone has batch norms.
        activation_checkpointing: recompute each block in the backward pass to save memory.

    Raises:
        ConfigError: an architecture or weights that do not exist, or a number out of range.
    """

    def __init__(
        self,
        arch: str | dict = 'swin3d_t',
        clip_len: int = 16,
        pretrained: str | None = None,
        drop_path: float = 0.0,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        settings = dict(arch) if isinstance(arch, dict) else {}
        name = settings.pop('name', None) if isinstance(arch, dict) else arch
        known = FAMILIES if isinstance(arch, dict) else ARCHITECTURES
        if name not in known:
            raise ConfigError(
                f'TorchvisionVideoEncoder: arch must be one of {sorted(ARCHITECTURES)} or a dict '
                f'whose name is one of {sorted(FAMILIES)}, got {arch!r}'
            )
        self.arch = name
        self._weights = self._find_weights(arch, pretrained)
        self.pretrained = pretrained or None
        if isinstance(arch, str):
            settings['name'] = arch
        try:
            self.trunk = FAMILIES[ARCHITECTURES.get(name, name)](drop_path, **settings)
        except (AttributeError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ConfigError(
                f'TorchvisionVideoEncoder: torchvision cannot build {name} from arch {arch!r} and '
                f'drop_path {drop_path}: {one_line(error)}'
            ) from error
        self.features = self.trunk.specs
        stride_t, *stride_hw = self.features[-1].stride_thw
        self.size_divisor = max(stride_hw)
        single = clip_len == self.trunk.shortest == 1
        if not single and (clip_len < self.trunk.shortest or clip_len % stride_t):
            raise ConfigError(
                f'TorchvisionVideoEncoder: clip_len must be a multiple of {stride_t} for {name}, '
                f'got {clip_len}'
            )
        stages = len(self.trunk.stages())
        if not -1 <= frozen_stages <= stages:
            raise ConfigError(
                f'TorchvisionVideoEncoder: frozen_stages must be -1 to {stages}, '
                f'got {frozen_stages}'
            )
        self.clip_len = clip_len
        self.frozen_stages, self.norm_eval = frozen_stages, norm_eval
        self.activation_checkpointing = activation_checkpointing
        self.pixel_mean, self.pixel_std = self._pixel_statistics(name)
        for module in self._frozen_modules():
            module.requires_grad_(False)
        self.train(self.training)

    def _find_weights(self, arch: str | dict, pretrained: str | None) -> Any:
        """The enum member of the weights that are asked for."""
        if not pretrained:
            return None
        if isinstance(arch, dict):
            raise ConfigError(
                f'TorchvisionVideoEncoder: pretrained={pretrained!r} needs the name of an '
                f'architecture, got arch {arch!r}; a file is given as init_cfg'
            )
        from torchvision.models import get_model_weights

        available = get_model_weights(arch).__members__
        if pretrained not in available:
            raise ConfigError(
                f'TorchvisionVideoEncoder: pretrained must be one of {sorted(available)} for '
                f'{arch}, got {pretrained!r}'
            )
        return available[pretrained]

    def _pixel_statistics(self, name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        from torchvision.models import get_model_weights

        model = next(a for a, family in ARCHITECTURES.items() if name in (a, family))
        transforms = get_model_weights(model).DEFAULT.transforms()
        return tuple(transforms.mean), tuple(transforms.std)

    def _frozen_modules(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        stages = self.trunk.stages()[: self.frozen_stages]
        return [*self.trunk.stem(), *(module for stage in stages for module in stage)]

    def train(self, mode: bool = True) -> TorchvisionVideoEncoder:
        """Set the training mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def freeze(self) -> None:
        """Stop training of every parameter and whatever else differs in training."""
        super().freeze()
        self.frozen_stages = len(self.trunk.stages())
        self.train(self.training)

    def init_weights(self) -> None:
        """Have torchvision fetch what `pretrained` names, and load it.

        Raises:
            CheckpointError: it cannot be had, or does not fit.
        """
        if self._weights is None:
            return
        source = f'torchvision {self._weights}'
        try:
            state = self._weights.get_state_dict(
                progress=False, check_hash=True, weights_only=True, map_location='cpu'
            )
        # Network, hash and reading of the file each fail in their own way.
        except Exception as error:
            raise CheckpointError(
                f'{source}: cannot be fetched from {self._weights.url} ({one_line(error)}); with '
                'pretrained=None, a downloaded file can be given as model.encoder.init_cfg'
            ) from error
        load_weights(self, dict(state_dict=state), source)

    def adapt_weights(self, weights: Mapping[str, Tensor]) -> AdaptedWeights | None:
        """Take a state dict of torchvision's model; its head is dropped."""
        own = self.trunk.state_dict()
        if not any(key in own for key in weights):
            return None
        found = AdaptedWeights('torchvision', {})
        for key, value in weights.items():
            if key in own:
                found.weights['trunk.' + key] = value
                found.sources['trunk.' + key] = key
            elif key.startswith(('head.', 'classifier.')):
                found.dropped[key] = HEAD_REASON
        return found

    def _run(self, module: nn.Module, *args: Any) -> Any:
        if self.activation_checkpointing and self.training and torch.is_grad_enabled():
            return checkpoint(module, *args, use_reentrant=False)
        return module(*args)

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Encode a normalised clip.

        Args:
            clip: (B, 3, clip_len, H, W) float, H and W divisible by 32.

        Returns:
            One feature per stage, (B, C, T / stride_t, H / stride_h, W / stride_w).

        Raises:
            ShapeError: another rank, length or size.
        """
        self.check_clip(clip)
        return self.trunk(clip, self._run)
