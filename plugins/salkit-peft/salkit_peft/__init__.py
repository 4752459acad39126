"""Parameter-efficient training for the encoders of salkit: LoRA through peft, or none at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from salkit import hookimpl

if TYPE_CHECKING:
    from .adapter_files import load_adapters, save_adapters
    from .frozen import FrozenEncoder
    from .lora import LoRAEncoder
    from .merging import merge_checkpoint

# Public name -> where it lives. Imported on first use: asking for the hooks stays light.
_HOMES = {
    'FrozenEncoder': 'frozen',
    'LoRAEncoder': 'lora',
    'load_adapters': 'adapter_files',
    'merge_checkpoint': 'merging',
    'save_adapters': 'adapter_files',
}
__all__ = ['FrozenEncoder', 'LoRAEncoder', 'load_adapters', 'merge_checkpoint', 'save_adapters']

_TINY = dict(type='UMTEncoder', arch=dict(embed_dim=32, depth=2, num_heads=2), clip_len=4)


@hookimpl
def register_encoders(register):
    """Register `LoRAEncoder` and `FrozenEncoder`."""
    from .frozen import FrozenEncoder
    from .lora import LoRAEncoder

    register(LoRAEncoder, smoke=dict(encoder=_TINY, rank=4, alpha=8))
    register(FrozenEncoder, smoke=dict(encoder=_TINY))


@hookimpl
def config_dirs():
    """Return the folder of this package's configs."""
    return [Path(__file__).parent / 'configs']


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    import importlib

    return getattr(importlib.import_module(f'.{_HOMES[name]}', __name__), name)
