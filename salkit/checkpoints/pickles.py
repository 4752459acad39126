"""What a pickle makes, added up before anything of it is made.

PyTorch's safe loader runs no code of a file, but makes whatever the file describes: a key of nested
tuples that refer to each other takes for ever to look up, or more stack than there is; an array is
as large as a number says.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import BinaryIO

# A tensor takes some 40 instructions; those of any checkpoint stay far below, as do their keys.
MOST_INSTRUCTIONS = 2_000_000
MOST_DEPTH = 100
MOST_VALUES = 100_000_000

_CONSTANTS = {
    *('NONE', 'NEWTRUE', 'NEWFALSE', 'BININT', 'BININT1', 'BININT2', 'LONG1', 'BINFLOAT'),
    *('BINUNICODE', 'SHORT_BINSTRING', 'GLOBAL'),
    *('EMPTY_TUPLE', 'EMPTY_LIST', 'EMPTY_DICT', 'EMPTY_SET'),
}
_TUPLES = {'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}


@dataclass(slots=True)
class _Made:
    """Something on the unpickler's stack: how many values it holds, how deep, or which it is."""

    size: int = 1
    depth: int = 0
    value: object = None

    def take(self, items: list[_Made]) -> None:
        self.size += sum(item.size for item in items)
        self.depth = max(self.depth, 1 + max((item.depth for item in items), default=0))


def check_pickle(file: BinaryIO) -> None:
    """Follow the pickle at the position of `file` up to its end without making what it describes.

    Known are the instructions that PyTorch's safe loader takes.

    Raises:
        ValueError: another instruction, a broken pickle, or one that asks for too much.
    """
    try:
        _follow(file)
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError('its pickle is broken') from error


def _follow(file: BinaryIO) -> None:
    stack: list[_Made] = []
    marked: list[list[_Made]] = []
    memo: dict[object, _Made] = {}
    # What is looked up or handed to a function is gone through as often as it is named.
    walked = 0
    for number, (code, argument, _) in enumerate(pickletools.genops(file)):
        if number == MOST_INSTRUCTIONS:
            raise ValueError(f'its pickle has more than {MOST_INSTRUCTIONS} instructions')
        name = code.name
        if name in _CONSTANTS:
            stack.append(_Made(value=argument))
        elif name in ('BINPUT', 'LONG_BINPUT'):
            memo[argument] = stack[-1]
        elif name in ('BINGET', 'LONG_BINGET'):
            stack.append(memo[argument])
        elif name == 'MARK':
            marked.append(stack)
            stack = []
        elif name in ('TUPLE', *_TUPLES):
            count = _TUPLES.get(name, len(stack))
            items = stack[len(stack) - count :]
            stack = marked.pop() if name == 'TUPLE' else stack[: len(stack) - count]
            made = _Made(value=items[:2])
            made.take(items)
            stack.append(made)
        elif name in ('APPENDS', 'SETITEMS'):
            items, stack = stack, marked.pop()
            stack[-1].take(items)
            if name == 'SETITEMS':
                walked += sum(key.size for key in items[::2])
        elif name == 'APPEND':
            item = stack.pop()
            stack[-1].take([item])
        elif name == 'SETITEM':
            value, key = stack.pop(), stack.pop()
            stack[-1].take([key, value])
            walked += key.size
        elif name in ('REDUCE', 'NEWOBJ', 'BUILD'):
            given = stack.pop()
            walked += given.size
            if name != 'BUILD':
                _check_call(stack.pop().value, given.value)
                stack.append(_Made(given.size, given.depth))
        elif name == 'BINPERSID':
            stack[-1] = _Made()
        elif name not in ('PROTO', 'STOP'):
            raise ValueError(f'its pickle has the instruction {name}')
        if stack and stack[-1].depth > MOST_DEPTH:
            raise ValueError(f'its pickle nests values more than {MOST_DEPTH} deep')
        if walked > MOST_VALUES or (stack and stack[-1].size > MOST_VALUES):
            raise ValueError(f'its pickle stands for more than {MOST_VALUES} values')


def _check_call(function: object, arguments: object) -> None:
    """Refuse what takes time or memory by its arguments' values, not by their size."""
    values = [item.value for item in arguments] if isinstance(arguments, list) else []
    if function in ('builtins bytearray', '__builtin__ bytearray') and any(
        isinstance(value, int) for value in values
    ):
        raise ValueError('its pickle asks for an array of a given size')
    if function == '_codecs encode' and values[1:] != ['latin1']:
        raise ValueError('its pickle encodes text in another way than pickle does')
