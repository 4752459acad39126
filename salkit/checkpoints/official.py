"""Names of the authors' published SalFoM state dict, in terms of this package's modules.

Read off the public state dict. The parameters it holds but never uses in its forward pass are
dead: the paper counts them, salkit does not build them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping

import torch
from mmengine.config import Config
from torch import Tensor

from ..config.find import config_names
from ..config.load import load_config
from ..encoders import UMTEncoder
from ..encoders.base import HEAD_REASON
from ..encoders.umt_weights import add_fixed_table, count_blocks
from ..errors import CheckpointError
from ..layers import TABLE_THW
from ..types import AdaptedWeights

# How reports call these files.
KIND = 'official SalFoM'
DEFAULT_CONFIG = 'salfom/umt-l16_cc-kl'
# Entries of the official file that no forward pass reads, and why.
DEAD = {
    r'encoder\.fc_norm\.(weight|bias)': HEAD_REASON,
    r'encoder\.head\.(weight|bias)': HEAD_REASON,
    r'transformer_[123]\.norm\.(weight|bias)': 'dead: a stage returns what comes before this norm',
    r'conv_t3_3\.(weight|bias)': 'dead: two convolutions collapse this lateral',
    r'final_map\.(weight|bias)': 'dead: no forward pass reads it',
}
DERIVED = {r'.*\.relative_position_index': 'follows from the window size'}

_SFD, _SWIN = 'decoder.branches.sfd', 'decoder.branches.swin3d'
# What salkit's names begin with, by what the official ones begin with; the rest is the same.
_PREFIXES = {
    'encoder.': 'encoder.',
    **{
        f'transformer_{i}.patch_embed.proj.': f'{_SWIN}.stages.{i - 1}.patch_embed.'
        for i in (1, 2, 3)
    },
    **{f'transformer_{i}.layers.0.blocks.': f'{_SWIN}.stages.{i - 1}.blocks.' for i in (1, 2, 3)},
    **{f'conv_t1_{i}.': f'{_SFD}.collapse.{i - 1}.conv.' for i in range(1, 10)},
    **{f'conv_t2_{i}.': f'{_SFD}.lateral_collapse.0.{i - 1}.conv.' for i in range(1, 10)},
    **{f'conv_t3_{i}.': f'{_SFD}.lateral_collapse.1.{i - 1}.conv.' for i in range(1, 10)},
    **{f'conv_2D_{i}.': f'{_SFD}.layers.{i - 1}.0.conv.' for i in range(1, 10)},
    **{f'conv_{i}.': f'decoder.branches.dfd.layers.{i - 1}.0.conv.' for i in range(1, 7)},
    'conv_7.': 'decoder.fusion.layers.0.conv.',
    'conv_8.': 'decoder.fusion.layers.1.conv.',
    'conv_9.': 'decoder.fusion.layers.2.',
}
_OFFICIAL_PREFIXES = {own: official for official, own in _PREFIXES.items()}
# What makes a state dict an official one beside the encoder.
_DECODER_KEY = re.compile(r'(conv_\d|conv_t\d_\d|conv_2D_\d|transformer_\d|final_map)\.')
# The parts that have official names only as the authors built them.
_FIXED = {
    *(f'conv_{i}.weight' for i in range(1, 10)),
    *(f'conv_2D_{i}.weight' for i in range(1, 10)),
    *(f'transformer_{i}.patch_embed.proj.weight' for i in (1, 2, 3)),
}


def _renamed(key: str, prefixes: Mapping[str, str]) -> str:
    for prefix, other in prefixes.items():
        if key.startswith(prefix):
            return other + key.removeprefix(prefix)
    raise KeyError(key)


def why_unused(official_key: str) -> str | None:
    """Why salkit has no parameter for an official key, or None where it has one."""
    for pattern, reason in (*DEAD.items(), *DERIVED.items()):
        if re.fullmatch(pattern, official_key):
            return reason
    return None


def salkit_key(official_key: str) -> str | None:
    """The parameter of a SalFoM model that an official key belongs to.

    Returns:
        The key of `SaliencyModel.state_dict()`, or None for dead and derived entries.

    Raises:
        KeyError: a key that the official model does not have.
    """
    return None if why_unused(official_key) else _renamed(official_key, _PREFIXES)


def official_key(key: str) -> str:
    """The official name of a parameter of a SalFoM model, the inverse of `salkit_key`.

    Raises:
        KeyError: a parameter that the official model does not have.
    """
    return _renamed(key, _OFFICIAL_PREFIXES)


def is_official(keys: Iterable[str]) -> bool:
    """Whether names are those of the official SalFoM state dict."""
    return any(_DECODER_KEY.match(key) for key in keys)


def from_official(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> AdaptedWeights:
    """The entries of an official file under the names of `SaliencyModel.state_dict()`.

    Those that the authors' model does not have are not spoken of. A model that stores the fixed
    position table gets it where the file omits it.

    Args:
        weights: the file's.
        own: entries of the module that they are for.
    """
    found = AdaptedWeights(KIND, {})
    for key, value in weights.items():
        reason = why_unused(key)
        if reason:
            found.dropped[key] = reason
            continue
        with contextlib.suppress(KeyError):
            name = _renamed(key, _PREFIXES)
            found.weights[name], found.sources[name] = value, key
    table = 'encoder.pos_embed'
    if table in own and table not in found.weights:
        add_fixed_table(found, table, own[table])
    return found


def official_config(weights: Mapping[str, Tensor], source: str) -> tuple[Config, str | None]:
    """The config of an official file, and its name where one comes with salkit.

    Encoder, frames and depths follow from the entries.

    Raises:
        CheckpointError: entries of none of the published encoders.
    """
    prefix = 'encoder.'
    encoder = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    try:
        arguments = UMTEncoder.arguments_of(encoder)
    except CheckpointError as error:
        raise CheckpointError(f'{source}: {error}') from error
    if arguments is None:
        raise CheckpointError(
            f'{source}: holds no UMT encoder; name the config of this model (--config)'
        )
    embedding = weights.get('transformer_1.patch_embed.proj.weight')
    if embedding is not None and embedding.ndim == 5 and embedding.shape[2] == 1:
        arguments['clip_len'] = TABLE_THW[0]
    swin_depth = count_blocks(weights, 'transformer_1.layers.0.')
    depth = f'-d{arguments["depth"]}' if 'depth' in arguments else ''
    swin = f'_swin3d-d{swin_depth}' if swin_depth not in (0, 6) else ''
    name = f'salfom/umt-{str(arguments["arch"])[0]}{arguments["clip_len"]}{depth}{swin}_cc-kl'
    if name in config_names():
        return load_config(name), name
    options: dict[str, object] = {f'+model.encoder.{k}': v for k, v in arguments.items()}
    if swin_depth:
        options['model.decoder.branches.swin3d.depth'] = swin_depth
    return load_config(DEFAULT_CONFIG, options), None


def dead_entries(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The dead parameters that the authors' code would hold beside those of a model.

    Args:
        shapes: of the entries of `SaliencyModel.state_dict()`, by name.

    Returns:
        Shapes by official name: the encoder's head with 400 classes, the final norms of the Swin3D
        stages, `conv_t3_3` where the SFD branch takes laterals, `final_map`.
    """
    dim = shapes['encoder.patch_embed.proj.weight'][0]
    dead: dict[str, tuple[int, ...]] = {
        'encoder.fc_norm.weight': (dim,),
        'encoder.fc_norm.bias': (dim,),
        'encoder.head.weight': (400, dim),
        'encoder.head.bias': (400,),
    }
    for stage in range(3):
        embedding = shapes.get(f'{_SWIN}.stages.{stage}.patch_embed.weight')
        if embedding:
            for name in ('weight', 'bias'):
                dead[f'transformer_{stage + 1}.norm.{name}'] = (embedding[0],)
    lateral = shapes.get(f'{_SFD}.lateral_collapse.1.0.conv.weight')
    if lateral:
        dead['conv_t3_3.weight'], dead['conv_t3_3.bias'] = tuple(lateral), (lateral[0],)
    dead['final_map.weight'], dead['final_map.bias'] = (1, 2, 1, 1), (1,)
    return dead


def _dead_value(key: str, shape: tuple[int, ...]) -> Tensor:
    # What a freshly built norm holds; nothing reads any of them.
    ones = 'norm' in key and key.endswith('weight')
    return torch.ones(shape) if ones else torch.zeros(shape)


def _relative_position_index(table: Tensor) -> Tensor:
    """Which row of a bias table (2 p - 1, heads) each pair of the p time steps reads, (p, p)."""
    window = (len(table) + 1) // 2
    step = torch.arange(window)
    return step[:, None] - step[None, :] + window - 1


def to_official(
    state_dict: Mapping[str, Tensor], kept: Mapping[str, Tensor], source: str
) -> tuple[dict[str, Tensor], list[str]]:
    """Rename a SalFoM model's weights to the authors' names, what they alone hold included.

    Args:
        state_dict: of a `SaliencyModel`.
        kept: dead entries as an official file had them; others take their initial value.
        source: named in errors.

    Returns:
        The official state dict, and the names of the dead entries that were not in `kept`.

    Raises:
        CheckpointError: a model whose parts have no official names.
    """
    official, nameless = {}, []
    for key, value in state_dict.items():
        try:
            official[official_key(key)] = value
        except KeyError:
            nameless.append(key)
    lacking = sorted(_FIXED - set(official))
    if nameless or lacking:
        example = f'{nameless[0]} has no' if nameless else f'nothing becomes {lacking[0]}, an'
        raise CheckpointError(
            f'{source}: the authors named only the standard layers of three branches, this model '
            f'is another variant ({example} official name)'
        )
    made = []
    for key, shape in dead_entries({k: tuple(v.shape) for k, v in state_dict.items()}).items():
        if key in kept:
            official[key] = kept[key]
        else:
            official[key] = _dead_value(key, shape)
            made.append(key)
    for key in list(official):
        if key.endswith('relative_position_bias_table'):
            index = _relative_position_index(official[key])
            official[key.removesuffix('bias_table') + 'index'] = index
    return official, made
