"""What commands print: names of files may not steer the terminal, nor stop the command."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO, cast

from ..errors import printable

# Progress bars begin their line anew, and move between the lines of several in writes of their own.
_MOVES = re.compile(r'\r|(?:\n|\x1b\[A)*\Z')


class _PlainStream:
    """A text stream in which control characters are written out, but for ends of lines.

    So is what the stream's encoding does not have.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, and give its length."""
        match = _MOVES.match(text)
        moves = match[0] if match else ''
        plain = '\n'.join(map(printable, text[len(moves) :].split('\n')))
        encoding = getattr(self._stream, 'encoding', None) or 'utf-8'
        self._stream.write(moves + plain.encode(encoding, 'backslashreplace').decode(encoding))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextmanager
def plain_output() -> Iterator[None]:
    """Print nothing but text in a block, on either stream."""
    # Colors are control characters, too.
    os.environ.setdefault('NO_COLOR', '1')
    with (
        redirect_stdout(cast(TextIO, _PlainStream(sys.stdout))),
        redirect_stderr(cast(TextIO, _PlainStream(sys.stderr))),
    ):
        yield
