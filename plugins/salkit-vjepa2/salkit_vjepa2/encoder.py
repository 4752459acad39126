"""V-JEPA 2 vision transformers, from the transformers library."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from mmengine.logging import print_log
from timm.layers import trunc_normal_
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from salkit.encoders import Encoder
from salkit.errors import CheckpointError, ConfigError, one_line
from salkit.types import AdaptedWeights, FeatureSpec

if TYPE_CHECKING:
    from transformers import VJEPA2Config

_GIANT = dict(hidden_size=1408, num_hidden_layers=40, num_attention_heads=22, mlp_ratio=48 / 11)
# The sizes of the paper, as the hub's configurations have them.
ARCHITECTURES = {
    'vitl': dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, mlp_ratio=4.0),
    'vith': dict(hidden_size=1280, num_hidden_layers=32, num_attention_heads=16, mlp_ratio=4.0),
    'vitg': _GIANT,
    'vitg384': dict(_GIANT, crop_size=384),
}
# What the shapes of the weights do not tell.
COMPUTED_WITH = ('num_attention_heads', 'hidden_act', 'layer_norm_eps')

_LIBRARY_KEY = re.compile(r'(vjepa2\.)?encoder\.layer\.\d+\.attention\.query\.weight')
_BLOCK = re.compile(r'layer\.(\d+)\.')
_UNUSED = {
    r'predictor\..+': 'predictor, used in pre-training alone',
    r'(pooler\..+|classifier\.(weight|bias))': 'classification head',
}


def grid_positions(
    grid_thw: tuple[int, int, int], device: torch.device | str | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Frame, row and column of every token of a grid, in the tokens' order.

    Returns:
        Three tensors (t * h * w,) of integers.
    """
    t, h, w = grid_thw
    ids = torch.arange(t * h * w, device=device)
    return ids // (h * w), ids // w % h, ids % w


def _as_given(hidden_states: Tensor, masks: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
    """In place of an attention's `get_position_ids`, which knows squares of one size alone."""
    return masks


def _configuration(arch: str | Mapping, drop_path: float) -> VJEPA2Config:
    """The library's configuration for an `arch`; ConfigError where it is none."""
    from transformers import VJEPA2Config

    if isinstance(arch, str):
        settings = ARCHITECTURES.get(arch)
    else:
        settings = dict(arch) if isinstance(arch, Mapping) else None
    if settings is None:
        raise ConfigError(
            f'VJEPA2Encoder: arch must be one of {sorted(ARCHITECTURES)} or a dict of arguments '
            f'of VJEPA2Config, got {arch!r}'
        )
    known = set(VJEPA2Config().to_dict()) - {'drop_path_rate'}
    for key in settings:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1)
            hint = f'; did you mean {nearest[0]!r}?' if nearest else ''
            raise ConfigError(f'VJEPA2Encoder: arch takes no {key!r}{hint}')
    try:
        config = VJEPA2Config(**settings, drop_path_rate=drop_path)
        head_dim, rest = divmod(config.hidden_size, config.num_attention_heads)
    except Exception as error:
        # Values of a wrong type; the library's validation has errors of its own.
        raise ConfigError(f'VJEPA2Encoder: arch {arch!r}: {one_line(error)}') from error
    if rest or head_dim < 6:
        raise ConfigError(
            'VJEPA2Encoder: num_attention_heads must divide hidden_size '
            f'{config.hidden_size} into heads of at least 6 channels, got '
            f'{config.num_attention_heads}'
        )
    if config.in_chans != 3 or not isinstance(config.patch_size, int):
        raise ConfigError(
            'VJEPA2Encoder: expected in_chans 3 and a single patch_size, got '
            f'{config.in_chans} and {config.patch_size!r}'
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
            f'VJEPA2Encoder: out_indices must be ascending numbers of blocks, {-depth} to '
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


class VJEPA2Encoder(Encoder):
    """The encoder of V-JEPA 2 without its predictor (Assran et al. 2025, sec. 2).

    A token stands for 2 frames x 16 x 16 pixels; there is no class token. Positions are rotary, by
    frame, row and column, so that clips of any length and size work. The library derives rows and
    columns from `crop_size`, which is right for squares of this size alone; here they are those of
    the clip, and for such squares the output is the library's.

    Args:
        arch: 'vitl', 'vith', 'vitg', 'vitg384' (as 'vitg', trained on at 384 x 384), or a dict of
            arguments of the library's `VJEPA2Config`.
        clip_len: frames per clip, even; trained with 16 and 64.
        out_indices: blocks whose tokens are the features, ascending, counted from 0 or, negative,
            from the end; None for the last alone. Blocks after the last of them are not built.
            The final norm is applied to the tokens of the whole encoder's last block alone.
        pretrained: model on the Hugging Face hub or a local folder written by `save_pretrained`,
            which `init_weights` loads: 'facebook/vjepa2-vitl-fpc64-256'.
        drop_path: largest stochastic depth rate, growing linearly over the blocks.
        frozen_stages: -1 trains everything, 0 freezes the patch embedding, k > 0 also the first k
            blocks. Frozen blocks run in evaluation mode.
        activation_checkpointing: recompute each block in the backward pass to save memory.

    Raises:
        ConfigError: an architecture that does not exist, or another argument out of range.
    """

    def __init__(
        self,
        arch: str | dict = 'vitl',
        clip_len: int = 16,
        out_indices: Sequence[int] | None = None,
        pretrained: str | None = None,
        drop_path: float = 0.0,
        frozen_stages: int = -1,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        from transformers.models.vjepa2 import modeling_vjepa2

        config = _configuration(arch, drop_path)
        patch, tubelet, depth = config.patch_size, config.tubelet_size, config.num_hidden_layers
        self.out_indices = _layers_out(out_indices, depth)
        if clip_len < tubelet or clip_len % tubelet:
            raise ConfigError(
                f'VJEPA2Encoder: clip_len must be a multiple of {tubelet}, got {clip_len}'
            )
        kept = self.out_indices[-1] + 1
        if not -1 <= frozen_stages <= kept:
            raise ConfigError(
                f'VJEPA2Encoder: frozen_stages must be -1 to {kept}, got {frozen_stages}'
            )
        self.full_depth = depth
        self.clip_len = clip_len
        self.size_divisor = patch
        self.pretrained = pretrained
        self.frozen_stages = frozen_stages
        self.activation_checkpointing = activation_checkpointing
        spec = FeatureSpec(config.hidden_size, (tubelet, patch, patch))
        self.features = (spec,) * len(self.out_indices)

        config.num_hidden_layers = kept
        self.config = config
        self.trunk = modeling_vjepa2.VJEPA2Encoder(config)
        if kept < depth:
            self.trunk.layernorm = None
        for layer in self.trunk.layer:
            layer.attention.get_position_ids = _as_given
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
        return [self.trunk.embeddings, *self.trunk.layer[: self.frozen_stages]]

    def train(self, mode: bool = True) -> VJEPA2Encoder:
        """Set the training mode; frozen blocks stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

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
        feature = self.trunk.embeddings.patch_embeddings.proj(clip)
        t, h, w = feature.shape[2:]
        tokens = rearrange(feature, 'b c t h w -> b (t h w) c')
        positions = grid_positions((t, h, w), feature.device)
        given = []
        for index, layer in enumerate(self.trunk.layer):
            if self.activation_checkpointing and self.training and torch.is_grad_enabled():
                tokens = checkpoint(layer, tokens, positions, use_reentrant=False)[0]
            else:
                tokens = layer(tokens, positions)[0]
            if index in self.out_indices:
                given.append(tokens)
        if self.trunk.layernorm is not None:
            given[-1] = self.trunk.layernorm(given[-1])
        return tuple(rearrange(x, 'b (t h w) c -> b c t h w', t=t, h=h, w=w) for x in given)

    def pretrained_weights(self) -> dict[str, Tensor] | None:
        """What `pretrained` names, through `VJEPA2Model.from_pretrained`.

        Raises:
            CheckpointError: a model that cannot be had, is no V-JEPA 2 or does not fit.
        """
        if self.pretrained is None:
            return None
        from transformers import VJEPA2Model

        source = str(self.pretrained)
        try:
            _ask_hub(source)
            model, info = VJEPA2Model.from_pretrained(
                source, output_loading_info=True, weights_only=True
            )
        except Exception as error:
            # The hub, the network and broken files fail with errors of many libraries.
            raise CheckpointError(
                f'{source}: no weights could be had through VJEPA2Model.from_pretrained '
                f'({one_line(error)[:110]}); run `hf download {source}` where there is a network, '
                'name a folder written by save_pretrained, or give the weights file as init_cfg '
                'and pretrained=None'
            ) from error
        # Files without a predictor do as well.
        missing = sorted(key for key in info['missing_keys'] if not key.startswith('predictor.'))
        if missing:
            raise CheckpointError(
                f'{source}: is no V-JEPA 2 model, {len(missing)} entries are missing, such as '
                f'{missing[0]}'
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
        """Take files of the library's models.

        Args:
            weights: entries of a file of `VJEPA2Model` or `VJEPA2ForVideoClassification`.

        Returns:
            None where the names are not the library's.
        """
        if not any(_LIBRARY_KEY.fullmatch(key) for key in weights):
            return None
        adapted = AdaptedWeights('V-JEPA 2', {})
        for key, value in weights.items():
            name = key.removeprefix('vjepa2.')
            reason = self._why_unused(name)
            if reason:
                adapted.dropped[key] = reason
            else:
                # What does not belong to the encoder either keeps its name, as unexpected.
                name = re.sub(r'^encoder\.', 'trunk.', name)
                adapted.weights[name] = value
                adapted.sources[name] = key
        return adapted

    def _why_unused(self, name: str) -> str | None:
        """Why an entry by the library's name has no place here, None where it has one."""
        for pattern, reason in _UNUSED.items():
            if re.fullmatch(pattern, name):
                return reason
        kept, inner = len(self.trunk.layer), name.removeprefix('encoder.')
        if inner.startswith('layernorm.') and self.trunk.layernorm is None:
            return 'final norm, the encoder gives the tokens before it'
        block = _BLOCK.match(inner)
        if block and kept <= int(block[1]) < self.full_depth:
            return f'the encoder keeps the first {kept} blocks'
        return None
