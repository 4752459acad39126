"""Print a script with which a shell completes the commands and options of salkit.

bash: add `source <(salkit completion bash)` to ~/.bashrc; zsh: write the script to a file _salkit
in a folder of $fpath; fish: write it to ~/.config/fish/completions/salkit.fish.
"""

from __future__ import annotations

import argparse
import importlib

SHELLS = ('bash', 'zsh', 'fish')
_CONFIGS = '_salkit_configs'
# Arguments that name a config.
_NAMED = ('config', 'configs', 'model', 'base')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit completion`."""
    parser.add_argument('shell', choices=SHELLS, help='which shell')


def _parsers() -> tuple[argparse.ArgumentParser, list[argparse.ArgumentParser]]:
    """The parser of all commands, and those of each."""
    from . import COMMANDS

    whole = argparse.ArgumentParser(prog='salkit', description='Video saliency prediction.')
    commands, parsers = whole.add_subparsers(), []
    for name, text in COMMANDS.items():
        parser = commands.add_parser(name, help=text)
        module = importlib.import_module(f'.{name.replace("-", "_")}', __package__)
        module.add_arguments(parser)
        parsers.append(parser)
    return whole, parsers


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    from ..checkpoints.shipped import shipped_files
    from ..config.find import config_names
    from ..errors import ConfigError

    try:
        import shtab
    except ImportError as error:
        raise ConfigError("completion needs shtab: pip install 'salkit[completion]'") from error

    configs = config_names()
    known = [*shipped_files(), *(name.rpartition('/')[2] for name in configs), *configs]
    names = ' '.join(known)
    preamble = {
        'bash': f'{_CONFIGS}() {{ compgen -f -- "$1"; compgen -W "{names}" -- "$1"; }}',
        'zsh': f'{_CONFIGS}() {{ _files; compadd -- {names} }}',
    }
    models = {
        'bash': _CONFIGS,
        'zsh': _CONFIGS,
        'fish': f'(__fish_complete_path (commandline -ct)) {names}',
    }
    whole, parsers = _parsers()
    for parser in parsers:
        for action in parser._actions:
            takes_text = action.nargs != 0 and action.choices is None
            if takes_text and action.type not in (int, float):
                where = models if action.dest in _NAMED else shtab.FILE
                action.complete = where  # type: ignore[attr-defined]
    print(shtab.complete(whole, args.shell, preamble=preamble.get(args.shell, '')))
    return 0
