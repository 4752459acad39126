"""Configs that come inside a file of weights: a stranger's, so that nothing in them is run.

No name in them leads to a file, no type to anything but what is registered, and no number to more
work than the weights in the file account for.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.registry import Registry
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..builder import build_on_meta, known_names
from ..errors import CheckpointError, ConfigError, one_line
from ..registry import DECODERS, ENCODERS, LOSSES, MODELS

# Letters of a config; the longest of salkit's have 10,000.
MOST_LETTERS = 1_000_000
# Sides, widths and depths of models stay below.
MOST_NUMBER = 65_536
# What building takes whatever the size of a model; for each of its entries, PyTorch is called 9
# times at most.
_CALLS, _CALLS_PER_ENTRY = 20_000, 12
# Values that a model computes itself, such as position tables.
_MOST_COMPUTED = 100_000_000
# Encoders ask published entries for their sides, and a file's may have any.
ODD = 'its entries are not what their names promise'
# Arguments that name files; the weights come from this one.
_FILES = ('init_cfg', 'checkpoint_path')


@contextmanager
def blamed_on(source: str, what: str) -> Iterator[None]:
    """Make of any failure in the block an error that names the file: it may hold anything.

    Raises:
        CheckpointError: where the block raises anything; its own ones pass.
    """
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f'{source}: {what} ({one_line(error)[:400]})') from error


def read_json(value: object) -> object:
    """What a text says in JSON, None where it is none."""
    if not isinstance(value, str) or len(value) > MOST_LETTERS:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def stored_model(
    text: object, part: object, weights: Mapping[str, Tensor], source: str
) -> tuple[nn.Module, dict]:
    """The model of a file, built without memory for its weights, and its config.

    Args:
        text: the config as JSON.
        part: 'encoder' for an encoder alone.
        weights: what the file holds, which the model may not exceed.
        source: for messages.

    Raises:
        CheckpointError: anything else, or a model that does not build.
    """
    config = read_json(text)
    if not isinstance(config, dict):
        raise CheckpointError(f'{source}: its entry "model" is not the JSON of a config')
    with blamed_on(source, 'its entry "model" does not build; name the config (--config)'):
        config = _checked(config, _offered(), source)
        registry = ENCODERS if part == 'encoder' else MODELS
        return build_within(registry, config, weights, source), config


def build_within(
    registry: Registry, config: dict, weights: Mapping[str, Tensor], source: str
) -> nn.Module:
    """Build without memory what a file asks for, no larger than what it holds.

    Raises:
        CheckpointError: more parts, or more values, than the weights account for.
        ConfigError: as `build`.
    """
    with _FewCalls(_CALLS + _CALLS_PER_ENTRY * len(weights), source):
        module: nn.Module = build_on_meta(registry, config)
    wanted = sum(value.numel() for value in (*module.parameters(), *module.buffers()))
    held = sum(value.numel() for value in weights.values())
    if wanted > 2 * held + _MOST_COMPUTED:
        raise CheckpointError(
            f'{source}: asks for a model of {wanted} values and holds {held}; name the config '
            '(--config)'
        )
    return module


class _FewCalls(TorchFunctionMode):
    """Ends the building of a model that takes more calls of PyTorch than its weights account for.

    A depth of a million takes minutes even without memory for the weights.
    """

    def __init__(self, most: int, source: str) -> None:
        super().__init__()
        self.left, self.source = most, source

    def __torch_function__(
        self, func: Callable[..., object], types: object, args: tuple = (), kwargs: Any = None
    ) -> object:
        """See PyTorch's mode; every call comes by here."""
        self.left -= 1
        if self.left < 0:
            raise CheckpointError(
                f'{self.source}: asks for a model of more parts than it holds weights for; name '
                'the config (--config)'
            )
        return func(*args, **(kwargs or {}))


def _offered() -> list[str]:
    registries = (MODELS, ENCODERS, DECODERS, LOSSES)
    for registry in registries:
        known_names(registry)
    # A list: a type in a file may be anything, and not everything goes into a set.
    return [name for registry in registries for name in registry.module_dict]


def _checked(value: Any, offered: Collection[object], source: str) -> Any:
    """A file's config without the files that it names.

    Raises:
        CheckpointError: a type that is not registered, which looking up would import and building
            call; or a number that is too large.
    """
    if isinstance(value, list):
        return [_checked(item, offered, source) for item in value]
    if isinstance(value, (int, float)) and abs(value) > MOST_NUMBER:
        raise CheckpointError(
            f'{source}: its entry "model" asks for {value}, expected numbers up to {MOST_NUMBER}; '
            'name the config (--config)'
        )
    if not isinstance(value, dict):
        return value
    if 'type' in value and value['type'] not in offered:
        raise CheckpointError(
            f'{source}: its entry "model" asks for {value["type"]!r:.200}, which neither salkit '
            'nor an installed plugin offers; name the config (--config)'
        )
    return {
        key: _checked(item, offered, source) for key, item in value.items() if key not in _FILES
    }


def read_plain_config(text: str, source: str) -> dict[str, object]:
    """The values of a config's text, `name = value` a line, of which nothing is run.

    Args:
        text: as mmengine writes it: constants, lists, tuples, dicts and `dict(...)`.
        source: for messages.

    Raises:
        CheckpointError: anything else.
    """
    values: dict[str, object] = {}
    with blamed_on(source, 'the config in it is not a list of values; name the config by --model'):
        if len(text) > MOST_LETTERS:
            raise ConfigError(f'it has {len(text)} letters, expected at most {MOST_LETTERS}')
        for statement in _DictDisplays().visit(ast.parse(text)).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    values[name] = ast.literal_eval(value)
                case _:
                    raise ValueError('expected name = value')
    return values


class _DictDisplays(ast.NodeTransformer):
    """Makes a display of `dict(a=1)` and `dict({'a.b': 1}, c=2)`; other calls are no values."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id='dict'), args=[], keywords=keywords):
                first = ast.Dict([], [])
            case ast.Call(func=ast.Name(id='dict'), args=[ast.Dict() as first], keywords=keywords):
                # Keys that are no names, as those of `custom_keys`.
                pass
            case _:
                return node
        # `**b` has no name, in a call as in a display.
        names = [ast.Constant(k.arg) if k.arg else None for k in keywords]
        return ast.Dict([*first.keys, *names], [*first.values, *(k.value for k in keywords)])
