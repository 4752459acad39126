"""InternVideo2 video encoders for salkit."""

from __future__ import annotations

from pathlib import Path

from salkit import hookimpl


@hookimpl
def register_encoders(register):
    """Register `InternVideo2Encoder`."""
    from .encoder import InternVideo2Encoder

    tiny = dict(embed_dim=32, depth=2, num_heads=2)
    register(InternVideo2Encoder, smoke=dict(arch=tiny, clip_len=4, layer_scale=0.1))


@hookimpl
def config_dirs():
    """The folder of the configs that come with this package."""
    return [Path(__file__).parent / 'configs']
