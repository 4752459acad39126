"""What the suites of encoders, decoders, branches and fusion heads have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ..checkpoints import load_weights, write_safetensors
from ..losses import CCLoss, KLLoss
from ..types import Targets
from ..utils.text import listed
from .samples import density_maps, noise
from .suite import ModuleSuite, seeded

_STEPS = 12
# How much lower a loss must become, so that rounding does not count.
_ENOUGH = 1e-3


class NetworkSuite(ModuleSuite):
    """Checks of modules that give tensors with the batch first for tensors with the batch first."""

    # What messages call the output with this number.
    output = 'output[{}]'

    # How the part is run -----------------------------------------------------------------------

    def build_ready(self, seed: int = 0, **others: object) -> nn.Module:
        """A new instance in evaluation mode, as all checks here take it."""
        return self.build(seed, **others).eval()

    def inputs(self, module: nn.Module) -> tuple[Tensor, ...]:
        """What an instance is run on, two items."""
        raise NotImplementedError

    def run(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The outputs, with gradients."""
        raise NotImplementedError

    def outputs(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The outputs, without gradients."""
        shapes = ', '.join(str(tuple(each.shape)) for each in inputs)
        with torch.no_grad(), self.succeeds(f'forward of {shapes}'):
            return self.run(module, inputs)

    # What outputs and gradients must be --------------------------------------------------------

    def check_near(
        self, outputs: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float, when: str
    ) -> None:
        """Fail where an output is further off than `tolerance`, relative to the largest value."""
        for i, (one, other) in enumerate(zip(outputs, expected, strict=True)):
            off = distance(one, other)
            self.check(off < tolerance, f'{self.output.format(i)} differs by {off:.2g} {when}')

    def check_saliency_map(self, value: object, shape: tuple[int, ...], whose: str = '') -> None:
        """Fail unless this is a map of a shape, in [0, 1]; `whose` is put before the message."""
        if not isinstance(value, Tensor):
            self.fail(f'{whose}gives a {type(value).__name__}, expected a tensor')
        got = tuple(value.shape)
        self.check(got == shape, f'{whose}gives {got}, expected {shape}')
        self.check(value.dtype == torch.float32, f'{whose}gives {value.dtype}, not torch.float32')
        low, high = value.min().item(), value.max().item()
        # NaN is not in this range either.
        self.check(
            0 <= low <= high <= 1,
            f'{whose}gives values from {low:.3g} to {high:.3g}, expected [0, 1]',
        )

    def check_gradients(
        self,
        module: nn.Module,
        inputs: tuple[Tensor, ...],
        where: str = '',
        zero_is_lost: bool = True,
    ) -> None:
        """Fail where gradients do not reach a trainable parameter, or are not finite.

        All parameters are moved off their initial values first, since one behind a layer that
        begins at zero has a zero gradient then. `zero_is_lost=False` lets zeros count as well.
        """
        perturb(module)
        outputs = self.run(module, inputs)
        if any(each.requires_grad for each in outputs):
            project(outputs).backward()
        lost, broken = [], []
        for name, parameter in trainable(module).items():
            gradient = parameter.grad
            if gradient is None or (zero_is_lost and not gradient.count_nonzero()):
                lost.append(name)
            elif not torch.isfinite(gradient).all():
                broken.append(name)
        self.check(
            not lost,
            f'gradients never reach {len(lost)} trainable parameter{"s" * (len(lost) > 1)}{where}: '
            f'{listed(lost)}; leave out what forward does not use, or set requires_grad=False',
        )
        self.check(not broken, f'gradients are not finite{where}: {listed(broken)}')

    def check_learns(
        self, modules: Sequence[nn.Module], predict: Callable[[], Tensor], size: tuple[int, int]
    ) -> None:
        """Fail unless a few steps make the loss of `predict()`, maps (2, *size), clearly lower."""
        targets = Targets(density_map=density_maps((2, *size)))
        parameters = [p for module in modules for p in trainable(module.train()).values()]
        optimizer = torch.optim.Adam(parameters, lr=2e-3)
        history: list[float] = []
        for step in range(_STEPS + 1):
            # The same dropout each time: the steps alone shall make the difference.
            with seeded(0):
                saliency_map = predict()
            loss = KLLoss()(saliency_map, targets) + CCLoss()(saliency_map, targets)
            history.append(loss.item())
            self.check(math.isfinite(history[-1]), f'the loss is {history[-1]} after {step} steps')
            if history[-1] < history[0] - _ENOUGH:
                return
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.fail(
            f'{_STEPS} optimizer steps do not lower the loss: {history[0]:.4f} at first, '
            f'{min(history[1:]):.4f} at best'
        )

    # Checks ------------------------------------------------------------------------------------

    def test_evaluation_is_deterministic(self) -> None:
        """In evaluation mode the same inputs give the same outputs, and stay as they are."""
        module = self.build_ready()
        inputs = self.inputs(module)
        before = [each.clone() for each in inputs]
        with seeded(1):
            first = self.outputs(module, inputs)
        self.check(all(map(torch.equal, inputs, before)), 'forward changes what it is given')
        with seeded(2):
            second = self.outputs(module, inputs)
        self.check_near(second, first, 1e-6, 'between two runs in eval mode')

    def test_batch_items_are_independent(self) -> None:
        """What it gives for an item does not depend on the other items of the batch."""
        module = self.build_ready()
        inputs = self.inputs(module)
        together = self.outputs(module, inputs)
        for item in (0, 1):
            alone = self.outputs(module, tuple(each[item : item + 1] for each in inputs))
            of_both = [each[item : item + 1] for each in together]
            self.check_near(of_both, alone, 1e-4, 'with the other clips in its batch')

    def test_state_dict_round_trip(self, tmp_path: Path) -> None:
        """Weights written to a file and loaded into a fresh instance give the same outputs."""
        source, fresh = self.build_ready(), self.build_ready(seed=2)
        if not source.state_dict():
            pytest.skip(f'{self.name} has no weights')
        perturb(source)
        path = tmp_path / 'weights.safetensors'
        write_safetensors(source.state_dict(), path)
        with self.succeeds('loading the file of its own weights'):
            report = load_weights(fresh, path)
        lacking = sorted(set(source.state_dict()) - set(report.used) - set(report.derived))
        self.check(not lacking, f'the report of loading does not name {listed(lacking)}')
        self.check(not report.dropped, f'drops entries of its own file: {listed(report.dropped)}')
        inputs = self.inputs(source)
        self.check_near(
            self.outputs(fresh, inputs),
            self.outputs(source, inputs),
            1e-5,
            'once the weights are stored and loaded: something that forward uses is not in the '
            'state dict',
        )


def distance(first: Tensor, second: Tensor) -> float:
    """Largest difference, relative to the largest value of `second`."""
    first, second = first.detach().double(), second.detach().double()
    scale = second.abs().max().item()
    return (first - second).abs().max().item() / (scale or 1.0)


def perturb(module: nn.Module, seed: int = 1, scale: float = 0.05) -> None:
    """Add normal noise to every parameter, so that none is at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            step = torch.randn(parameter.shape, generator=generator) * scale
            parameter.add_(step.to(parameter))


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that are trained, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def project(outputs: Sequence[Tensor]) -> Tensor:
    """A scalar that every value of `outputs` has its own share in.

    A plain sum would have no gradient behind a normalization layer.
    """
    shares = [(o * noise(tuple(o.shape), i).to(o)).mean() for i, o in enumerate(outputs)]
    return torch.stack(shares).sum()
