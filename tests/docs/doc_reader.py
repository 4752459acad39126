"""Does what a page says, block after block, in one folder, as somebody would who follows it."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import traceback

from doc_pages import ROOT
from make_env import make_env

# A decimal number or a time of day.
_NUMBER = re.compile(r'[-+]?\d+(?:\.\d+(?:e[-+]?\d+)?|(?::\d\d)+)')
# What only a shell understands.
_SHELL = re.compile(r'[|<>;&$`*?]|^\w+=')


class Reader:
    """Somebody who follows one page.

    Args:
        folder: an empty one, where commands run and files are made.
        nursery: of the fixture of this name.
        prepare: is called with what a block says before it runs, to lay out what the page speaks
            of; or None.
    """

    def __init__(self, folder, nursery, prepare=None):
        self.folder = folder / 'reader'
        self.folder.mkdir()
        self._beside = folder
        self._nursery = nursery
        self._prepare = prepare
        self._names = {'__name__': '__main__'}
        self._env = None
        self._shown = None

    def follow(self, blocks):
        """Run every block that is to be run, and compare what it prints.

        Raises:
            AssertionError: a command failed or printed something else; names the page and line.
        """
        for block in blocks:
            if 'file' in block.marks:
                path = self.folder / block.marks['file']
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text + '\n')
                self._shown = None
            elif block.is_run:
                if self._prepare:
                    self._prepare(self.folder, block.text)
                self._shown = self._run(block)
            else:
                is_shown = self._shown is not None and block.follows and block.is_output
                if is_shown and 'not compared' not in block.marks:
                    compare(self._shown, block.text, block.place, 'numbers vary' in block.marks)
                self._shown = None

    def _run(self, block):
        if block.kind == 'python':
            return self._python(block)
        printed, failed = [], 0
        for line, command, shown in block.commands():
            place = f'{block.place.rpartition(":")[0]}:{line}'
            status, out = self._command(command)
            failed += status != 0
            assert not status or 'fails' in block.marks, f'{place}: {command}\n{out}'
            if shown is not None and 'not compared' not in block.marks:
                compare(out, shown, place, 'numbers vary' in block.marks)
            printed.append(out)
        assert failed or 'fails' not in block.marks, f'{block.place}: nothing failed'
        return ''.join(printed)

    def _python(self, block):
        out, before = io.StringIO(), os.getcwd()
        # Lines of a traceback are those of the page.
        code = compile('\n' * (block.line - 1) + block.text, str(block.page), 'exec')
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(out):
                exec(code, self._names)
        except Exception as error:
            lines = traceback.extract_tb(error.__traceback__)
            line = next((at.lineno for at in lines if at.filename == str(block.page)), block.line)
            place = f'{block.place.rpartition(":")[0]}:{line}'
            raise AssertionError(f'{place}: {type(error).__name__}: {error}') from error
        finally:
            os.chdir(before)
        return out.getvalue()

    def _command(self, command):
        """(exit status, what is printed) of one line."""
        words = [] if _SHELL.search(command) else shlex.split(command, comments=True)
        if words[:1] == ['cd']:
            self.folder = (self.folder / words[1]).resolve()
            return (0, '') if self.folder.is_dir() else (1, f'{self.folder}: no such folder')
        if words[:1] == ['salkit']:
            return self._salkit(words[1:])
        if words[:1] in (['pip'], ['pytest']):
            if self._env is None:
                (self._beside / 'env').mkdir()
                self._env = make_env(self._beside / 'env')
            done = self._env.run(command, cwd=self.folder)
            return done.returncode, done.stdout + done.stderr
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get('PATH', '')])
        python_path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
        done = subprocess.run(
            ['bash', '-e', '-o', 'pipefail', '-c', command],
            cwd=self.folder,
            env={**os.environ, 'PATH': path, 'PYTHONPATH': python_path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    def _salkit(self, arguments):
        # What pip has installed is found as in an environment of its own.
        planted = f'import site\nsite.addsitedir({str(self._env.site)!r})' if self._env else ''
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            log = self._beside / 'printed.txt'
            log.unlink(missing_ok=True)
            status = self._nursery.start(arguments, log, planted).end()
        finally:
            os.chdir(before)
        return status, log.read_text()


def compare(printed, expected, place, numbers_vary=False):
    """Raise AssertionError where what was printed is not what a page shows.

    `...` stands for anything, a line of it for any lines. The ends of lines do not count, nor does
    what is printed before or after the lines that are shown.
    """
    got, wanted = _tidy(printed), _tidy(expected)
    if numbers_vary:
        # Spaces that keep columns in line depend on them.
        got, wanted = (_NUMBER.sub('#', text).replace(' ', '') for text in (got, wanted))
    pattern = '.*?'.join(map(re.escape, wanted.split('...')))
    assert re.search(f'^{pattern}$', got, re.MULTILINE | re.DOTALL), (
        f'{place}: shows\n{wanted}\n--- but this is printed:\n{got}'
    )


def _tidy(text):
    # A bar that is drawn again and again leaves its last state.
    lines = (line.rpartition('\r')[2].rstrip() for line in text.strip().splitlines())
    return '\n'.join(lines)
