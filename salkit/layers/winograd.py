"""3 x 3 convolutions with fewer multiplications: Winograd's minimal filtering."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

# Where the polynomials of tile and kernel are evaluated, besides infinity. Of the small ones these
# round best: to 3e-6 of the largest value, +-1 and +-2 to 6e-6, a direct convolution to 4e-7.
POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)
KERNEL = 3
# Output pixels along a side of a tile, and input pixels, which are the points along it too.
OUT_SIDE = len(POINTS) + 2 - KERNEL
IN_SIDE = OUT_SIDE + KERNEL - 1
# Output channels whose kernels are taken to the points at once.
_PART = 64


def _evaluation(length: int) -> Tensor:
    """What takes the `length` coefficients of a polynomial to its values, (points, length)."""
    powers = torch.tensor(POINTS, dtype=torch.float64)[:, None] ** torch.arange(length)
    at_infinity = torch.arange(length) == length - 1
    return torch.cat([powers, at_infinity[None].double()])


class WinogradConv2d(nn.Module):
    """A 3 x 3 convolution of stride 1 and padding 1 by F(4 x 4, 3 x 3), for prediction alone.

    A tile of 6 x 6 pixels gives 4 x 4 of the output by 36 products in place of 144: tiles and
    kernels are taken to 36 points, multiplied there as matrices (tiles, C) x (C, C_out), and taken
    back (Lavin & Gray 2016, "Fast algorithms for convolutional neural networks"; the points are of
    the kind that Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd
    convolution", found to round least). Memory: 4 times that of the kernels.

    In float32 the result is within 1e-5 of the largest value of the exact one; lower precisions
    lose too much. Fast where channels are many, and in memory lie last.

    Args:
        conv: without a bias; its weights are copied.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        weight = conv.weight.detach()
        self.channels = conv.out_channels
        kernel = _evaluation(KERNEL)
        kernel = torch.kron(kernel, kernel).to(weight.device)
        points = weight.new_empty(len(kernel), *weight.shape[:2])
        # In float64, part by part: all at once take twice the memory of what is kept.
        for part, taps in zip(points.split(_PART, dim=1), weight.split(_PART), strict=True):
            part.copy_((kernel @ rearrange(taps.double(), 'o c i j -> o (i j) c')).transpose(0, 1))
        self.weight = nn.Parameter(points, requires_grad=False)
        # Correlation is the transpose of the product of polynomials that the points are made for.
        tile = torch.linalg.inv(_evaluation(IN_SIDE)).T
        output = _evaluation(OUT_SIDE).T
        self.register_buffer('tile', torch.kron(tile, tile).to(weight), persistent=False)
        self.register_buffer('output', torch.kron(output, output).to(weight), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C_out, H, W), whose channels lie last in memory."""
        height, width = image.shape[-2:]
        rows, columns = -(-height // OUT_SIDE), -(-width // OUT_SIDE)
        right, bottom = columns * OUT_SIDE + 1 - width, rows * OUT_SIDE + 1 - height
        image = F.pad(rearrange(image, 'b c h w -> b h w c'), (0, 0, 1, right, 1, bottom))
        tiles = image.unfold(1, IN_SIDE, OUT_SIDE).unfold(2, IN_SIDE, OUT_SIDE)
        tiles = rearrange(tiles, 'b y x c i j -> (i j) (b y x c)')
        tiles = rearrange(self.tile @ tiles, 'p (n c) -> p n c', c=image.shape[-1])
        products = rearrange(tiles @ self.weight.mT, 'p n o -> p (n o)')
        image = rearrange(
            self.output @ products,
            '(i j) (b y x o) -> b (y i) (x j) o',
            i=OUT_SIDE,
            y=rows,
            x=columns,
            o=self.channels,
        )
        return rearrange(image[:, :height, :width], 'b h w o -> b o h w')
