"""VideoMAE encoders for salkit."""

from pathlib import Path

from salkit.plugin import hookimpl

TINY = dict(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, num_frames=4
)


@hookimpl
def register_encoders(register):
    """Register `VideoMAEEncoder`."""
    from .encoder import VideoMAEEncoder

    register(VideoMAEEncoder, smoke=dict(arch=TINY, clip_len=4))


@hookimpl
def config_dirs():
    """The configs of this plugin."""
    return [Path(__file__).parent / 'configs']
