"""The suite of losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ..errors import DataError, ShapeError
from ..losses import SaliencyLoss
from ..types import Targets
from .learning import density_maps
from .suite import ModuleSuite

_SHAPE = (4, 16, 24)
# Maps that leave a measure undefined: what is done to a prediction, the densities and the fixations
# of a batch.
_LIMITS: dict[str, Callable[[Tensor, Tensor, Tensor], object]] = {
    'constant predictions': lambda maps, density, fixations: maps.fill_(0.5),
    'predictions of zeros': lambda maps, density, fixations: maps.zero_(),
    'predictions of ones': lambda maps, density, fixations: maps.fill_(1.0),
    'one constant prediction': lambda maps, density, fixations: maps[1].fill_(0.25),
    'densities of zeros': lambda maps, density, fixations: density.zero_(),
    'one density of zeros': lambda maps, density, fixations: density[1].zero_(),
    'constant densities': lambda maps, density, fixations: density.fill_(0.5),
    'no fixations': lambda maps, density, fixations: fixations.zero_(),
    'one item without fixations': lambda maps, density, fixations: fixations[1].zero_(),
    'fixations everywhere': lambda maps, density, fixations: fixations.fill_(1.0),
}


class LossSuite(ModuleSuite):
    """What every loss must do (see `salkit.losses.SaliencyLoss`).

        class TestMyLoss(LossSuite):
            part = MyLoss

    Attributes:
        part: the loss class.
        smoke: its arguments; None takes those that it was registered with.
    """

    registry = 'loss'
    base = SaliencyLoss
    part: type[SaliencyLoss]

    # Helpers -----------------------------------------------------------------------------------

    def truth(self) -> tuple[Tensor, Tensor]:
        """Density maps, blobs at another place for each item, and five fixations on each."""
        density = density_maps(_SHAPE, sharpness=20.0)
        flat = density.flatten(1)
        fixated = torch.zeros_like(flat).scatter_(1, flat.topk(5).indices, 1.0)
        return density, fixated.view_as(density)

    def targets(self) -> Targets:
        """The same as targets."""
        return Targets(*self.truth())

    def noise(self) -> Tensor:
        """Predictions (B, H, W) that know nothing, in (0, 1)."""
        return torch.rand(_SHAPE, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05

    def value(self, saliency_map: Tensor, targets: Targets, weight: float | None = None) -> Tensor:
        """The loss; a scalar."""
        loss = self.build() if weight is None else self.build(weight=weight)
        with self.succeeds(f'the loss of maps {tuple(saliency_map.shape)}'):
            value = loss(saliency_map, targets)
        self.check(
            isinstance(value, Tensor) and value.ndim == 0,
            f'gives {tuple(getattr(value, "shape", ())) or type(value).__name__}, expected a '
            'scalar tensor',
        )
        return value

    def _check_near(self, value: Tensor, expected: Tensor, what: str, rtol: float = 1e-4) -> None:
        self.check(
            math.isclose(value.item(), expected.item(), rel_tol=rtol, abs_tol=1e-6),
            f'{what}: {value.item():.6g}, expected {expected.item():.6g}',
        )

    # What it gives -----------------------------------------------------------------------------

    def test_scalar(self) -> None:
        """A finite scalar, with gradients for the prediction."""
        saliency_map = self.noise().requires_grad_()
        value = self.value(saliency_map, self.targets())
        self.check(torch.isfinite(value), f'gives {value.item()} on ordinary maps')
        self.check(value.requires_grad, 'gives a value without gradients')
        value.backward()
        reached = saliency_map.grad is not None and saliency_map.grad.count_nonzero()
        self.check(reached, 'has a gradient of zeros for a prediction of noise')

    def test_weight_is_a_factor(self) -> None:
        """`weight` multiplies the value."""
        if not self.takes('weight'):
            self.fail('takes no argument weight')
        one = self.value(self.noise(), self.targets(), weight=1.0)
        for weight in (2.5, 0.0):
            value = self.value(self.noise(), self.targets(), weight=weight)
            self._check_near(value, weight * one, f'value with weight={weight}')

    def test_better_predictions_cost_less(self) -> None:
        """The ground truth itself costs less than noise, and noise less than its negative."""
        density, fixations = self.truth()
        targets = Targets(density, fixations)
        good = self.value(density.clamp(0, 1), targets).item()
        noise = self.value(self.noise(), targets).item()
        bad = self.value((1 - density).clamp(0, 1), targets).item()
        self.check(good < noise, f'is {good:.4g} for the ground truth, {noise:.4g} for noise')
        self.check(good < bad, f'is {good:.4g} for the ground truth, {bad:.4g} for its negative')

    @pytest.mark.parametrize(
        ('items', 'what'),
        [([2, 0, 3, 1], 'a shuffled batch'), ([0, 1, 2, 3] * 2, 'a batch that holds all twice')],
    )
    def test_mean_over_the_batch(self, items: list[int], what: str) -> None:
        """The value is a mean: items may come in any order, and twice."""
        maps, (density, fixations) = self.noise(), self.truth()
        value = self.value(maps[items], Targets(density[items], fixations[items]))
        self._check_near(value, self.value(maps, self.targets()), f'value of {what}')

    # Maps at the limits ------------------------------------------------------------------------

    @pytest.mark.parametrize('what', _LIMITS)
    def test_finite(self, what: str) -> None:
        """Value and gradients are finite on maps that leave a measure undefined."""
        maps, (density, fixations) = self.noise(), self.truth()
        _LIMITS[what](maps, density, fixations)
        maps.requires_grad_()
        value = self.value(maps, Targets(density, fixations))
        self.check(torch.isfinite(value), f'gives {value.item()} on {what}')
        if value.requires_grad:
            value.backward()
            sound = maps.grad is None or torch.isfinite(maps.grad).all()
            self.check(sound, f'has gradients that are not finite on {what}')

    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=str)
    def test_half_precision_is_computed_in_float32(self, dtype: torch.dtype) -> None:
        """A prediction in half precision gives the float32 value of the same numbers."""
        maps = self.noise().to(dtype)
        value = self.value(maps, self.targets())
        self.check(
            value.dtype == torch.float32, f'gives {value.dtype} for {dtype}, expected torch.float32'
        )
        expected = self.value(maps.float(), self.targets())
        self._check_near(value, expected, f'value in {dtype}', rtol=1e-5)

    def test_float64_stays(self) -> None:
        """Double precision in, double precision out."""
        double = Targets(*(each.double() for each in self.truth()))
        value = self.value(self.noise().double(), double)
        self.check(
            value.dtype == torch.float64,
            f'gives {value.dtype} for torch.float64, expected torch.float64',
        )
        self._check_near(value, self.value(self.noise(), self.targets()), 'value in torch.float64')

    # What it refuses ---------------------------------------------------------------------------

    def test_refuses_targets_without_its_map(self) -> None:
        """Targets that lack what it compares with are a DataError."""
        loss, target = self.build(), self.part.target
        with self.raises(DataError, 'targets without any map'):
            loss(self.noise(), Targets())
        self.check(
            target in ('density_map', 'fixation_map'),
            f'target is declared as {target!r}, expected density_map or fixation_map',
        )
        with self.raises(DataError, f'targets without a {target}'):
            loss(self.noise(), replace(self.targets(), **{target: None}))

    def test_refuses_other_shapes(self) -> None:
        """Maps of another rank or size than their targets are a ShapeError."""
        maps, targets = self.noise(), self.targets()
        wrong = {
            'predictions (B, 1, H, W)': maps[:, None],
            'predictions (H, W)': maps[0],
            'predictions with a column less than the targets': maps[:, :, 1:],
            'predictions with a row less than the targets': maps[:, 1:],
            'fewer predictions than targets': maps[1:],
            'one prediction for several targets': maps[:1],
        }
        loss = self.build()
        for what, prediction in wrong.items():
            with self.raises(ShapeError, what):
                loss(prediction, targets)
