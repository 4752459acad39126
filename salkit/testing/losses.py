"""The suite of losses."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ..errors import DataError, SalkitError, ShapeError
from ..losses import SaliencyLoss
from ..types import Targets
from .learning import density_maps
from .suite import ModuleSuite, said

_SHAPE = (4, 16, 24)


def _fixations(density: Tensor) -> Tensor:
    """Five fixated pixels an item, where its density is highest."""
    flat = density.flatten(1)
    fixated = torch.zeros_like(flat).scatter_(1, flat.topk(5).indices, 1.0)
    return fixated.view_as(density)


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

    # Helpers -----------------------------------------------------------------------------------

    def targets(self) -> Targets:
        """Blobs and fixations on them, each item's at another place."""
        density = density_maps(_SHAPE, sharpness=20.0)
        return Targets(density, _fixations(density))

    def noise(self) -> Tensor:
        """Predictions (B, H, W) that know nothing, in (0, 1)."""
        return torch.rand(_SHAPE, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05

    def value(self, saliency_map: Tensor, targets: Targets, **options: Any) -> Tensor:
        """The loss; a scalar."""
        loss = self.build(**options)
        try:
            value = loss(saliency_map, targets)
        except Exception as error:
            self.fail(f'fails on maps {tuple(saliency_map.shape)}: {said(error)}')
        self.check(
            isinstance(value, Tensor) and value.ndim == 0,
            f'gives {tuple(getattr(value, "shape", ())) or type(value).__name__}, expected a '
            'scalar tensor',
        )
        return value

    def _check_near(self, value: Tensor, expected: Tensor, what: str, rtol: float = 1e-4) -> None:
        value, expected = value.item(), expected.item()
        self.check(
            math.isclose(value, expected, rel_tol=rtol, abs_tol=1e-6),
            f'{what}: {value:.6g}, expected {expected:.6g}',
        )

    # What it gives -----------------------------------------------------------------------------

    def test_scalar(self) -> None:
        """A finite scalar, with gradients for the prediction."""
        saliency_map = self.noise().requires_grad_()
        value = self.value(saliency_map, self.targets())
        self.check(torch.isfinite(value), f'gives {value.item()} on ordinary maps')
        self.check(value.requires_grad, 'gives a value without gradients')
        value.backward()
        self.check(
            saliency_map.grad.count_nonzero(), 'has a gradient of zeros for a prediction of noise'
        )

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
        targets = self.targets()
        good = self.value(targets.density_map.clamp(0, 1), targets).item()
        noise = self.value(self.noise(), targets).item()
        bad = self.value((1 - targets.density_map).clamp(0, 1), targets).item()
        self.check(good < noise, f'is {good:.4g} for the ground truth, {noise:.4g} for noise')
        self.check(good < bad, f'is {good:.4g} for the ground truth, {bad:.4g} for its negative')

    def test_order_in_the_batch_does_not_matter(self) -> None:
        """The items of a batch may come in any order."""
        targets, maps, order = self.targets(), self.noise(), torch.tensor([2, 0, 3, 1])
        shuffled = Targets(targets.density_map[order], targets.fixation_map[order])
        self._check_near(
            self.value(maps[order], shuffled),
            self.value(maps, targets),
            'value of a shuffled batch',
        )

    def test_mean_over_the_batch(self) -> None:
        """A batch that holds everything twice has the same value."""
        targets, maps = self.targets(), self.noise()
        twice = Targets(targets.density_map.repeat(2, 1, 1), targets.fixation_map.repeat(2, 1, 1))
        self._check_near(
            self.value(maps.repeat(2, 1, 1), twice),
            self.value(maps, targets),
            'value of a batch that holds everything twice',
        )

    # Maps at the limits ------------------------------------------------------------------------

    @pytest.mark.parametrize(
        'what',
        [
            'constant predictions',
            'predictions of zeros',
            'predictions of ones',
            'one constant prediction',
            'densities of zeros',
            'one density of zeros',
            'constant densities',
            'no fixations',
            'one item without fixations',
            'fixations everywhere',
        ],
    )
    def test_finite(self, what: str) -> None:
        """Value and gradients are finite on maps that leave a measure undefined."""
        maps, targets = self.noise(), self.targets()
        density, fixations = targets.density_map, targets.fixation_map
        if what == 'constant predictions':
            maps.fill_(0.5)
        elif what == 'predictions of zeros':
            maps.zero_()
        elif what == 'predictions of ones':
            maps.fill_(1.0)
        elif what == 'one constant prediction':
            maps[1] = 0.25
        elif what == 'densities of zeros':
            density.zero_()
        elif what == 'one density of zeros':
            density[1] = 0
        elif what == 'constant densities':
            density.fill_(0.5)
        elif what == 'no fixations':
            fixations.zero_()
        elif what == 'one item without fixations':
            fixations[1] = 0
        else:
            fixations.fill_(1.0)
        maps.requires_grad_()
        value = self.value(maps, targets)
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
        targets = self.targets()
        double = Targets(targets.density_map.double(), targets.fixation_map.double())
        value = self.value(self.noise().double(), double)
        self.check(
            value.dtype == torch.float64,
            f'gives {value.dtype} for torch.float64, expected torch.float64',
        )
        self._check_near(value, self.value(self.noise(), targets), 'value in torch.float64')

    # What it refuses ---------------------------------------------------------------------------

    def _check_refused(
        self, kind: type[SalkitError], what: str, maps: Tensor, targets: Targets
    ) -> None:
        loss = self.build()
        try:
            loss(maps, targets)
        except kind:
            return
        except Exception as error:
            self.fail(f'{what} raises {type(error).__name__}, expected {kind.__name__}')
        self.fail(f'takes {what} without an error, expected {kind.__name__}')

    def test_refuses_targets_without_its_map(self) -> None:
        """Targets that lack what it compares with are a DataError."""
        self._check_refused(DataError, 'targets without any map', self.noise(), Targets())
        target = self.part.target
        self.check(
            target in ('density_map', 'fixation_map'),
            f'target is declared as {target!r}, expected density_map or fixation_map',
        )
        lacking = replace(self.targets(), **{target: None})
        self._check_refused(DataError, f'targets without a {target}', self.noise(), lacking)

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
        for what, prediction in wrong.items():
            self._check_refused(ShapeError, what, prediction, targets)
