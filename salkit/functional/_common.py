"""What every measure does to its two maps before the maths begins."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..errors import ShapeError

MAP_DIMS = (-2, -1)


def measure(function: Callable[..., Tensor]) -> Callable[..., Tensor | np.ndarray]:
    """Decorate `function(pred, target, ...)` so that it takes any maps worth comparing.

    The function receives two tensors of one floating dtype, broadcast to one shape (..., H, W):
    float64 if either map is float64, else float32 (integers, bools and half precision included).
    NumPy arrays go in as tensors and the result comes out as NumPy, unless the other is a tensor.

    Raises (when called):
        ShapeError: rank below 2, different H, W, or leading dimensions that do not broadcast.
    """

    @functools.wraps(function)
    def wrapper(pred, target, *args, **kwargs):
        as_numpy = not (isinstance(pred, Tensor) or isinstance(target, Tensor))
        pred, target = _as_tensor(pred), _as_tensor(target)
        shape = _common_shape(function.__name__, pred, target)
        dtype = torch.float64 if torch.float64 in (pred.dtype, target.dtype) else torch.float32
        result = function(
            pred.to(dtype).expand(shape), target.to(dtype).expand(shape), *args, **kwargs
        )
        return result.numpy()[()] if as_numpy else result

    return wrapper


def largest_magnitude(maps: Tensor) -> Tensor:
    """Largest |value| of each map, (..., 1, 1), without gradient; 1 for a map of zeros."""
    largest = maps.detach().abs().amax(MAP_DIMS, keepdim=True)
    return torch.where(largest == 0, torch.ones_like(largest), largest)


def is_constant(maps: Tensor) -> Tensor:
    """Whether each map holds a single value, (...); False where it holds a NaN."""
    maps = maps.detach()
    return maps.amax(MAP_DIMS) == maps.amin(MAP_DIMS)


def center(maps: Tensor) -> Tensor:
    """Each map less its mean; a constant map becomes exactly 0, and no other map does."""
    # The mean of equal values can be off by a rounding error, that of zeros cannot.
    maps = maps - maps.detach().amin(MAP_DIMS, keepdim=True)
    return maps - maps.mean(MAP_DIMS, keepdim=True)


def normalize_sum(maps: Tensor, eps: float = 0.0) -> Tensor:
    """Each map divided by (its sum + `eps`); a map of zeros stays as it is."""
    total = maps.sum(MAP_DIMS, keepdim=True) + eps
    return maps / torch.where(total == 0, torch.ones_like(total), total)


def _as_tensor(maps) -> Tensor:
    if isinstance(maps, Tensor):
        return maps
    # torch refuses negative strides and warns about read-only memory.
    return torch.from_numpy(np.require(maps, requirements=['C', 'W']))


def _common_shape(name: str, pred: Tensor, target: Tensor) -> torch.Size:
    shapes = tuple(pred.shape), tuple(target.shape)
    for shape in shapes:
        if len(shape) < 2:
            raise ShapeError(f'{name}: expected maps of shape (..., H, W), got {shape}')
    if shapes[0][-2:] != shapes[1][-2:]:
        raise ShapeError(
            f'{name}: expected a target of the H, W of the prediction, {shapes[0][-2:]}, '
            f'got {shapes[1][-2:]}'
        )
    try:
        return torch.broadcast_shapes(*shapes)
    except RuntimeError as error:
        raise ShapeError(
            f'{name}: expected leading dimensions that broadcast, got {shapes[0]} and {shapes[1]}'
        ) from error
