"""Mixed precision on a GPU and on a CPU alike."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from ..registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Runs the forward pass in bfloat16 autocast on the model's own device, with no loss scaling.

    mmengine's AmpOptimWrapper insists on an accelerator; this one trains on a GPU as that one does
    with `dtype='bfloat16'`, and on a CPU as well. Without instructions for bfloat16, as on GPUs
    before Ampere and most CPUs, it is slower than float32: `optim_wrapper.type=OptimWrapper`.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast around the forward pass."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, dtype=torch.bfloat16):
            yield
