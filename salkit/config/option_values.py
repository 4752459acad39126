"""What a value on the command line stands for: `16`, `[a,b]`, `dict(type=CCLoss)`, `"a, b"`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ..errors import ConfigError

_CLOSING = {'[': ']', '(': ')', '{': '}'}
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")
_CALL = re.compile(r'dict\s*(?=\()')
_NUMBERS: tuple[Callable[[str], object], ...] = (int, float)
# Of dicts and lists within each other, wherever a config comes from; salkit's have 8.
MOST_DEPTH = 50


def parse_value(text: str) -> object:
    """Read a value.

    Args:
        text: a number, true, false, None, a word; lists `[a,b]` or `a,b`, tuples `(a,b)`, dicts
            `{'a': 1}` or `dict(a=1)` of such. What stands in quotes is text as it is, commas and
            brackets included.

    Raises:
        ConfigError: brackets that do not match, or too many within each other.
    """
    parts = _split(text, ',')
    return _value_of(text) if len(parts) == 1 else [_value_of(part) for part in _filled(parts)]


def _value_of(text: str) -> object:
    text = text.strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return quoted[1] if quoted[1] is not None else quoted[2]
    call = _CALL.match(text)
    bracket = text[call.end() :] if call else text
    # A bracket is a value where it closes at the end, else a part of a word.
    if bracket[:1] not in _CLOSING or next(_ends(bracket)) != len(bracket) - 1:
        return _word(text)
    inner = bracket[1:-1]
    if call or bracket[0] == '{':
        return _dict_of(inner, '=' if call else ':')
    items = [_value_of(part) for part in _filled(_split(inner, ','))]
    return tuple(items) if bracket[0] == '(' else items


def _dict_of(text: str, sign: str) -> dict[str, object]:
    """The dict whose entries are `key<sign>value, ...`."""
    entries = {}
    for part in _filled(_split(text, ',')):
        key, *value = _split(part, sign)
        name = _value_of(key)
        if not value or not isinstance(name, str) or not name:
            raise ConfigError(f'expected entries key{sign}value in a dict, got {part.strip()!r}')
        entries[name] = _value_of(sign.join(value))
    return entries


def _word(text: str) -> object:
    for number in _NUMBERS:
        try:
            return number(text)
        except ValueError:
            pass
    # As Python writes it alone: a folder may be called none.
    return None if text == 'None' else {'true': True, 'false': False}.get(text.lower(), text)


def _filled(parts: list[str]) -> list[str]:
    """Parts less an empty last one: a comma may end a list."""
    return parts if parts[-1].strip() else parts[:-1]


def _split(text: str, sign: str) -> list[str]:
    """The parts of a text between those of a sign that stand in no bracket and no quotes."""
    parts, start = [], 0
    for place, char, depth in _outside_quotes(text):
        if char == sign and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _ends(text: str) -> Iterator[int]:
    """Where the outermost brackets of a text close."""
    return (i for i, char, depth in _outside_quotes(text) if depth == 0 and char in ')]}')


def _outside_quotes(text: str) -> Iterator[tuple[int, str, int]]:
    """Place, character and the brackets still open after it, for all that stands in no quotes.

    Raises:
        ConfigError: brackets that do not match.
    """
    expected: list[str] = []
    # Quotes begin where a value does: an apostrophe may be a part of a word.
    place, begins = 0, True
    while place < len(text):
        char = text[place]
        quoted = _QUOTED.match(text, place) if begins else None
        if quoted:
            place = quoted.end()
            begins = False
            continue
        if char in _CLOSING:
            expected.append(_CLOSING[char])
        elif char in ')]}' and (not expected or expected.pop() != char):
            expected = [char]
            break
        if len(expected) > MOST_DEPTH:
            raise ConfigError(f'expected brackets within each other up to {MOST_DEPTH} deep')
        yield place, char, len(expected)
        begins = char in '[({,:=' or (begins and char.isspace())
        place += 1
    if expected:
        raise ConfigError('Imbalanced brackets; text that holds some needs quotes')
