"""An encoder that does not train, or only in part."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from .wrapper import WrapperEncoder


class FrozenEncoder(WrapperEncoder):
    """An encoder whose parameters stand still: the decoder alone learns (linear probing's kin).

    It always runs in evaluation mode: no dropout, no drop path, running statistics as they are.
    Where nothing in it trains, no activations are kept for a backward pass.

    Args:
        encoder: config of any encoder; it may hold an `init_cfg`.
        unfreeze: regular expressions looked for in the parameters' names; what they find trains.

    Raises:
        ConfigError: a config that does not build, or a pattern that finds nothing.
    """

    def __init__(self, encoder: dict, unfreeze: Iterable[str] = ()) -> None:
        super().__init__(encoder)
        self.unfrozen = frozenset(self.matching(unfreeze, 'unfreeze'))
        self.mark_trainable()
        self.train(self.training)

    def trained_names(self) -> list[str]:
        """Names of the parameters that train, in order: what `unfreeze` finds."""
        whole = {self.own_name(name) for name in self.unfrozen}
        return [n for n, _ in self.named_parameters() if n in whole]

    def train(self, mode: bool = True) -> FrozenEncoder:
        """Set the mode of this module; the wrapped encoder stays in evaluation mode."""
        super().train(mode)
        self.quiet_base(mode and bool(self.unfrozen))
        return self

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Encode a normalised clip (B, 3, T, H, W), without a graph where nothing needs one."""
        self.check_clip(clip)
        if clip.requires_grad or any(p.requires_grad for p in self.wrapped.parameters()):
            return self.wrapped(clip)
        with torch.no_grad():
            return self.wrapped(clip)
