import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from salkit.cli.options import add_options, given_options, option_values


@dataclass(frozen=True)
class Options:
    """What is done.

    Attributes:
        out: file to write, see `whole_file`.
        names: only these, 100 % of
            them.
        bits: of a value.
        sigma_px: width.
        keep_all: nothing is dropped.
        size: (H, W).
        tell: gets lines.
        progress: show a bar.

    Raises:
        ValueError: never.
    """

    out: str | Path | None = None
    names: Sequence[str] | None = None
    bits: Literal[8, 16] = 8
    sigma_px: float = 1.5
    keep_all: bool = False
    size: tuple[int, int] | None = None
    tell: Callable[[str], None] = print
    progress: bool = False


def parser_of(*names, **differences):
    parser = argparse.ArgumentParser('prog')
    add_options(parser, Options, *names, **differences)
    return parser


def test_an_option_for_every_field_that_can_be_written():
    args = parser_of().parse_args([])
    assert vars(args) == dict(out=None, names=None, bits=8, sigma_px=1.5, keep_all=False)
    assert Options(**option_values(args, Options)) == Options() and not given_options(args, Options)
    argv = ['--out', 'a/b', '--names', 'CC,NSS', '--bits', '16', '--sigma-px', '2', '--keep-all']
    args = parser_of().parse_args(argv)
    expected = dict(out=Path('a/b'), names=['CC', 'NSS'], bits=16, sigma_px=2.0, keep_all=True)
    assert option_values(args, Options) == given_options(args, Options) == expected


@pytest.mark.parametrize('argv', [['--bits', '9'], ['--sigma-px', 'x'], ['--progress'], ['--size']])
def test_what_is_no_option_or_value_of_it(argv):
    with pytest.raises(SystemExit):
        parser_of().parse_args(argv)


def test_the_docstring_helps():
    text = ' '.join(parser_of().format_help().split())
    for line in (
        '--out PATH file to write, see whole_file',
        '--names NAME[,NAME...] only these, 100 % of them',
        '--bits {8,16} of a value (default: 8)',
        '--sigma-px X width (default: 1.5)',
        '--keep-all nothing is dropped',
    ):
        assert line in text
    assert 'ValueError' not in text


def test_some_of_them_and_with_differences():
    parser = parser_of('names', 'bits', names=dict(nargs='+', type=str))
    assert vars(parser.parse_args(['--names', 'a', 'b'])) == dict(names=['a', 'b'], bits=8)
