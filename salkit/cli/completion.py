"""Print a script with which a shell completes the commands and options of salkit.

bash: add `source <(salkit completion bash)` to ~/.bashrc; zsh: write the script to a file _salkit
in a folder of $fpath; fish: write it to ~/.config/fish/completions/salkit.fish.
"""

from __future__ import annotations

import argparse
import importlib

from .parser import add_all_arguments

SHELLS = ('bash', 'zsh', 'fish')
# Arguments that are named alike in all commands -> what they name; any other is a file.
_KINDS = {
    **dict.fromkeys(('config', 'configs', 'model', 'base'), 'models'),
    **dict.fromkeys(('protocol', 'compare'), 'protocols'),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit completion`."""
    parser.add_argument('shell', choices=SHELLS, help='which shell')


def _parsers() -> tuple[argparse.ArgumentParser, list[argparse.ArgumentParser]]:
    """The parser of all commands, and those of each."""
    from . import COMMANDS

    whole = argparse.ArgumentParser(prog='salkit', description='Video saliency prediction.')
    whole.add_argument('--version', action='store_true')
    commands, parsers = whole.add_subparsers(), []
    help_parser = commands.add_parser('help', help='say what a command takes')
    help_parser.add_argument('command', nargs='?', choices=list(COMMANDS))
    for name, text in COMMANDS.items():
        parser = commands.add_parser(name, help=text)
        module = importlib.import_module(f'.{name.replace("-", "_")}', __package__)
        add_all_arguments(parser, module)
        parsers.append(parser)
    return whole, parsers


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    from ..checkpoints.shipped import shipped_files
    from ..config.find import config_names
    from ..errors import ConfigError
    from ..metrics import protocol_names

    try:
        import shtab
    except ImportError as error:
        raise ConfigError("completion needs shtab: pip install 'salkit[completion]'") from error

    configs = config_names()
    known = {
        'models': [*shipped_files(), *(name.rpartition('/')[2] for name in configs), *configs],
        'protocols': protocol_names(),
    }
    preamble, places = [], {}
    for kind, names in known.items():
        function, words = f'_salkit_{kind}', ' '.join(names)
        fish = f'(__fish_complete_path (commandline -ct)) {words}'
        places[kind] = dict(bash=function, zsh=function, fish=fish)
        preamble += {
            'bash': [f'{function}() {{ compgen -f -- "$1"; compgen -W "{words}" -- "$1"; }}'],
            'zsh': [f'{function}() {{ _files; compadd -- {words} }}'],
        }.get(args.shell, [])
    whole, parsers = _parsers()
    for parser in parsers:
        for action in parser._actions:
            takes_text = action.nargs != 0 and action.choices is None
            if takes_text and action.type not in (int, float):
                place = places.get(_KINDS.get(action.dest, ''), shtab.FILE)
                action.complete = place  # type: ignore[attr-defined]
    print(shtab.complete(whole, args.shell, preamble='\n'.join(preamble)))
    return 0
