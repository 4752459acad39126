"""The suite of losses."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ..errors import DataError, ShapeError
from ..losses import SaliencyLoss
from ..types import Targets
from .samples import density_maps, fixation_maps
from .suite import ModuleSuite

_SHAPE = (4, 16, 24)
_ALL = slice(None)
# Maps that leave a measure undefined: the items of a map that are filled with a value.
_LIMITS: dict[str, tuple[str, int | slice, float]] = {
    'constant predictions': ('saliency_map', _ALL, 0.5),
    'predictions of zeros': ('saliency_map', _ALL, 0.0),
    'one constant prediction': ('saliency_map', 1, 0.25),
    'densities of zeros': ('density_map', _ALL, 0.0),
    'one density of zeros': ('density_map', 1, 0.0),
    'constant densities': ('density_map', _ALL, 0.5),
    'no fixations': ('fixation_map', _ALL, 0.0),
    'one item without fixations': ('fixation_map', 1, 0.0),
    'fixations everywhere': ('fixation_map', _ALL, 1.0),
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

    def truth(self) -> tuple[Tensor, Tensor]:
        """Density maps, blobs at another place for each item, and five fixations on each."""
        density = density_maps(_SHAPE, sharpness=20.0)
        return density, fixation_maps(density, 5)

    def targets(self) -> Targets:
        """The same as targets."""
        return Targets(*self.truth())

    def noise(self) -> Tensor:
        """Predictions (B, H, W) that know nothing, in (0, 1)."""
        return torch.rand(_SHAPE, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05

    def value(self, saliency_map: Tensor, targets: Targets, **options: float) -> Tensor:
        """The loss; a scalar."""
        loss = self.build(0, **options)
        with self.succeeds(f'the loss of maps {tuple(saliency_map.shape)}'):
            value = loss(saliency_map, targets)
        self.check(
            isinstance(value, Tensor) and value.ndim == 0,
            f'gives {tuple(getattr(value, "shape", ())) or type(value).__name__}, expected a '
            'scalar tensor',
        )
        return value

    def _check_near(self, value: Tensor, expected: Tensor, what: str) -> None:
        self.check(
            math.isclose(value.item(), expected.item(), rel_tol=1e-4, abs_tol=1e-6),
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
        self.check(self.takes('weight'), 'takes no argument weight')
        one = self.value(self.noise(), self.targets(), weight=1.0)
        for weight in (2.5, 0.0):
            value = self.value(self.noise(), self.targets(), weight=weight)
            self._check_near(value, weight * one, f'value with weight={weight}')

    def test_better_predictions_cost_less(self) -> None:
        """The ground truth itself costs less than noise, and than its negative."""
        density, _ = self.truth()
        good = self.value(density, self.targets()).item()
        for what, prediction in (('noise', self.noise()), ('its negative', 1 - density)):
            worse = self.value(prediction, self.targets()).item()
            self.check(good < worse, f'is {good:.4g} for the ground truth, {worse:.4g} for {what}')

    @pytest.mark.parametrize(
        ('items', 'what'),
        [([2, 0, 3, 1], 'a shuffled batch'), ([0, 1, 2, 3] * 2, 'a batch that holds all twice')],
    )
    def test_mean_over_the_batch(self, items: list[int], what: str) -> None:
        """The value is a mean: items may come in any order, and twice."""
        maps, chosen = self.noise(), Targets(*(each[items] for each in self.truth()))
        value = self.value(maps[items], chosen)
        self._check_near(value, self.value(maps, self.targets()), f'value of {what}')

    @pytest.mark.parametrize('what', _LIMITS)
    def test_finite(self, what: str) -> None:
        """Value and gradients are finite on maps that leave a measure undefined."""
        saliency_map, targets = self.noise(), self.targets()
        name, items, value = _LIMITS[what]
        {**vars(targets), 'saliency_map': saliency_map}[name][items] = value
        saliency_map.requires_grad_()
        loss = self.value(saliency_map, targets)
        self.check(torch.isfinite(loss), f'gives {loss.item()} on {what}')
        if loss.requires_grad:
            loss.backward()
            sound = saliency_map.grad is None or torch.isfinite(saliency_map.grad).all()
            self.check(sound, f'has gradients that are not finite on {what}')

    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64], ids=str)
    def test_precision(self, dtype: torch.dtype) -> None:
        """Half precision gives the float32 value of the same numbers; double precision stays."""
        maps, targets = self.noise().to(dtype), self.targets()
        expected = self.value(maps.float(), targets)
        wanted = torch.float32
        if dtype == torch.float64:
            targets, wanted = Targets(*(each.double() for each in self.truth())), dtype
        value = self.value(maps, targets)
        self.check(value.dtype == wanted, f'gives {value.dtype} for {dtype}, expected {wanted}')
        self._check_near(value, expected, f'value in {dtype}')

    # What it refuses ---------------------------------------------------------------------------

    def test_refuses_targets_without_its_map(self) -> None:
        """Targets that lack what it compares with are a DataError."""
        target = self.part.target
        self.check(
            target in ('density_map', 'fixation_map'),
            f'target is declared as {target!r}, expected density_map or fixation_map',
        )
        with self.raises(DataError, f'targets without a {target}'):
            self.build()(self.noise(), replace(self.targets(), **{target: None}))

    def test_refuses_other_shapes(self) -> None:
        """Maps of another rank or size than their targets are a ShapeError."""
        maps, targets = self.noise(), self.targets()
        wrong = {
            'predictions (B, 1, H, W)': maps[:, None],
            'predictions (H, W)': maps[0],
            'predictions with a column less than the targets': maps[:, :, 1:],
            'fewer predictions than targets': maps[1:],
            'one prediction for several targets': maps[:1],
        }
        for what, prediction in wrong.items():
            with self.raises(ShapeError, what):
                self.build()(prediction, targets)
