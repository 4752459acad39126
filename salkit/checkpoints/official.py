"""Names of the authors' published SalFoM state dict, in terms of this package's modules.

Read off the public state dict. The parameters it holds but never uses in its forward pass are
dead: the paper counts them, salkit does not build them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import torch
from torch import Tensor

from ..errors import CheckpointError

HEAD_REASON = 'classification head, no part of the saliency model'
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
_STAGE = _SWIN + '.stages.{i}'
# Official name, salkit's name, pattern of the number {i} in the official one, what salkit takes
# off it. {rest} is the same in both.
_RULES = [
    ('encoder.{rest}', 'encoder.{rest}', '', 0),
    ('transformer_{i}.patch_embed.proj.{rest}', _STAGE + '.patch_embed.{rest}', '[1-3]', 1),
    ('transformer_{i}.layers.0.blocks.{rest}', _STAGE + '.blocks.{rest}', '[1-3]', 1),
    ('conv_t1_{i}.{rest}', _SFD + '.collapse.{i}.conv.{rest}', '[1-9]', 1),
    ('conv_t2_{i}.{rest}', _SFD + '.lateral_collapse.0.{i}.conv.{rest}', '[1-9]', 1),
    ('conv_t3_{i}.{rest}', _SFD + '.lateral_collapse.1.{i}.conv.{rest}', '[1-9]', 1),
    ('conv_2D_{i}.{rest}', _SFD + '.layers.{i}.0.conv.{rest}', '[1-9]', 1),
    ('conv_{i}.{rest}', 'decoder.branches.dfd.layers.{i}.0.conv.{rest}', '[1-6]', 1),
    ('conv_{i}.{rest}', 'decoder.fusion.layers.{i}.conv.{rest}', '[78]', 7),
    ('conv_9.{rest}', 'decoder.fusion.layers.2.{rest}', '', 0),
]
# What makes a state dict an official one beside the encoder.
_DECODER_KEY = re.compile(r'(conv_\d|conv_t\d_\d|conv_2D_\d|transformer_\d|final_map)\.')
# The parts that have official names only as the authors built them.
_FIXED = {
    *(f'conv_{i}.weight' for i in range(1, 10)),
    *(f'conv_2D_{i}.weight' for i in range(1, 10)),
    *(f'transformer_{i}.patch_embed.proj.weight' for i in (1, 2, 3)),
}


def _pattern(template: str, number: str) -> re.Pattern:
    pattern = re.escape(template).replace(r'\{i\}', f'(?P<i>{number})')
    return re.compile(pattern.replace(r'\{rest\}', '(?P<rest>.+)'))


@lru_cache(maxsize=1)
def _compiled() -> list[tuple[re.Pattern, str, re.Pattern, str, int]]:
    rules = []
    for official, own, number, offset in _RULES:
        # What salkit's number may be follows from what the official one may be.
        own_number = ''.join(
            str(i - offset) for i in range(10) if number and re.fullmatch(number, str(i))
        )
        forward, backward = _pattern(official, number), _pattern(own, f'[{own_number}]')
        rules.append((forward, official, backward, own, offset))
    return rules


def _filled(template: str, match: re.Match, offset: int) -> str:
    groups = match.groupdict()
    number = int(groups['i']) + offset if 'i' in groups else ''
    return template.format(i=number, rest=groups['rest'])


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
    if why_unused(official_key):
        return None
    for forward, _, _, own, offset in _compiled():
        match = forward.fullmatch(official_key)
        if match:
            return _filled(own, match, -offset)
    raise KeyError(official_key)


def official_key(key: str) -> str:
    """The official name of a parameter of a SalFoM model, the inverse of `salkit_key`.

    Raises:
        KeyError: a parameter that the official model does not have.
    """
    for _, official, backward, _, offset in _compiled():
        match = backward.fullmatch(key)
        if match:
            return _filled(official, match, offset)
    raise KeyError(key)


def is_official(keys: Iterable[str]) -> bool:
    """Whether names are those of the official SalFoM state dict."""
    return any(_DECODER_KEY.match(key) for key in keys)


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
