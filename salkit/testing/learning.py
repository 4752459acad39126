"""A few optimizer steps on one batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..losses import CCLoss, KLLoss
from ..types import Targets
from .suite import Suite, seeded, trainable

_STEPS = 12
# How much lower counts, so that rounding does not.
_ENOUGH = 1e-3


def density_maps(shape: tuple[int, int, int], sharpness: float = 6.0) -> Tensor:
    """Gaussian blobs (B, H, W) with a maximum near 1, each item's at another place."""
    batch, height, width = shape
    rows = torch.linspace(0, 1, height)[:, None]
    columns = torch.linspace(0, 1, width)[None]
    maps = []
    for item in range(batch):
        y, x = 0.3 + 0.4 * ((item * 0.37) % 1), 0.25 + 0.5 * ((item * 0.61) % 1)
        maps.append(torch.exp(-((rows - y) ** 2 + (columns - x) ** 2) * sharpness))
    return torch.stack(maps)


def learn(
    modules: Sequence[nn.Module], predict: Callable[[], Tensor], shape: tuple[int, int, int]
) -> list[float]:
    """Train `modules` until the loss of `predict()` is clearly lower than at first, or give up.

    Args:
        modules: whose parameters are trained.
        predict: gives a saliency_map (B, H, W).
        shape: of the map.

    Returns:
        The loss at first and after each step; the last is the lowest where one step lowered it
        enough. A loss that is not finite ends the list.
    """
    targets = Targets(density_map=density_maps(shape))
    losses = [KLLoss(), CCLoss()]
    parameters = [p for module in modules for p in trainable(module).values()]
    optimizer = torch.optim.Adam(parameters, lr=2e-3)
    history: list[float] = []
    for step in range(_STEPS + 1):
        # The same dropout each time: the steps alone shall make the difference.
        with seeded(0):
            saliency_map = predict()
        loss = sum(each(saliency_map, targets) for each in losses)
        history.append(loss.item())
        if not math.isfinite(history[-1]) or (step and history[-1] < history[0] - _ENOUGH):
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return history


def lowered(suite: Suite, losses: list[float]) -> None:
    """Fail unless the last of `losses`, which `learn` gave, is the lower one."""
    suite.check(
        all(map(math.isfinite, losses)), f'the loss is {losses[-1]} after {len(losses) - 1} steps'
    )
    suite.check(
        losses[-1] < losses[0] - _ENOUGH,
        f'{len(losses) - 1} optimizer steps do not lower the loss: {losses[0]:.4f} at first, '
        f'{min(losses[1:], default=losses[0]):.4f} at best',
    )
