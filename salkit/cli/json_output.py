"""`--json`: what a command found out, for programs. It means the same in every command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

JSON = '--json'
STDOUT = '-'
# What `only_json` keeps for it; not with the arguments, which are sent to other processes.
_streams: list[TextIO] = []


def add_json_argument(parser: argparse._ActionsContainer, *others: str) -> None:
    """`--json [FILE.json]`.

    Args:
        parser: of the command, or a group of it.
        others: names that it had before.
    """
    parser.add_argument(
        JSON,
        *others,
        dest='json',
        nargs='?',
        const=STDOUT,
        metavar='FILE.json',
        help='print what was found out as JSON and nothing else; or write it to FILE.json as well',
    )


def with_place(argv: Sequence[str]) -> list[str]:
    """Arguments whose `--json` says that it prints, unless a file stands behind it.

    A word behind it is that file where it ends in .json; another one is what the command works on.
    """
    words = list(argv)
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ''
        if word == JSON and following != STDOUT and not following.lower().endswith('.json'):
            words[place] = f'{JSON}={STDOUT}'
    return words


@contextmanager
def only_json(args: argparse.Namespace) -> Iterator[None]:
    """Print nothing in a block but what `give_json` is given, where `--json` names no file.

    Raises:
        ConfigError: it names a file that is there and holds something else.
    """
    place = getattr(args, 'json', None)
    if place is None:
        yield
    elif place != STDOUT:
        from ..utils.files import check_json_place

        check_json_place(place)
        yield
    else:
        _streams.append(sys.stdout)
        try:
            with open(os.devnull, 'w', encoding='utf-8') as nowhere, redirect_stdout(nowhere):
                yield
        finally:
            _streams.pop()


def give_json(args: argparse.Namespace, content: object) -> None:
    """Print or write plain values, where `--json` asks for them."""
    if args.json is None:
        return
    from ..utils.files import json_text, write_json

    if args.json == STDOUT:
        print(json_text(content), file=_streams[-1], flush=True)
    else:
        write_json(content, args.json)
