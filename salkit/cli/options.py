"""Arguments of a command from the options dataclass that they fill.

An option is written once, there: its name, type and default, and in the docstring what it means.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Collection, Sequence
from dataclasses import fields
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

# How the names of columns are given.
COLUMNS = dict(metavar='PROGRAM|ROLE=COLUMN,...')


def names_in(text: str) -> list[str]:
    """The names in an argument such as `CC,NSS`."""
    return [name.strip() for name in text.split(',') if name.strip()]


def add_options(
    parser: argparse._ActionsContainer, options: type, *names: str, **differences: dict[str, Any]
) -> None:
    """Add an option for each field of a dataclass.

    `map_bits: Literal[8, 16] = 8` becomes `--map-bits {8,16}`, a bool a flag, a collection of str
    `NAME[,NAME...]`. What is written in no one way, such as a size, is left to the command.

    Args:
        parser: of the command, or a group of it.
        options: the dataclass; the Attributes in its docstring are the help.
        names: of the fields; by default all but `progress`.
        **differences: what else argparse should be given, by the name of the field.
    """
    types, sentences = get_type_hints(options), _attributes(options)
    for field in fields(options):
        form = _form_of(types[field.name])
        if form is None or (field.name not in names if names else field.name == 'progress'):
            continue
        form['help'] = sentences.get(field.name, '').replace('%', '%%')
        if 'action' not in form:
            form['default'] = field.default
            if field.default not in (None, ()):
                form['help'] += ' (default: %(default)s)'
        form |= differences.get(field.name, {})
        parser.add_argument('--' + field.name.replace('_', '-'), **form)


def option_values(args: argparse.Namespace, options: type) -> dict[str, Any]:
    """The arguments of a command that are fields of a dataclass, by name."""
    names = (field.name for field in fields(options))
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def given_options(args: argparse.Namespace, options: type) -> dict[str, Any]:
    """Those of `option_values` that differ from the defaults."""
    defaults = {field.name: field.default for field in fields(options)}
    values = option_values(args, options)
    return {name: value for name, value in values.items() if value != defaults[name]}


def _form_of(hint: object) -> dict[str, Any] | None:
    """What argparse needs to know of a type; None where it is not for the command line."""
    # A union with a Literal is of the older kind.
    kinds = get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)
    if kinds == (bool,):
        return dict(action='store_true')
    for kind in kinds:
        if get_origin(kind) is Literal:
            return dict(choices=get_args(kind), type=type(get_args(kind)[0]))
        if get_origin(kind) in (Sequence, Collection) and get_args(kind) == (str,):
            return dict(type=names_in, metavar='NAME[,NAME...]')
    return next((dict(form) for kind, form in _FORMS.items() if kind in kinds), None)


def _attributes(options: type) -> dict[str, str]:
    """What the docstring of a dataclass says of each field."""
    text = inspect.getdoc(options) or ''
    section = re.search(r'^Attributes:\n(.*?)(?:\n\n|\Z)', text, re.M | re.S)
    entries = re.split(r'^ {4}(?=\S)', section[1], flags=re.M) if section else []
    named = (entry.partition(':') for entry in entries if entry)
    return {name: ' '.join(text.split()).rstrip('.').replace('`', '') for name, _, text in named}
