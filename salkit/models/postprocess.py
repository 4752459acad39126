"""From the model's map to the one that is scored or shown."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError


def _gaussian_kernel(size: int, like: Tensor) -> Tensor:
    # The sigma that OpenCV takes for a kernel of this size when it is told none.
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    offset = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    kernel = torch.exp(-(offset**2) / (2 * sigma**2))
    return kernel / kernel.sum()


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
    if blur_kernel < 0 or (blur_kernel and blur_kernel % 2 == 0):
        raise ConfigError(f'blur_kernel must be 0 or an odd number, got {blur_kernel}')
    maps = saliency_map[:, None]
    if size is not None and tuple(maps.shape[-2:]) != tuple(size):
        maps = F.interpolate(maps, tuple(size), mode='bilinear', align_corners=False)
    if blur_kernel:
        kernel = _gaussian_kernel(blur_kernel, maps)
        # Reflection needs more pixels than half the kernel; tiny maps repeat their border.
        half = blur_kernel // 2
        mode = 'reflect' if min(maps.shape[-2:]) > half else 'replicate'
        maps = F.pad(maps, (half, half, half, half), mode=mode)
        maps = F.conv2d(maps, kernel.view(1, 1, 1, -1))
        maps = F.conv2d(maps, kernel.view(1, 1, -1, 1))
    return maps[:, 0]
