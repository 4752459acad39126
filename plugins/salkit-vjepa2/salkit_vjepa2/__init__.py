"""V-JEPA 2 encoders for salkit."""

from pathlib import Path

from salkit.plugin import hookimpl

TINY = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2.0)


@hookimpl
def register_encoders(register):
    """Register `VJEPA2Encoder`."""
    from .encoder import VJEPA2Encoder

    register(VJEPA2Encoder, smoke=dict(arch=TINY, clip_len=4))


@hookimpl
def config_dirs():
    """The configs of this plugin."""
    return [Path(__file__).parent / 'configs']
