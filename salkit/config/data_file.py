"""Config files that are data, YAML and JSON: nothing in them is run, and none takes without end.

A Python config is a program; these may come from anybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml
from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from .. import registry
from ..builder import known_names
from ..errors import ConfigError, reason_of
from .find import find_named_config
from .option_values import MOST_DEPTH

DATA_SUFFIXES = ('.yaml', '.yml', '.json')
# The longest that salkit brings have 10,000 letters and 400 values.
_MOST_LETTERS = 250_000
_MOST_VALUES = 50_000
_MOST_DIGITS = 100


def parse_data_config(text: str, suffix: str) -> tuple[dict[str, object], list[Path]]:
    """The entries of a YAML or JSON config, and the files of its bases.

    Args:
        text: of the file.
        suffix: of its name, one of `DATA_SUFFIXES`.

    Raises:
        ConfigError: another content than plain values, too many of them, a base that is not one of
            salkit's or a plugin's, a type that nobody has registered.
    """
    if len(text) > _MOST_LETTERS:
        raise ConfigError(f'expected at most {_MOST_LETTERS} letters, got {len(text)}')
    try:
        if suffix == '.json':
            content = json.loads(text)
        else:
            # Not LibYAML's: deep nesting ends in an error here, and there in a crash.
            _count_nodes(yaml.compose(text, Loader=yaml.SafeLoader), {})
            content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        raise ConfigError(f'expected plain values, {_place_of(error)}') from None
    except RecursionError:
        raise ConfigError(f'expected values nested up to {MOST_DEPTH} deep, got more') from None
    if not isinstance(content, dict):
        raise ConfigError(f'expected entries such as "model: ...", got {type(content).__name__}')
    named = content.pop('_base_', [])
    names = named if isinstance(named, list) else [named]
    _check_entries(content)
    return content, [_base_of(name) for name in names]


def _place_of(error: Exception) -> str:
    """What is wrong with a text, and where."""
    mark = getattr(error, 'problem_mark', None)
    if isinstance(error, yaml.MarkedYAMLError) and mark is not None:
        return f'got {error.problem} in line {mark.line + 1}'
    return f'got {reason_of(error)}'


def _count_nodes(node: yaml.Node | None, counts: dict[yaml.Node, int]) -> int:
    """How many values a node stands for once its aliases have been replaced by what they mean."""
    if node is None:
        return 0
    if node not in counts:
        # Met again before it has been counted, it holds itself.
        counts[node] = _MOST_VALUES
        inner: Iterator[yaml.Node] = iter(())
        if isinstance(node, yaml.MappingNode):
            inner = (part for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            inner = iter(node.value)
        elif len(node.value) > _MOST_DIGITS and not node.tag.endswith(':str'):
            # 1:1:1:... is a number to the base of 60, which takes minutes.
            raise ValueError(f'a number of {len(node.value)} digits')
        counts[node] = 1 + sum(_count_nodes(part, counts) for part in inner)
    if counts[node] > _MOST_VALUES:
        raise ValueError(f'more than {_MOST_VALUES} values, or one that holds itself')
    return counts[node]


def _base_of(name: object) -> Path:
    if not isinstance(name, str):
        raise ConfigError(f'_base_: expected the name of a config, got {name!r}')
    try:
        return find_named_config(name)
    except ConfigError as error:
        raise ConfigError(
            f'_base_: a YAML or JSON config builds on those of salkit and of plugins alone, by '
            f'name; {error}'
        ) from None


def _check_entries(content: dict[object, object]) -> None:
    """Raise ConfigError for anything in data that would be more than data.

    mmengine imports what it is asked for by a name that nobody has registered, and fills in what
    stands in double braces.
    """
    if content.get('custom_imports'):
        raise ConfigError('custom_imports runs code, so that only a Python config may have it')
    names: set[str] | None = None
    waiting: list[tuple[object, object, int]] = [('', content, 0)]
    for key, value, depth in waiting:
        if depth > MOST_DEPTH:
            raise ConfigError(f'expected values nested up to {MOST_DEPTH} deep, got more')
        if not isinstance(key, str) or key == '_scope_' or '{{' in key:
            raise ConfigError(f'expected plain names as keys, got {key!r}')
        if isinstance(value, dict):
            waiting += [(name, inner, depth + 1) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(key, inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            if '{{' in value:
                raise ConfigError(f'{key}: only a Python config may have {{{{ }}}}, got {value!r}')
            if key.endswith(('type', 'constructor', 'policy', '_fn')):
                names = _all_names() if names is None else names
                if value not in names:
                    raise ConfigError(
                        f'{key}: neither salkit nor a plugin nor mmengine offers {value!r}'
                    )
        elif not isinstance(value, (int, float, type(None))):
            raise ConfigError(f'{key}: expected a plain value, got {type(value).__name__}')


def _all_names() -> set[str]:
    """Every name that any registry can build."""
    found = [*vars(registry).values(), *vars(mmengine_registry).values()]
    return {name for each in found if isinstance(each, Registry) for name in known_names(each)}
