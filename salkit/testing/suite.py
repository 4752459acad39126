"""What all suites have in common."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor, nn

from ..builder import build, parameters_of
from ..checkpoints import load_weights, write_safetensors
from ..errors import SalkitError
from ..utils.text import listed
from .smoke import REGISTRIES, Arguments, registered_part

# How often random parameters are tried before one counts as without a gradient.
_ATTEMPTS = 4


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
    smoke: Arguments | None = None
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

    def check(self, condition: object, message: str) -> None:
        """Fail with `message` unless `condition` holds."""
        if not condition:
            self.fail(message)

    @contextmanager
    def succeeds(self, what: str) -> Iterator[None]:
        """Fail with "`what` fails" and the reason where the block raises an error."""
        try:
            yield
        except Exception as error:
            self.fail(f'{what} fails: {said(error)}')

    @contextmanager
    def raises(self, kind: type[Exception], what: str, hint: str = '') -> Iterator[list[str]]:
        """Fail unless the block raises an error of a kind.

        Args:
            kind: of the error.
            what: is wrong, and has to be refused.
            hint: how to mend it.

        Yields:
            A list that holds the error's message after the block.
        """
        messages: list[str] = []
        try:
            yield messages
        except kind as error:
            messages.append(str(error))
        except Exception as error:
            self.fail(f'{what} raises {said(error)}; expected {kind.__name__}{hint}')
        else:
            self.fail(f'takes {what} without an error, expected {kind.__name__}{hint}')

    def arguments(self, **others: object) -> Arguments:
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

    def build(self, seed: int = 0, **others: object) -> Any:
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


class BuiltSuite(Suite):
    """Checks of parts that configs build."""

    def test_builds_from_a_config(self, tmp_path: Path) -> None:
        """The strict builder makes it from the name that configs call it by."""
        target = REGISTRIES[self.registry]
        target.import_from_location()
        if registered_part(self.registry, self.part) is None:
            pytest.skip(f'{self.name} is not registered: configs cannot name it yet')
        given = self.given()
        cfg = dict(self.config(tmp_path), type=self.name)
        with self.succeeds(f'building from {cfg}'):
            built = build(target, cfg, **given)
        self.check(
            type(built) is self.part, f'{self.name!r} in a config gives {type(built).__name__}'
        )

    def config(self, tmp_path: Path) -> Arguments:
        """What a config says of an instance, its type left out."""
        given = self.given()
        return {key: value for key, value in self.arguments().items() if key not in given}

    def given(self) -> Arguments:
        """Arguments that salkit fills in, not the config."""
        return {}


class ModuleSuite(BuiltSuite):
    """Checks of parts that are modules."""

    def test_pickles_and_copies(self) -> None:
        """An instance survives `pickle` and `copy.deepcopy`, to reach other processes."""
        module = self.build()
        for label, call in (
            ('copy.deepcopy', copy.deepcopy),
            ('pickle', lambda m: pickle.loads(pickle.dumps(m))),
        ):
            with self.succeeds(label):
                twin = call(module)
            changed = changed_entries(twin, module.state_dict())
            self.check(not changed, f'{label} changes the entries {listed(changed)}')


class NetworkSuite(ModuleSuite):
    """Checks of modules that give tensors with the batch first for tensors with the batch first."""

    # What messages call the output with this number.
    output = 'output[{}]'

    # How the part is run -----------------------------------------------------------------------

    def build_ready(self, seed: int = 0) -> nn.Module:
        """A new instance in evaluation mode, as all checks here take it."""
        raise NotImplementedError

    def inputs(self, module: nn.Module, seed: int = 0) -> tuple[Tensor, ...]:
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
        self.check(torch.isfinite(value).all(), f'{whose}gives values that are not finite')
        low, high = value.min().item(), value.max().item()
        self.check(
            0 <= low <= high <= 1,
            f'{whose}gives values from {low:.3g} to {high:.3g}, expected [0, 1]',
        )

    def check_gradients(
        self,
        module: nn.Module,
        run: Callable[[nn.Module, int], tuple[Tensor, ...]],
        where: str = '',
        hint: str = '',
        zero_is_lost: bool = True,
    ) -> None:
        """Fail where gradients never reach a trainable parameter, or are not finite.

        A parameter counts as reached where any attempt gives it a gradient that is not all zero;
        from the second on, all parameters are moved off their initial values, since one behind a
        layer that begins at zero has a zero gradient at first.

        Args:
            module: whose parameters.
            run: gives outputs of the module, for the number of an attempt.
            where: ends the sentence about the parameters.
            hint: how to mend it.
            zero_is_lost: False where any gradient counts.
        """
        waiting, broken = trainable(module), set()
        module = copy.deepcopy(module).train()
        for attempt in range(_ATTEMPTS):
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
                    waiting.pop(name, None)
            if not waiting:
                break
        self.check(
            not waiting,
            f'gradients never reach {len(waiting)} trainable parameter{"s" * (len(waiting) > 1)}'
            f'{where}: {listed(waiting)}{hint}',
        )
        names = [name for name in trainable(module) if name in broken]
        self.check(not names, f'gradients are not finite{where}: {listed(names)}')

    # Checks ------------------------------------------------------------------------------------

    def test_evaluation_is_deterministic(self) -> None:
        """In evaluation mode the same inputs give the same outputs."""
        module = self.build_ready()
        inputs = self.inputs(module)
        with seeded(1):
            first = self.outputs(module, inputs)
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

    def test_inputs_stay_as_they_are(self) -> None:
        """Forward does not write into what it is given."""
        module = self.build_ready()
        for mode in (False, True):
            inputs = self.inputs(module)
            before = [each.clone() for each in inputs]
            self.outputs(module.train(mode), inputs)
            unchanged = all(map(same_values, inputs, before))
            self.check(unchanged, 'forward changes what it is given')

    def test_state_dict_round_trip(self, tmp_path: Path) -> None:
        """Weights written to a file and loaded into a fresh instance give the same outputs."""
        source, fresh = self.build_ready(), self.build_ready(seed=2)
        if not source.state_dict():
            pytest.skip(f'{self.name} has no weights')
        perturb(source)
        path = tmp_path / 'weights.safetensors'
        write_safetensors(source.state_dict(), path)
        with self.succeeds('loading the file of its own weights'):
            load_weights(fresh, path)
        with self.succeeds('loading its own state dict'):
            self.build_ready(seed=2).load_state_dict(source.state_dict(), strict=True)
        inputs = self.inputs(source)
        self.check_near(
            self.outputs(fresh, inputs),
            self.outputs(source, inputs),
            1e-5,
            'once the weights are stored and loaded: something that forward uses is not in the '
            'state dict',
        )


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


def project(outputs: tuple[Tensor, ...], seed: int = 0) -> Tensor:
    """A scalar that every value of `outputs` has its own share in.

    A plain sum would have no gradient behind a normalization layer.
    """
    shares = [(o * noise(tuple(o.shape), seed + i).to(o)).mean() for i, o in enumerate(outputs)]
    return torch.stack(shares).sum()


def changed_entries(module: nn.Module, before: dict[str, Tensor]) -> list[str]:
    """Entries of the state dict that are not what they were."""
    now = module.state_dict()
    return [key for key, value in before.items() if not same_values(now[key], value)]


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the state dict."""
    return {key: value.detach().clone() for key, value in module.state_dict().items()}
