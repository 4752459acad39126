"""VideoMAE vision transformers, from the transformers library."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from mmengine.logging import print_log
from timm.layers import DropPath, trunc_normal_
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from salkit.encoders import Encoder
from salkit.errors import CheckpointError, ConfigError, one_line
from salkit.layers import resize_position_table, sine_cosine_table
from salkit.types import AdaptedWeights, FeatureSpec

if TYPE_CHECKING:
    from transformers import VideoMAEConfig

# The sizes of the paper. The small one has 6 heads in the authors' code, with which its weights
# were trained; the hub's configuration of it says 16.
ARCHITECTURES = {
    'small': dict(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536
    ),
    'base': dict(
        hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072
    ),
    'large': dict(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096
    ),
    'huge': dict(
        hidden_size=1280, num_hidden_layers=32, num_attention_heads=16, intermediate_size=5120
    ),
}
# What the shapes of the weights do not tell.
COMPUTED_WITH = ('num_attention_heads', 'hidden_act', 'layer_norm_eps')

_LIBRARY_KEY = re.compile(r'(videomae\.)?encoder\.layer\.\d+\.attention\.attention\.query\.weight')
_AUTHORS_KEY = re.compile(r'(encoder\.)?blocks\.\d+\.attn\.qkv\.weight')
_BLOCK = re.compile(r'encoder\.layer\.(\d+)\.')
_UNUSED = {
    r'(classifier|head|fc_norm)\.(weight|bias)': 'classification head',
    r'(decoder\..+|encoder_to_decoder\.weight|mask_token)': 'used in pre-training alone',
}
# The authors' names of a block's entries, and the library's.
_RENAMED = {
    'norm1': 'layernorm_before',
    'norm2': 'layernorm_after',
    'attn.proj': 'attention.output.dense',
    'mlp.fc1': 'intermediate.dense',
    'mlp.fc2': 'output.dense',
}
_BIASES = {'q_bias': 'query.bias', 'v_bias': 'value.bias'}


class Trunk(nn.Module):
    """Parts of the library's model, under the names that they have there.

    Args:
        patch_embeddings: makes the tokens.
        layers: the blocks.
        layernorm: the final norm; None for none.
    """

    def __init__(
        self, patch_embeddings: nn.Module, layers: Sequence[nn.Module], layernorm: nn.Module | None
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(dict(patch_embeddings=patch_embeddings))
        self.encoder = nn.ModuleDict(dict(layer=nn.ModuleList(layers)))
        self.layernorm = layernorm

    @property
    def projection(self) -> nn.Conv3d:
        """The convolution that makes the tokens."""
        return self.embeddings['patch_embeddings'].projection

    @property
    def layers(self) -> nn.ModuleList:
        """The blocks."""
        return self.encoder['layer']


def _configuration(arch: str | Mapping) -> VideoMAEConfig:
    """The library's configuration for an `arch`; ConfigError where it is none."""
    from transformers import VideoMAEConfig

    if isinstance(arch, str):
        settings = ARCHITECTURES.get(arch)
    else:
        settings = dict(arch) if isinstance(arch, Mapping) else None
    if settings is None:
        raise ConfigError(
            f'VideoMAEEncoder: arch must be one of {sorted(ARCHITECTURES)} or a dict of arguments '
            f'of VideoMAEConfig, got {arch!r}'
        )
    known = {*VideoMAEConfig().to_dict(), 'qkv_bias'}
    for key in settings:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1)
            hint = f'; did you mean {nearest[0]!r}?' if nearest else ''
            raise ConfigError(f'VideoMAEEncoder: VideoMAEConfig has no argument {key!r}{hint}')
    try:
        config = VideoMAEConfig(**settings)
    except Exception as error:
        # The library's validation has errors of its own.
        raise ConfigError(f'VideoMAEEncoder: arch {arch!r}: {one_line(error)}') from error
    if config.hidden_size % config.num_attention_heads:
        raise ConfigError(
            f'VideoMAEEncoder: num_attention_heads must divide hidden_size {config.hidden_size}, '
            f'got {config.num_attention_heads}'
        )
    if config.num_channels != 3 or not isinstance(config.patch_size, int):
        raise ConfigError(
            'VideoMAEEncoder: expected num_channels 3 and a single patch_size, got '
            f'{config.num_channels} and {config.patch_size!r}'
        )
    config._attn_implementation = 'sdpa'
    return config


def _layers_out(out_indices: Sequence[int] | None, depth: int) -> tuple[int, ...]:
    """Indices from 0 of the blocks whose tokens are given; ConfigError unless they ascend."""
    if out_indices is None:
        return (depth - 1,)
    indices = tuple(out_indices) if isinstance(out_indices, Sequence) else ()
    resolved = [i % depth for i in indices if isinstance(i, int) and -depth <= i < depth]
    if not indices or len(resolved) < len(indices) or resolved != sorted(set(resolved)):
        raise ConfigError(
            f'VideoMAEEncoder: out_indices must be ascending numbers of blocks, {-depth} to '
            f'{depth - 1}, got {out_indices!r}'
        )
    return tuple(resolved)


def _ask_hub(source: str) -> None:
    """Fail at once where the hub has no such model or cannot be reached.

    The library would repeat its question for most of a minute.
    """
    import huggingface_hub

    if Path(source).is_dir():
        return
    if source.startswith(('/', '.', '~')):
        raise FileNotFoundError('there is no such folder')
    if not isinstance(huggingface_hub.try_to_load_from_cache(source, 'config.json'), str):
        huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url(source, 'config.json'))


class VideoMAEEncoder(Encoder):
    """VideoMAE ViT without its decoder and its classification head (Tong et al. 2022, sec. 3).

    A token stands for 2 frames x 16 x 16 pixels; there is no class token. The library takes clips
    of one length and size alone. Here the fixed sine-cosine table of that grid (8 x 14 x 14 for 16
    frames of 224 x 224), which the weights were trained with, is resized to the clip's:
    bicubically in space, then linearly in time, as for UMT. At the native grid the output is the
    library's.

    Args:
        arch: 'small', 'base', 'large', 'huge', or a dict of arguments of the library's
            `VideoMAEConfig`, whose `num_frames` and `image_size` are the table's native grid.
        clip_len: frames per clip, even.
        out_indices: blocks whose tokens are the features, ascending, counted from 0 or, negative,
            from the end; None for the last alone. Blocks after the last of them are not built.
        final_norm: normalise the last block's tokens. The weights from pre-training have such a
            norm, those fine-tuned for classification have none. None: for a dict whether its
            `use_mean_pooling` is False, as the library does; for a name True. Tokens of
            earlier blocks are never normalised.
        pretrained: model on the Hugging Face hub or a local folder written by `save_pretrained`,
            which `init_weights` loads: 'MCG-NJU/videomae-base'.
        drop_path: largest stochastic depth rate, growing linearly over the blocks.
        frozen_stages: -1 trains everything, 0 freezes the patch embedding, k > 0 also the first k
            blocks. Frozen blocks run in evaluation mode.
        activation_checkpointing: recompute each block in the backward pass to save memory.

    Raises:
        ConfigError: an architecture that does not exist, or another argument out of range.
    """

    def __init__(
        self,
        arch: str | dict = 'base',
        clip_len: int = 16,
        out_indices: Sequence[int] | None = None,
        final_norm: bool | None = None,
        pretrained: str | None = None,
        drop_path: float = 0.0,
        frozen_stages: int = -1,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        from transformers.models.videomae.modeling_videomae import (
            VideoMAELayer,
            VideoMAEPatchEmbeddings,
        )

        config = _configuration(arch)
        patch, tubelet, depth = config.patch_size, config.tubelet_size, config.num_hidden_layers
        self.out_indices = _layers_out(out_indices, depth)
        if clip_len < tubelet or clip_len % tubelet:
            raise ConfigError(
                f'VideoMAEEncoder: clip_len must be a multiple of {tubelet}, got {clip_len}'
            )
        kept = self.out_indices[-1] + 1
        if not -1 <= frozen_stages <= kept:
            raise ConfigError(
                f'VideoMAEEncoder: frozen_stages must be -1 to {kept}, got {frozen_stages}'
            )
        if final_norm is None:
            final_norm = isinstance(arch, str) or not config.use_mean_pooling
        self.config = config
        self.clip_len = clip_len
        self.size_divisor = patch
        self.pretrained = pretrained
        self.frozen_stages = frozen_stages
        self.activation_checkpointing = activation_checkpointing
        spec = FeatureSpec(config.hidden_size, (tubelet, patch, patch))
        self.features = (spec,) * len(self.out_indices)

        has_norm = final_norm and kept == depth
        self.trunk = Trunk(
            VideoMAEPatchEmbeddings(config),
            [VideoMAELayer(config) for _ in range(kept)],
            nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps) if has_norm else None,
        )
        rates = torch.linspace(0, drop_path, kept, device='cpu').tolist()
        for layer, rate in zip(self.trunk.layers, rates, strict=True):
            if rate > 0:
                # The last modules before a residual is added.
                for output in (layer.attention.output, layer.output):
                    output.dropout = nn.Sequential(output.dropout, DropPath(rate))

        size = config.image_size
        rows, columns = (size, size) if isinstance(size, int) else size
        self.native_grid = (config.num_frames // tubelet, rows // patch, columns // patch)
        number = self.native_grid[0] * self.native_grid[1] * self.native_grid[2]
        table = sine_cosine_table(number, config.hidden_size)
        self.register_buffer('position_table', table, persistent=False)
        self._init_random()
        for module in self._frozen_modules():
            module.requires_grad_(False)

    def _init_random(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv3d)):
                trunc_normal_(module.weight, std=self.config.initializer_range)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _frozen_modules(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        return [self.trunk.embeddings, *self.trunk.layers[: self.frozen_stages]]

    def train(self, mode: bool = True) -> VideoMAEEncoder:
        """Set the training mode; frozen blocks stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

    def positions(self, grid_thw: tuple[int, int, int]) -> Tensor:
        """The position table for a grid of tokens, (1, t * h * w, C)."""
        return resize_position_table(self.position_table, self.native_grid, grid_thw)

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Encode a normalised clip.

        Args:
            clip: (B, 3, clip_len, H, W) float, H and W divisible by 16.

        Returns:
            A feature (B, C, clip_len / 2, H / 16, W / 16) for each of `out_indices`.

        Raises:
            ShapeError: another rank, length or size.
        """
        self.check_clip(clip)
        feature = self.trunk.projection(clip)
        t, h, w = feature.shape[2:]
        tokens = rearrange(feature, 'b c t h w -> b (t h w) c')
        tokens = tokens + self.positions((t, h, w)).to(tokens.dtype)
        given = []
        for index, layer in enumerate(self.trunk.layers):
            if self.activation_checkpointing and self.training and torch.is_grad_enabled():
                tokens = checkpoint(layer, tokens, use_reentrant=False)
            else:
                tokens = layer(tokens)
            if index in self.out_indices:
                given.append(tokens)
        if self.trunk.layernorm is not None:
            given[-1] = self.trunk.layernorm(given[-1])
        return tuple(rearrange(x, 'b (t h w) c -> b c t h w', t=t, h=h, w=w) for x in given)

    def pretrained_weights(self) -> dict[str, Tensor] | None:
        """What `pretrained` names, through `VideoMAEModel.from_pretrained`.

        Raises:
            CheckpointError: a model that cannot be had, is no VideoMAE or does not fit.
        """
        if self.pretrained is None:
            return None
        from transformers import VideoMAEModel

        source = str(self.pretrained)
        try:
            _ask_hub(source)
            model, info = VideoMAEModel.from_pretrained(
                source, output_loading_info=True, weights_only=True
            )
        except Exception as error:
            # The hub, the network and broken files fail with errors of many libraries.
            raise CheckpointError(
                f'{source}: no weights could be had through VideoMAEModel.from_pretrained '
                f'({one_line(error)[:110]}); run `hf download {source}` where there is a network, '
                'name a folder written by save_pretrained, or give the weights file as init_cfg '
                'and pretrained=None'
            ) from error
        if info['missing_keys']:
            raise CheckpointError(
                f'{source}: is no VideoMAE model, {len(info["missing_keys"])} entries are missing, '
                f'such as {min(info["missing_keys"])}'
            )
        for field in COMPUTED_WITH:
            theirs, ours = getattr(model.config, field), getattr(self.config, field)
            if theirs != ours:
                print_log(
                    f'{source}: its configuration says {field}={theirs}, this encoder computes '
                    f'with {ours}',
                    logger='current',
                    level=logging.WARNING,
                )
        left = sorted(info['unexpected_keys'])
        if left:
            print_log(
                f'{source}: the library left out {len(left)} entries, such as {left[0]}',
                logger='current',
            )
        return model.state_dict()

    def adapt_weights(self, weights: Mapping[str, Tensor]) -> AdaptedWeights | None:
        """Take files of the library's models and of the authors' code.

        Args:
            weights: entries of a file of `VideoMAEModel`, `VideoMAEForPreTraining` or
                `VideoMAEForVideoClassification`, or of the authors' pre-training and fine-tuning.

        Returns:
            None where the names are neither's.

        Raises:
            CheckpointError: a file without the final norm that this encoder has.
        """
        if any(_LIBRARY_KEY.fullmatch(key) for key in weights):
            adapted, entries = AdaptedWeights('VideoMAE', {}), _library_entries(weights)
        elif any(_AUTHORS_KEY.fullmatch(key) for key in weights):
            adapted, entries = AdaptedWeights("VideoMAE authors'", {}), _authors_entries(weights)
        else:
            return None
        for key, name, value in entries:
            reason = self._why_unused(name)
            if reason:
                adapted.dropped[key] = reason
            else:
                adapted.weights[f'trunk.{name}'] = value
                adapted.sources[f'trunk.{name}'] = key
        if self.trunk.layernorm is not None and 'trunk.layernorm.weight' not in adapted.weights:
            raise CheckpointError(
                'these VideoMAE weights have no final norm, as those fine-tuned for '
                'classification; build VideoMAEEncoder with final_norm=False for them'
            )
        return adapted

    def _why_unused(self, name: str) -> str | None:
        """Why an entry by the library's name has no place here, None where it has one."""
        for pattern, reason in _UNUSED.items():
            if re.fullmatch(pattern, name):
                return reason
        if name.startswith('layernorm.') and self.trunk.layernorm is None:
            return 'final norm, the encoder gives the tokens before it'
        block = _BLOCK.match(name)
        if block and len(self.trunk.layers) <= int(block[1]) < self.config.num_hidden_layers:
            return f'the encoder keeps the first {len(self.trunk.layers)} blocks'
        return None


def _library_entries(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, str, Tensor]]:
    """Each entry of a library's file with the name that it has in `VideoMAEModel`."""
    for key, value in weights.items():
        parent, _, last = key.removeprefix('videomae.').rpartition('.')
        # Files written by older versions, the published ones among them.
        last = _BIASES.get(last, last)
        yield key, f'{parent}.{last}' if parent else last, value


def _authors_entries(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, str, Tensor]]:
    """Each entry of an authors' file with the name that it has in `VideoMAEModel`."""
    for key, value in weights.items():
        name = key.removeprefix('encoder.')
        block = re.fullmatch(r'blocks\.(\d+)\.(.+)', name)
        if block:
            prefix, rest = f'encoder.layer.{block[1]}', block[2]
            attention = f'{prefix}.attention.attention'
            parent, _, last = rest.rpartition('.')
            if rest == 'attn.qkv.weight':
                # All three are of one entry.
                for part, chunk in zip(('query', 'key', 'value'), value.chunk(3), strict=True):
                    yield key, f'{attention}.{part}.weight', chunk
            elif parent == 'attn' and last in _BIASES:
                yield key, f'{attention}.{_BIASES[last]}', value
            else:
                yield key, f'{prefix}.{_RENAMED.get(parent, parent)}.{last}', value
        elif name.startswith('patch_embed.proj.'):
            last = name.removeprefix('patch_embed.proj.')
            yield key, f'embeddings.patch_embeddings.projection.{last}', value
        elif name in ('norm.weight', 'norm.bias'):
            yield key, f'layer{name}', value
        else:
            yield key, name, value
