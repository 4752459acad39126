"""peft's LoRA layers, made to act wherever the weight is used. This module imports peft."""

from __future__ import annotations

from peft.tuners.lora.layer import Conv1d, Conv2d, Conv3d, Linear
from torch import Tensor, nn


class ActsOnWeight:
    """Makes a LoRA layer of peft act whether the layer is called or its weight read.

    Attention layers often compute `F.linear(tokens, self.qkv.weight, bias)`. Of peft's own layer
    they would read the frozen weight, and the adapter would do nothing.
    """

    @property
    def weight(self) -> Tensor:
        """The weight with the adapters in it."""
        weight = self.get_base_layer().weight
        if self.merged or self.disable_adapters:
            return weight
        for name in self.active_adapters:
            if name in self.lora_A:
                weight = self.adapted(weight, name)
        return weight

    def adapted(self, weight: Tensor, name: str) -> Tensor:
        """`weight` with the adapter `name` in it."""
        adapted = weight + self.get_delta_weight(name).to(weight.dtype)
        if name not in self.lora_magnitude_vector:
            return adapted
        # DoRA (Liu et al. 2024), sec. 4.3: the norm counts as a constant in the backward pass.
        norm = adapted.flatten(1).norm(dim=1).detach()
        factor = self.lora_magnitude_vector[name].weight.flatten() / norm
        return factor.view(-1, *[1] * (weight.ndim - 1)).to(weight.dtype) * adapted


class WeightLinear(ActsOnWeight, Linear):
    """LoRA of a linear layer."""


class _ConvDelta(ActsOnWeight):
    """One formula for ungrouped kernels of any shape; peft's fails on 3D kernels of 1 x 1 x n."""

    def get_delta_weight(self, adapter: str) -> Tensor:
        """What the adapter adds to the kernel, (out, in, *kernel)."""
        inner, outer = self.lora_A[adapter].weight, self.lora_B[adapter].weight
        delta = (outer.flatten(1) @ inner.flatten(1)) * self.scaling[adapter]
        return delta.view(self.get_base_layer().weight.shape)


class WeightConv1d(_ConvDelta, Conv1d):
    """LoRA of a 1D convolution."""


class WeightConv2d(_ConvDelta, Conv2d):
    """LoRA of a 2D convolution."""


class WeightConv3d(_ConvDelta, Conv3d):
    """LoRA of a 3D convolution."""


# The layer that each kind of layer gets around it.
LORA_LAYERS = {
    nn.Linear: WeightLinear,
    nn.Conv1d: WeightConv1d,
    nn.Conv2d: WeightConv2d,
    nn.Conv3d: WeightConv3d,
}
