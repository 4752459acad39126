"""What every measure does to its maps before the maths begins.

Arrays need no PyTorch: it is imported where a tensor has come, and then it is there already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..errors import ShapeError

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import TypeIs

MAP_DIMS = (-2, -1)

# What a measure takes and gives back: tensors or arrays.
Maps: TypeAlias = 'Tensor | np.ndarray'


def is_tensor(maps: object) -> TypeIs[Tensor]:
    """Whether these are maps of PyTorch; where that is not imported, nobody has any."""
    torch = sys.modules.get('torch')
    return torch is not None and isinstance(maps, torch.Tensor)


def measure(
    name: str,
    of_tensors: Callable[..., Tensor],
    of_arrays: Callable[..., float],
    *maps: Maps,
    **options: object,
) -> Maps:
    """A differentiable measure: `of_tensors` if a map is a tensor, else `of_arrays` of each map.

    Tensors reach it in one dtype, float64 if that of any map is, else float32 (integers, bools and
    half precision included), broadcast to one shape (..., H, W). For the rest see `score_each`.
    """
    if not any(map(is_tensor, maps)):
        return score_each(name, partial(of_arrays, **options), *maps)
    tensors = [_as_tensor(each) for each in maps]
    shape, dtype = _common_shape(name, tensors), _tensor_dtype(tensors)
    return of_tensors(*(tensor.to(dtype).expand(shape) for tensor in tensors), **options)


def score_each(name: str, score: Callable[..., float], *maps: Maps) -> Maps:
    """Call `score` with one map of each kind at a time, flattened, and collect the results.

    Maps in the memory of the CPU reach it as arrays (H * W,), those on a device as tensors, both in
    the dtype they came in (half precision as float32).

    Args:
        name: the measure, for messages.
        score: function of as many flat maps.
        maps: (..., H, W) each, the prediction first.

    Returns:
        (...), the leading dimensions. A tensor, if one of the maps is: on its device (the first
        one's), float64 if a map is, else float32. Of arrays an array (a NumPy scalar for single
        maps): float32 if the only floating maps are of single or half precision, else float64.

    Raises:
        ShapeError: rank below 2, different H, W, or leading dimensions that do not broadcast.
    """
    tensors = [each for each in maps if is_tensor(each)]
    if tensors:
        dtype, device = _tensor_dtype(map(_as_tensor, maps)), tensors[0].device
    unwrapped = [_unwrap(each) for each in maps]
    *leading, height, width = _common_shape(name, unwrapped)
    flat = [each.reshape(*each.shape[:-2], height * width) for each in unwrapped]
    if leading:
        flat = [
            each.expand(*leading, -1)
            if is_tensor(each)
            else np.broadcast_to(each, (*leading, height * width))
            for each in flat
        ]
    # A map that a measure makes nothing of gives NaN, not a warning.
    with np.errstate(all='ignore'):
        scores = [score(*(each[item] for each in flat)) for item in np.ndindex(*leading)]
    if tensors:
        import torch

        return torch.tensor(scores, dtype=dtype, device=device).reshape(leading)
    arrays = (each for each in unwrapped if isinstance(each, np.ndarray))
    return np.array(scores, _array_dtype(arrays)).reshape(leading)[()]


def largest_magnitude(maps: Tensor) -> Tensor:
    """Largest |value| of each map, (..., 1, 1), without gradient; 1 for a map of zeros."""
    largest = maps.detach().abs().amax(MAP_DIMS, keepdim=True)
    return largest.masked_fill(largest == 0, 1)


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
    return maps / total.masked_fill(total == 0, 1)


def inner_product(x: np.ndarray, y: np.ndarray) -> float:
    """Sum of the products of two flat arrays."""
    # Not np.dot: on long arrays it waits for all its threads, milliseconds on a busy machine.
    return np.einsum('i,i->', x, y)


def _as_tensor(maps: Maps) -> Tensor:
    if is_tensor(maps):
        return maps
    import torch

    # torch refuses negative strides and warns about read-only memory.
    return torch.from_numpy(np.require(maps, requirements=['C', 'W']))


def _unwrap(maps: Maps) -> Maps:
    """An array for everything that the CPU can read; half precision as float32."""
    if is_tensor(maps):
        import torch

        maps = maps.detach()
        if maps.dtype in (torch.float16, torch.bfloat16):
            maps = maps.float()
        if maps.device.type == 'cpu':
            return maps.numpy()
        # torch neither sorts nor searches the wide unsigned integers.
        wide = (torch.uint16, torch.uint32, torch.uint64)
        return maps.long() if maps.dtype in wide else maps
    maps = np.asarray(maps)
    return maps.astype(np.float32) if maps.dtype == np.float16 else maps


def _tensor_dtype(tensors: Iterable[Tensor]) -> torch.dtype:
    import torch

    return torch.float64 if any(t.dtype == torch.float64 for t in tensors) else torch.float32


def _array_dtype(arrays: Iterable[np.ndarray]) -> np.dtype:
    floating = [array.dtype for array in arrays if array.dtype.kind == 'f']
    return np.result_type(*floating) if floating else np.dtype(np.float64)


def _common_shape(name: str, maps: Sequence[Maps]) -> tuple[int, ...]:
    shapes = [tuple(each.shape) for each in maps]
    for shape in shapes:
        if len(shape) < 2:
            raise ShapeError(f'{name}: expected maps of shape (..., H, W), got {shape}')
    for shape in shapes[1:]:
        if shape[-2:] != shapes[0][-2:]:
            raise ShapeError(
                f'{name}: expected a target of the H, W of the prediction, {shapes[0][-2:]}, '
                f'got {shape[-2:]}'
            )
    try:
        # Not torch's: its first call imports for a third of a second.
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise ShapeError(
            f'{name}: expected leading dimensions that broadcast, got '
            + ' and '.join(map(str, shapes))
        ) from error
