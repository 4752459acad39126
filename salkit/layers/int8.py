"""Linear layers in 8-bit integers, for prediction on a CPU."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..utils.processor import processor_instructions


@contextmanager
def _fastest_engine() -> Iterator[None]:
    """Pack weights for oneDNN, which has VNNI's instructions; what is packed keeps its engine."""
    engines, before = torch.backends.quantized, torch.backends.quantized.engine
    if 'onednn' in engines.supported_engines:
        engines.engine = 'onednn'
    try:
        yield
    finally:
        engines.engine = before


class Int8Linear(nn.Module):
    """A linear layer whose weights and inputs are rounded to 8 bits (dynamic quantization).

    Weights have a scale for each output channel; inputs one for all values of an item of the batch,
    found anew at each call. Products are added up in 32 bits, biases in float32.

    Args:
        linear: whose weights are copied.

    Raises:
        ConfigError: this PyTorch has no such operators.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        # Of a row of zeros, any scale will do.
        scales = weight.abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny) / 127
        self.out_features = linear.out_features
        try:
            middle = torch.zeros_like(scales, dtype=torch.long)
            with warnings.catch_warnings():
                # These operators are to leave PyTorch one day, which the error below tells then.
                warnings.filterwarnings('ignore', '.*quantized tensor creation', UserWarning)
                rounded = torch.quantize_per_channel(weight, scales, middle, 0, torch.qint8)
            bias = None if linear.bias is None else linear.bias.detach().float()
            with _fastest_engine():
                self._packed = torch.ops.quantized.linear_prepack(rounded, bias)
        except (AttributeError, RuntimeError) as error:
            raise ConfigError(
                f'precision int8: PyTorch {torch.__version__} cannot multiply 8-bit integers here '
                f'({str(error).splitlines()[0][:200]}); expected exact or bf16'
            ) from error
        # Without VNNI, sums of products of 8 bits overflow their 16 bits: inputs get 7.
        self._reduced = 'avx512_vnni' not in processor_instructions()

    @property
    def weight(self) -> Tensor:
        """(out_features, in_features) float32, as rounded: for who does without this layer's call.

        Some attention of torchvision and timm multiplies by it itself.
        """
        return torch.ops.quantized.linear_unpack(self._packed)[0].dequantize()

    @property
    def bias(self) -> Tensor | None:
        """(out_features,) float32."""
        return torch.ops.quantized.linear_unpack(self._packed)[1]

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (..., in_features) of any floating type to (..., out_features) float32."""
        if inputs.ndim > 2 and len(inputs) > 1:
            # What one clip gives does not depend on the others.
            return torch.cat([self(one) for one in inputs.split(1)])
        return torch.ops.quantized.linear_dynamic(inputs.float(), self._packed, self._reduced)
