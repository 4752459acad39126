"""Arguments of a command from what takes them: fields of an options dataclass, or a function's.

An option is written once, there: its name, type and default, and in the docstring what it means.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

# How argparse reads a type, and what stands for a value in the help. Of several in a union, the
# first one here.
_FORMS: dict[type, dict[str, Any]] = {
    Path: dict(type=Path, metavar='PATH'),
    int: dict(type=int, metavar='N'),
    float: dict(type=float, metavar='X'),
    str: dict(metavar='NAME'),
}


def names_in(text: str) -> list[str]:
    """The names in an argument such as `CC,NSS`."""
    return [name.strip() for name in text.split(',') if name.strip()]


def add_options(
    parser: argparse._ActionsContainer,
    owner: Callable[..., object],
    *names: str,
    **differences: dict[str, Any],
) -> None:
    """Add the options that a command passes on to `owner`.

    A field `map_bits: Literal[8, 16] = 8` becomes `--map-bits {8,16}`, a bool a flag, a collection
    of str `NAME[,NAME...]`. A type that is written in no one way is left to the command.

    Args:
        parser: of the command, or a group of it.
        owner: a dataclass of options or a function; its docstring says what each of them means.
        names: those to add; by default all but `progress`.
        **differences: what else argparse should be given, by the name of the option.
    """
    hints, sentences = get_type_hints(owner), _sentences(owner)
    for name, parameter in inspect.signature(owner).parameters.items():
        form = _form_of(hints.get(name))
        if form is None or (name not in names if names else name == 'progress'):
            continue
        help = sentences.get(name, '').replace('%', '%%')
        if form != dict(action='store_true'):
            form['default'] = parameter.default
            if parameter.default not in (None, ()):
                help += ' (default: %(default)s)'
        form |= dict(help=help) | differences.get(name, {})
        if 'choices' in form:
            form.pop('metavar', None)
        parser.add_argument('--' + name.replace('_', '-'), **form)


def option_values(args: argparse.Namespace, owner: Callable[..., object]) -> dict[str, Any]:
    """The arguments of a command that `owner` takes, by name."""
    return {k: getattr(args, k) for k in inspect.signature(owner).parameters if hasattr(args, k)}


def given_options(args: argparse.Namespace, owner: Callable[..., object]) -> dict[str, Any]:
    """Those of `option_values` that differ from the defaults."""
    parameters = inspect.signature(owner).parameters
    values = option_values(args, owner)
    return {name: value for name, value in values.items() if value != parameters[name].default}


def _form_of(hint: object) -> dict[str, Any] | None:
    """What argparse needs to know of a type; None where it is not for the command line."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if kinds == (bool,):
        return dict(action='store_true')
    for kind in kinds:
        if get_origin(kind) is Literal:
            choices = get_args(kind)
            return dict(choices=choices, type=type(choices[0]))
        if get_origin(kind) in (Sequence, Collection) and get_args(kind) == (str,):
            return dict(type=names_in, metavar='NAME[,NAME...]')
    return next((dict(form) for kind, form in _FORMS.items() if kind in kinds), None)


def _sentences(owner: Callable[..., object]) -> dict[str, str]:
    """What a docstring says of each attribute or argument."""
    section = re.search(
        r'^(?:Args|Attributes):\n(.*?)(?:\n\n|\Z)', inspect.getdoc(owner) or '', re.M | re.S
    )
    entries = re.split(r'^ {4}(?=\S)', section[1], flags=re.M) if section else []
    named = (entry.partition(':') for entry in entries if entry)
    return {name: ' '.join(text.split()).rstrip('.').replace('`', '') for name, _, text in named}
