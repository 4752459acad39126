"""From the model's map to the one that is scored or shown."""

from functools import lru_cache

import torch
from torch import Tensor

from ..media.postprocess import postprocess_matrices


@lru_cache(maxsize=8)
def _matrices(
    shape: tuple[int, int],
    size: tuple[int, int],
    blur_kernel: int,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    rows, columns = postprocess_matrices(shape, size, blur_kernel)
    return (
        torch.tensor(rows, dtype=dtype, device=device),
        torch.tensor(columns.T.copy(), dtype=dtype, device=device),
    )


def postprocess_map(
    saliency_map: Tensor, size: tuple[int, int] | None = None, blur_kernel: int = 11
) -> Tensor:
    """Resize a map to its frame bilinearly, then blur it, as the published test scripts do.

    Args:
        saliency_map: (B, H, W) float.
        size: rows and columns of the frame; None keeps H, W.
        blur_kernel: odd side of the Gaussian kernel in pixels of the frame, 11 in the scripts
            (sigma 2.0); 0 for no blur.

    Returns:
        (B, *size) float.

    Raises:
        ConfigError: an even or negative kernel.
    """
    height, width = saliency_map.shape[-2:]
    to = (height, width) if size is None else (size[0], size[1])
    rows, columns = _matrices(
        (height, width), to, blur_kernel, saliency_map.dtype, saliency_map.device
    )
    return rows @ saliency_map @ columns
