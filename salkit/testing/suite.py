"""What all suites have in common."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor, nn

from ..builder import build, parameters_of
from ..errors import SalkitError
from .smoke import REGISTRIES, registered_part


class Suite:
    """Checks of one part: every method called `test_*` is one.

    Inherit from the suite of its kind in a class whose name begins with `Test`; override a method
    to replace a check, or add your own beside them.

    Attributes:
        part: the class under test.
        smoke: arguments of a tiny instance, which builds and runs on a CPU in well under a second.
            None takes those that the part was registered with.
        registry: name of the registry that parts of this kind go into.
        base: what the part must inherit from.
    """

    part: type
    smoke: dict[str, Any] | None = None
    registry: str = ''
    base: type = object

    # Helpers -----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The part's class name, which every failure begins with."""
        return self.part.__name__

    def fail(self, message: str) -> NoReturn:
        """Fail the running test with one line that begins with the part's name."""
        pytest.fail(f'{self.name}: {message}', pytrace=False)

    def check(self, condition: Any, message: str) -> None:
        """Fail with `message` unless `condition` holds."""
        if not condition:
            self.fail(message)

    def arguments(self, **others: Any) -> dict[str, Any]:
        """A copy of the smoke arguments, with `others` added or replaced."""
        smoke = self.smoke
        if smoke is None:
            found = registered_part(self.registry, self.part)
            if found is None:
                self.fail(
                    f'is not in the {self.registry} registry, and {type(self).__name__} has no '
                    '`smoke`: give the arguments of a tiny instance, smoke = dict(...)'
                )
            if not found.variants:
                self.fail(
                    f'{found.owner} registers it without smoke arguments: '
                    f'register({self.name}, smoke=dict(...))'
                )
            smoke = found.variants[0]
        return {**copy.deepcopy(smoke), **others}

    def takes(self, argument: str) -> bool:
        """Whether the part's constructor, or one it hands `**options` to, has this argument."""
        return argument in parameters_of(self.part)[0]

    def build(self, seed: int = 0, **others: Any) -> Any:
        """A new instance from the smoke arguments and `others`, initialised from `seed`."""
        arguments = self.arguments(**others)
        with seeded(seed):
            try:
                return self.part(**arguments)
            except SalkitError as error:
                self.fail(f'{type(error).__name__} with smoke = {self.arguments()}: {error}')

    # Checks of every kind ----------------------------------------------------------------------

    def test_inherits_the_contract(self) -> None:
        """The part is a class of its kind."""
        self.check(isinstance(self.part, type), '`part` must be a class')
        self.check(
            issubclass(self.part, self.base),
            f'does not inherit from {self.base.__module__}.{self.base.__name__}',
        )


class ModuleSuite(Suite):
    """Checks of parts that are modules."""

    def test_pickles_and_copies(self) -> None:
        """An instance survives `pickle` and `copy.deepcopy`, to reach other processes."""
        module = self.build()
        for label, call in (
            ('copy.deepcopy', copy.deepcopy),
            ('pickle', lambda m: pickle.loads(pickle.dumps(m))),
        ):
            try:
                twin = call(module)
            except Exception as error:
                self.fail(f'{label} fails: {said(error)}')
            for key, value in module.state_dict().items():
                self.check(
                    same_values(twin.state_dict()[key], value), f'{label} changes the entry {key}'
                )

    def test_builds_from_a_config(self) -> None:
        """The strict builder makes it from the name that configs call it by."""
        target = REGISTRIES[self.registry]
        target.import_from_location()
        if registered_part(self.registry, self.part) is None:
            pytest.skip(f'{self.name} is not registered: configs cannot name it yet')
        given = self.given()
        cfg = dict(type=self.name, **{k: v for k, v in self.arguments().items() if k not in given})
        try:
            built = build(target, cfg, **given)
        except SalkitError as error:
            self.fail(f'cannot be built from {cfg}: {error}')
        self.check(
            type(built) is self.part, f'{self.name!r} in a config gives {type(built).__name__}'
        )

    def given(self) -> dict[str, Any]:
        """Arguments that salkit fills in, not the config."""
        return {}


# Tools that the suites share -------------------------------------------------------------------


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run with torch's generator at `seed`, and leave it as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def noise(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Normal noise from its own generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def said(error: BaseException) -> str:
    """Type and first line of an error."""
    lines = str(error).splitlines()
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__


def same_values(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors are equal to the bit, NaN counting as itself."""
    return first.shape == second.shape and torch.equal(
        torch.nan_to_num(first.detach().double()), torch.nan_to_num(second.detach().double())
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


def listed(names: list[str], most: int = 5) -> str:
    """Names in a sentence, cut short."""
    shown = ', '.join(names[:most])
    return shown + (f' and {len(names) - most} more' if len(names) > most else '')


def project(outputs: tuple[Tensor, ...], seed: int = 0) -> Tensor:
    """A scalar that every value of `outputs` has its own share in.

    A plain sum would have no gradient behind a normalisation layer.
    """
    return sum((o * noise(tuple(o.shape), seed + i).to(o)).mean() for i, o in enumerate(outputs))


def unreached(
    module: nn.Module, run: Any, attempts: int = 4, zero_is_lost: bool = True
) -> tuple[list[str], list[str]]:
    """Trainable parameters that gradients never reach, and those whose gradient is not finite.

    `run(module, attempt)` gives outputs. A parameter counts as reached where any attempt gives it a
    gradient that is not all zero; from the second on, all parameters are moved off their initial
    values, since one behind a layer that begins at zero has a zero gradient at first. Without
    `zero_is_lost`, any gradient counts.
    """
    waiting, broken = set(trainable(module)), set()
    module = copy.deepcopy(module).train()
    for attempt in range(attempts):
        if attempt:
            perturb(module, seed=attempt)
        module.zero_grad(set_to_none=True)
        with seeded(attempt):
            outputs = run(module, attempt)
        if not any(o.requires_grad for o in outputs):
            break
        project(outputs, attempt).backward()
        for name, parameter in trainable(module).items():
            if parameter.grad is None:
                continue
            if not torch.isfinite(parameter.grad).all():
                broken.add(name)
            if not zero_is_lost or parameter.grad.count_nonzero():
                waiting.discard(name)
        if not waiting:
            break
    order = list(trainable(module))
    return [n for n in order if n in waiting], [n for n in order if n in broken]


def changed_entries(module: nn.Module, before: dict[str, Tensor]) -> list[str]:
    """Entries of the state dict that are not what they were."""
    now = module.state_dict()
    return [key for key, value in before.items() if not same_values(now[key], value)]


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the state dict."""
    return {key: value.detach().clone() for key, value in module.state_dict().items()}
