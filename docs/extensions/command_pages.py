"""A page for each command, from its parser."""

from __future__ import annotations

import argparse
import importlib
import os
import textwrap

from markup import block, heading, plain

from salkit.cli import COMMANDS
from salkit.cli.parser import EXAMPLES, CommandParser

# Usage as in a terminal of this width, wherever the site is built.
WIDTH = '88'


def command_pages() -> dict[str, str]:
    """The text of every page by its path."""
    columns, os.environ['COLUMNS'] = os.environ.get('COLUMNS'), WIDTH
    try:
        pages = {f'commands/{name}.rst': command_page(name) for name in COMMANDS}
        return {'commands.inc': _list_of_commands(), **pages}
    finally:
        os.environ.pop('COLUMNS')
        if columns is not None:
            os.environ['COLUMNS'] = columns


def _list_of_commands() -> str:
    lines = [
        f'| [`salkit {name}`](reference/commands/{name}.rst) | {text} |'
        for name, text in COMMANDS.items()
    ]
    return '\n'.join(['| | |', '|---|---|', *lines, ''])


def command_page(command: str) -> str:
    """What `salkit COMMAND --help` says."""
    module = importlib.import_module(f'salkit.cli.{command.replace("-", "_")}')
    parser = CommandParser(f'salkit {command}', module, EXAMPLES.get(command, ''))
    parts = [
        heading(f'salkit {command}'),
        plain(parser.description or '') + '\n',
        block(f'{parser.format_usage()}\n{parser.example}'),
        f'.. program:: salkit {command}\n',
    ]
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if not _is_hidden(action)]
        if not actions:
            continue
        parts.append(heading(_capitalized(group.title or ''), '-'))
        if group.description:
            parts.append(plain(group.description) + '\n')
        parts += [_option(parser, action) for action in actions]
    if parser.epilog:
        parts.append(block(textwrap.dedent(parser.epilog)))
    return '\n'.join(parts)


def _is_hidden(action: argparse.Action) -> bool:
    return action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction)


def _capitalized(title: str) -> str:
    return title[:1].upper() + title[1:]


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    if action.option_strings:
        name = formatter._format_action_invocation(action)
    else:
        name = formatter._metavar_formatter(action, action.dest)(1)[0]
    help_text = formatter._expand_help(action) if action.help else ''
    return block(plain(help_text), f'option:: {name}')
