"""Video Swin, MViTv2 and S3D of torchvision without their heads, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torchvision.models import video
from torchvision.models.video.mvit import MSBlockConfig, MViT
from torchvision.models.video.swin_transformer import SwinTransformer3d
from torchvision.ops import StochasticDepth

from ..types import FeatureSpec

# Calls a module, recomputing it in the backward pass where that is wanted.
Run = Callable[..., Any]


def _set_drop_path(blocks: nn.Module, largest: float) -> None:
    """Let the rates grow linearly to `largest`; torchvision fixes those of its named models."""
    layers = [module for module in blocks.modules() if isinstance(module, StochasticDepth)]
    for layer, rate in zip(
        layers, torch.linspace(0, largest, len(layers), device='cpu'), strict=True
    ):
        layer.p = rate.item()


class _Swin3DTrunk(nn.Module):
    """Video Swin without its head; entries are named as torchvision names them."""

    def __init__(self, drop_path: float, name: str | None = None, **settings: object) -> None:
        super().__init__()
        if name is not None:
            whole = getattr(video, name)()
        else:
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
        block_setting: Sequence[Mapping[str, object]] = (),
        **settings: object,
    ) -> None:
        super().__init__()
        if name is not None:
            whole = getattr(video, name)()
        else:
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
        (t, h, w), specs = self.conv_proj.stride, []
        for stage in self.stages():
            if stage[0].pool_skip is not None:
                by_t, by_h, by_w = stage[0].pool_skip.pool.stride
                t, h, w = t * by_t, h * by_h, w * by_w
            specs.append(FeatureSpec(stage[-1].mlp[-2].out_features, (t, h, w)))
        self.specs = tuple(specs)
        self.shortest = 1

    def stem(self) -> list[nn.Module]:
        return [self.conv_proj, self.pos_encoding]

    def stages(self) -> list[list[Any]]:
        """The blocks by resolution; one that pools its queries begins a stage."""
        stages: list[list[Any]] = []
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

    def __init__(self, drop_path: float, name: str | None = None, **settings: object) -> None:
        super().__init__()
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
