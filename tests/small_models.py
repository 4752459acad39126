"""A SalFoM with all its parts, small enough for a test, and weights that tell its entries apart."""

import torch
from golden import weight

ARCH = dict(embed_dim=24, depth=3, num_heads=2)
MODEL = dict(
    type='SaliencyModel',
    encoder=dict(type='UMTEncoder', arch=ARCH, clip_len=16),
    decoder=dict(
        type='MultiBranchDecoder',
        branches=dict(
            swin3d=dict(type='Swin3DBranch', depth=2, width=0.125, num_heads=2),
            dfd=dict(type='DFDBranch', width=0.125),
            sfd=dict(type='SFDBranch', width=0.125),
        ),
        fusion=dict(type='ConvFusion', width=0.125),
    ),
    losses=dict(cc=dict(type='CCLoss')),
)


def filled(module, name=''):
    """A state dict whose weights differ from entry to entry; the position table is kept."""
    return {
        key: value if key.endswith('pos_embed') else weight(name + key, value.shape)
        for key, value in module.state_dict().items()
    }


def assert_same(first, second):
    """Two state dicts are equal to the bit."""
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert value.dtype == second[key].dtype and torch.equal(value, second[key]), key
