"""What salkit-tiny brings: TinyEncoder and a config that uses it."""

from pathlib import Path

from salkit import hookimpl


@hookimpl
def register_encoders(register):
    """Register TinyEncoder, and how the suites build a small one."""
    # Imported here, so that finding the plugin costs nothing.
    from .encoder import TinyEncoder

    register(TinyEncoder, smoke=dict(width=8, clip_len=4))


@hookimpl
def config_dirs():
    """The folder whose configs are called `salkit_tiny::NAME`."""
    return [Path(__file__).parent / 'configs']
