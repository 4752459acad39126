"""What all suites have in common."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor, nn

from ..builder import build, parameters_of
from ..errors import SalkitError
from ..utils.text import listed
from .smoke import REGISTRIES, Arguments, registered_part


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
    def raises(
        self, kind: type[Exception], what: str, names: object = '', hint: str = ''
    ) -> Iterator[None]:
        """Fail unless the block raises an error of a kind.

        Args:
            kind: of the error.
            what: is wrong, and has to be refused.
            names: what the error's message has to contain.
            hint: how to mend it.
        """
        try:
            yield
        except kind as error:
            message = f'the error about {what} does not name {names}; it says: {error}'
            self.check(str(names) in str(error), message)
        except Exception as error:
            self.fail(f'{what} raises {said(error)}; expected {kind.__name__}{hint}')
        else:
            self.fail(f'takes {what} without an error, expected {kind.__name__}{hint}')

    def arguments(self, **others: object) -> Arguments:
        """A copy of the smoke arguments, with `others` added or replaced."""
        smoke = self.smoke
        if smoke is None:
            found = registered_part(self.registry, self.part)
            if found is None or not found.variants:
                self.fail(
                    f'has no smoke arguments in the {self.registry} registry, and '
                    f'{type(self).__name__} has no `smoke`: give the arguments of a tiny instance, '
                    'smoke = dict(...)'
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

    def test_inherits_the_contract(self) -> None:
        """The part is a class of its kind."""
        self.check(isinstance(self.part, type), '`part` must be a class')
        self.check(
            issubclass(self.part, self.base),
            f'does not inherit from {self.base.__module__}.{self.base.__name__}',
        )


class BuiltSuite(Suite):
    """Checks of parts that configs build."""

    def given(self) -> Arguments:
        """Arguments that salkit fills in, not the config."""
        return {}

    def config(self, tmp_path: Path) -> Arguments:
        """What a config says of an instance, its type left out."""
        given = self.given()
        return {key: value for key, value in self.arguments().items() if key not in given}

    def test_builds_from_a_config(self, tmp_path: Path) -> None:
        """The strict builder makes it from the name that configs call it by."""
        target = REGISTRIES[self.registry]
        target.import_from_location()
        if registered_part(self.registry, self.part) is None:
            pytest.skip(f'{self.name} is not registered: configs cannot name it yet')
        cfg = dict(self.config(tmp_path), type=self.name)
        with self.succeeds(f'building from {cfg}'):
            built = build(target, cfg, **self.given())
        self.check(
            type(built) is self.part, f'{self.name!r} in a config gives {type(built).__name__}'
        )


class ModuleSuite(BuiltSuite):
    """Checks of parts that are modules."""

    def test_pickles_and_copies(self) -> None:
        """An instance survives `pickle` and `copy.deepcopy`, to reach other processes."""
        module = self.build()
        with self.succeeds('copy.deepcopy'):
            twin = copy.deepcopy(module)
        with self.succeeds('pickle'):
            twin = pickle.loads(pickle.dumps(twin))
        self.check_unchanged(twin, module.state_dict(), 'pickle')

    def check_unchanged(self, module: nn.Module, before: dict[str, Tensor], who: str) -> None:
        """Fail where an entry of the state dict is not what it was before."""
        now = module.state_dict()
        changed = [key for key, value in before.items() if not torch.equal(now[key], value)]
        self.check(not changed, f'{who} changes {listed(changed)}')


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run with torch's generator at `seed`, and leave it as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def said(error: BaseException) -> str:
    """Type and first line of an error."""
    lines = str(error).splitlines()
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__
