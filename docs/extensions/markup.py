"""reStructuredText in small."""

from __future__ import annotations

import re
import textwrap

# Code, and whatever is not.
_CODE = re.compile(r'(``.+?``|`[^`]+`)', re.DOTALL)


def heading(text: str, line: str = '=') -> str:
    """A heading."""
    return f'{text}\n{line * len(text)}\n'


def plain(text: str) -> str:
    """`text` in which nothing is markup but what stands in backticks.

    Which may touch letters, as in `Plugin`s. An address such as https://HOST/FILE is no link.
    """
    parts = _CODE.split(text)
    parts[::2] = [re.sub(r'([*|\\<>]|_\b|:(?=//[A-Z]))', r'\\\1', part) for part in parts[::2]]
    for number in range(1, len(parts), 2):
        before, after = parts[number - 1][-1:], parts[number + 1][:1]
        left = '\\ ' if before and not before.isspace() and before not in '([{-/\'"' else ''
        right = '\\ ' if after and after.isalnum() else ''
        parts[number] = f'{left}{parts[number]}{right}'
    return ''.join(parts)


def block(text: str, directive: str = 'code-block:: none') -> str:
    """A directive with its content."""
    return f'.. {directive}\n\n{textwrap.indent(text.strip(chr(10)), "   ")}\n'
