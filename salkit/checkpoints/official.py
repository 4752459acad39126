"""Names of the authors' published SalFoM state dict, in terms of this package's modules.

Read off the public state dict; the parameters it holds but never uses in its forward pass are
`DEAD`. The paper counts them, salkit does not build them.
"""

import re

# Entries of the official file that no forward pass reads.
DEAD = (
    r'encoder\.fc_norm\.(weight|bias)',
    r'encoder\.head\.(weight|bias)',
    r'transformer_[123]\.norm\.(weight|bias)',
    r'conv_t3_3\.(weight|bias)',
    r'final_map\.(weight|bias)',
)
# Buffers that are derived from the window size.
DERIVED = (r'.*\.relative_position_index',)

_RULES: list[tuple[str, str]] = [
    (r'^encoder\.', 'encoder.'),
    (
        r'^transformer_(\d)\.patch_embed\.proj\.',
        lambda m: f'decoder.branches.swin3d.stages.{int(m[1]) - 1}.patch_embed.',
    ),
    (
        r'^transformer_(\d)\.layers\.0\.blocks\.',
        lambda m: f'decoder.branches.swin3d.stages.{int(m[1]) - 1}.blocks.',
    ),
    (r'^conv_t1_(\d)\.', lambda m: f'decoder.branches.sfd.collapse.{int(m[1]) - 1}.conv.'),
    (
        r'^conv_t2_(\d)\.',
        lambda m: f'decoder.branches.sfd.lateral_collapse.0.{int(m[1]) - 1}.conv.',
    ),
    (
        r'^conv_t3_(\d)\.',
        lambda m: f'decoder.branches.sfd.lateral_collapse.1.{int(m[1]) - 1}.conv.',
    ),
    (r'^conv_2D_(\d)\.', lambda m: f'decoder.branches.sfd.layers.{int(m[1]) - 1}.0.conv.'),
    (r'^conv_([1-6])\.', lambda m: f'decoder.branches.dfd.layers.{int(m[1]) - 1}.0.conv.'),
    (r'^conv_([78])\.', lambda m: f'decoder.fusion.layers.{int(m[1]) - 7}.conv.'),
    (r'^conv_9\.', 'decoder.fusion.layers.2.'),
]


def salkit_key(official_key: str) -> str | None:
    """The parameter of the default SalFoM model that an official key belongs to.

    Returns:
        The key of `SaliencyModel.state_dict()`, or None for dead and derived entries.

    Raises:
        KeyError: a key that the official model does not have.
    """
    if any(re.fullmatch(pattern, official_key) for pattern in (*DEAD, *DERIVED)):
        return None
    for pattern, replacement in _RULES:
        key, found = re.subn(pattern, replacement, official_key)
        if found:
            return key
    raise KeyError(official_key)
