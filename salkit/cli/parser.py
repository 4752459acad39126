"""The parser of a command: what is said of a mistake is short, and shows what would be right."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from ..utils.text import nearest_names
from .json_output import JSON, with_place

# Command -> what it is called like; `salkit COMMAND --help` ends with it.
EXAMPLES = {
    'prepare': 'prepare folder my-videos my-data --gaze gaze.csv --recipe dhf1k',
    'check': 'check my-data',
    'cache': 'cache umt-l16_cc-kl --cfg-options data_root=my-data',
    'browse': 'browse umt-tiny_cc-kl --out clips',
    'train': 'train umt-l16_cc-kl --cfg-options data_root=my-data',
    'plot': 'plot work_dirs/umt-l16_cc-kl --out curves.png',
    'test': 'test work_dirs/umt-l16_cc-kl --out scores.json',
    'predict': 'predict clip.mp4 --overlay',
    'regions': 'regions clip.mp4 --regions regions.json',
    'reframe': 'reframe clip.mp4 --aspect 9:16',
    'convert': 'convert work_dirs/umt-l16_cc-kl mine.safetensors',
    'export': 'export lite0 --out lite0.onnx',
    'serve': 'serve --open',
    'profile': 'profile lite0 umt-b8_cc-kl',
    'benchmark': 'benchmark infer lite0',
    'tables': 'tables 3',
    'sweep': 'sweep table1 --demo --dry-run',
    'score': 'score my-maps my-data --protocol dhf1k-matlab --out scores.json',
    'compare': 'compare reference.json mine.json',
    'leaderboard': 'leaderboard a.json b.json --out report.html',
    'baseline': 'baseline center --dataset-root my-data --out center',
    'density': 'density gaze.csv --recipe dhf1k --size 640x360 --out maps',
    'protocols': 'protocols dhf1k-matlab',
    'plugins': 'plugins --verbose',
    'new-plugin': 'new-plugin my-vfm',
    'demo': 'demo',
    'completion': 'completion bash',
}


def add_all_arguments(parser: argparse.ArgumentParser, module: ModuleType) -> None:
    """The arguments of a command, and those that every command takes."""
    module.add_arguments(parser)
    parser.add_argument(
        '--traceback', action='store_true', help='show where an error comes from, not just what'
    )


class CommandParser(argparse.ArgumentParser):
    """Says of a mistake how the command is called, with an example, and not all its options.

    Args:
        prog: how it was called.
        module: of the command.
        example: arguments, the command's name first; '' for none.
    """

    def __init__(self, prog: str, module: ModuleType, example: str = '') -> None:
        super().__init__(prog=prog, description=module.__doc__)
        add_all_arguments(self, module)
        usage = argparse.HelpFormatter(f'{prog} [options]')
        needed = [each for each in self._actions if each.required or not each.option_strings]
        usage.add_usage(None, needed, ())
        # Asked now: while arguments are read in two steps, some are hidden.
        self.short_usage = usage.format_help().rstrip()
        _, _, arguments = example.partition(' ')
        self.example = f'such as: {prog} {arguments}'.rstrip() if example else ''

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """The arguments; names of files may stand on both sides of options."""
        names = {name for action in self._actions for name in action.option_strings}
        return self.parse_intermixed_args(with_place(argv) if JSON in names else list(argv))

    def format_help(self) -> str:
        """The help, which ends with the example."""
        return '\n\n'.join(filter(None, [super().format_help().rstrip(), self.example])) + '\n'

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave with status 2."""
        lines = [self.short_usage, self.example, f'all options: {self.prog} --help']
        print(*filter(None, lines), sep='\n', file=sys.stderr)
        unknown = re.match(r'unrecognized arguments: (--[\w-]+)', message)
        if unknown:
            options = [name for name in self._option_string_actions if name.startswith('--')]
            hint = nearest_names(unknown[1], options, most=2, cutoff=0.7)
            message += f'; {hint}' if hint.startswith('did') else ''
        self.exit(2, f'{self.prog}: error: {message}\n')
