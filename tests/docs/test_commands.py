"""Every command in the documents: it runs, or its block says why not, and its options exist."""

import argparse
import contextlib
import importlib
import io
import itertools
import re
import shlex

import pytest
from doc_pages import PAGES, ROOT, blocks_of, salkit_calls
from doc_reader import Reader
from doc_stage import lay_out

from salkit.cli import COMMANDS
from salkit.config import load_config, parse_options
from salkit.config.find import config_names
from salkit.errors import ConfigError

pytestmark = pytest.mark.skipif(not PAGES, reason='the tests run without a checkout')
BLOCKS = {page: blocks_of(page) for page in PAGES}
COMMAND_PAGES = [page for page in PAGES if any(b.kind == 'commands' for b in BLOCKS[page])]
# test_tutorials.py follows those.
RUN_PAGES = [
    page
    for page in PAGES
    if page.parent.name != 'tutorials' and any(block.is_run for block in BLOCKS[page])
]
_GROUPS = {name.split('/')[0] for name in config_names()}
_INLINE = re.compile(r'(?<!`)`salkit ([a-z|-]+) ([^`]*)`')
_NAME = re.compile(rf'(?:salkit::|configs/)?((?:{"|".join(_GROUPS)})/[\w.-]+?)(?:\.py)?')


def page_name(page):
    return str(page.relative_to(ROOT))


@pytest.mark.slow
@pytest.mark.parametrize('page', RUN_PAGES, ids=page_name)
def test_blocks_without_a_mark_run(page, nursery, tmp_path):
    Reader(tmp_path, nursery, lay_out).follow(BLOCKS[page])


@pytest.mark.parametrize('page', COMMAND_PAGES, ids=page_name)
def test_options_and_configs_exist(page):
    faults = [
        f'{page_name(page)}:{line}: {command}\n  {fault}'
        for block in BLOCKS[page]
        if block.kind == 'commands'
        for line, command, _ in block.commands()
        for fault in faults_of(command)
    ]
    assert not faults, '\n'.join(faults)


@pytest.mark.parametrize('page', PAGES, ids=page_name)
def test_options_in_sentences_exist(page):
    for names, arguments in _INLINE.findall(page.read_text(encoding='utf-8')):
        for name in set(names.split('|')) - {'help'}:
            options = parser_of(name)._option_string_actions
            for option in re.findall(r'(?<![\w-])--[a-z][\w-]*', arguments):
                assert option in options, f'salkit {name} has no {option}'


def test_marks_say_why_and_name_tests_that_exist():
    for blocks in BLOCKS.values():
        for block in blocks:
            assert block.marks.get('not run', 'why') and block.marks.get('not compared', 'why'), (
                f'{block.place}: the mark does not say why'
            )
            if named := block.marks.get('run in'):
                path, _, test = named.partition('::')
                assert (ROOT / path).is_file() and f'def {test}(' in (ROOT / path).read_text(), (
                    f'{block.place}: there is no test {named}'
                )


def parser_of(command):
    """The parser of one command of salkit."""
    module = importlib.import_module(f'salkit.cli.{command.replace("-", "_")}')
    parser = argparse.ArgumentParser(prog=command)
    module.add_arguments(parser)
    parser.add_argument('--traceback', action='store_true')
    return parser


def faults_of(command):
    """What is wrong with one command: a line each."""
    words = shlex.split(command, comments=True) if command.count("'") % 2 == 0 else command.split()
    for runner, what in itertools.pairwise(words):
        own = re.fullmatch(r'(?:benchmarks|tests|tools|examples)/[\w./-]+', what)
        is_run = runner.rpartition('/')[2] in ('python', 'bash', 'pytest', 'octave-cli')
        if is_run and own and not (ROOT / what).exists():
            yield f'there is no {what}'
        if runner == 'make' and not re.search(rf'^{what}:', (ROOT / 'Makefile').read_text(), re.M):
            yield f'the Makefile has no {what}'
    for call in salkit_calls(command):
        yield from _faults_of_call(call)


def _faults_of_call(call):
    if not call or call[0].startswith('-'):
        return
    name, *arguments = call
    if name not in COMMANDS:
        yield f'salkit has no command {name}'
        return
    parser = parser_of(name)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            args = parser.parse_intermixed_args(arguments)
    except SystemExit as left:
        if left.code:
            yield said.getvalue().splitlines()[-1]
        return
    named = [
        part
        for role, value in vars(args).items()
        if role in ('config', 'configs', 'model', 'models', 'base', 'what')
        for part in (value if isinstance(value, list) else [value])
        if isinstance(part, str)
    ]
    yield from (
        f'there is no config {part}'
        for part in named
        if (match := _NAME.fullmatch(part)) and match[1] not in config_names()
    )
    options, config = getattr(args, 'cfg_options', None), getattr(args, 'config', None)
    shipped = _NAME.fullmatch(config) if isinstance(config, str) else None
    if options and shipped and not any('$' in option for option in options):
        try:
            load_config(shipped[1], parse_options(options))
        except ConfigError as error:
            # A document may speak of a plugin that its reader has.
            if 'no installed plugin' not in str(error):
                yield str(error)
