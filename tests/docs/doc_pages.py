"""Reads the documents: their fenced blocks, and the marks that say what tests do with them.

A mark is an HTML comment right above a block; nobody sees it on GitHub, nor in the built pages.
Without one, commands and Python run, what they print is compared with the block that follows, and
other blocks are left alone.

    <!-- not run: needs DHF1K -->            why no test runs the block
    <!-- not run below: needs DHF1K -->      nor any other up to the next heading of this level or a
                                             higher one; under the title: of the page
    <!-- run -->                             runs, whatever stands further above
    <!-- run in: tests/x.py::test_y -->      that test runs it
    <!-- fails -->                           a command of the block fails, as the page shows
    <!-- file: gaze.csv -->                  the block is a file in the folder of the reader
    <!-- numbers vary -->                    of what is printed, decimals are not compared
    <!-- not compared: of the whole set -->  nor is any of it
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import salkit
from salkit.cli import COMMANDS

ROOT = Path(salkit.__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ('README.md', 'CONTRIBUTING.md', 'docs/**/*.md', 'configs/*/README.md')
    for path in ROOT.glob(pattern)
)
MARKS = (
    *('not run', 'not run below', 'run', 'run in', 'fails', 'file'),
    *('numbers vary', 'not compared'),
)
# What a block without a language starts with if it holds commands.
PROGRAMS = (
    *('salkit', 'python', 'pip', 'pytest', 'make', 'git', 'bash', 'cd', 'cp', 'rm', 'mkdir', 'for'),
    *('ray', 'torchrun', 'mpirun', 'octave-cli', 'tensorboard', 'export', 'sphinx-build'),
)
_FENCE = re.compile(r'^( *)(```+)\s*(\S*)')
_MARK = re.compile(r'^\s*<!-- (.*?) -->\s*$')


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the file that it stands in.
        line: of its first line of text, from 1.
        language: behind the fence; empty where there is none.
        text: without the fences and their indentation.
        marks: by name, with what is said behind the colon.
        follows: whether there is a block above it in the same section.
    """

    page: Path
    line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)
    follows: bool = False

    @property
    def place(self):
        """Where to look: `docs/data.md:22`."""
        return f'{self.page.relative_to(ROOT)}:{self.line}'

    @property
    def kind(self):
        """`commands`, `python`, or `text`, which is never run."""
        if self.language in ('bash', 'sh', 'console', 'shell'):
            return 'commands'
        if self.language == 'python':
            return 'python'
        return 'commands' if not self.language and self._starts_with_program() else 'text'

    @property
    def is_run(self):
        """Whether it is to be run in the folder of its page."""
        told = {'not run', 'run in', 'file'} & set(self.marks)
        return self.kind != 'text' and not told

    @property
    def is_output(self):
        """Whether it may be what the block above prints, rather than a file or a piece of code."""
        return self.kind == 'text' and self.language in ('', 'text')

    def _starts_with_program(self):
        words = [word for word in self.text.split() if not _is_setting(word)]
        name = words[0].rpartition('/')[2] if words else ''
        # `salkit train: error: ...` is what it says.
        is_call = name in PROGRAMS and not (len(words) > 1 and words[1].endswith(':'))
        return is_call or name == '$' or name.endswith('.sh')

    def commands(self):
        """(line, command, shown) of each of its commands.

        `shown` is what a `console` block says that the command prints, None where it says nothing.
        Lines that end with a backslash are put together; comments are left out.
        """
        found = []
        lines = iter(enumerate(self.text.splitlines(), self.line))
        prompted = any(line.startswith('$ ') for line in self.text.splitlines())
        for number, line in lines:
            if prompted and not line.startswith('$ '):
                if found:
                    found[-1][2].append(line)
                continue
            command = line.removeprefix('$ ') if prompted else line
            while command.endswith('\\'):
                command = command[:-1].rstrip() + ' ' + next(lines)[1].strip()
            if command.strip() and not command.lstrip().startswith('#'):
                found.append((number, command.strip(), []))
        return [
            (number, command, '\n'.join(shown) if any(shown) else None)
            for number, command, shown in found
        ]


def _is_setting(word):
    return re.match(r'\w+=', word) is not None


def blocks_of(page):
    """The fenced blocks of a page, in order.

    Raises:
        ValueError: a comment that looks like a mark but is none.
    """
    blocks, marks, below = [], {}, []
    open_block, level, alone = None, 0, False
    for number, line in enumerate(page.read_text(encoding='utf-8').splitlines(), 1):
        fence = _FENCE.match(line)
        if open_block:
            indent, ticks, lines, first, language = open_block
            if fence and fence[2] == ticks and not fence[3]:
                inherited = {'not run': below[-1][1]} if below and 'run' not in marks else {}
                text = '\n'.join(part[indent:] for part in lines)
                blocks.append(Block(page, first, language, text, {**inherited, **marks}, alone))
                open_block, marks, alone = None, {}, True
            else:
                lines.append(line)
        elif fence:
            open_block = (len(fence[1]), fence[2], [], number + 1, fence[3])
        elif mark := _MARK.match(line):
            name, _, said = mark[1].partition(':')
            if name not in MARKS:
                if name.split()[0] in {part.split()[0] for part in MARKS}:
                    raise ValueError(f'{page.relative_to(ROOT)}:{number}: no mark: {line.strip()}')
                continue
            if name == 'not run below':
                below = [entry for entry in below if entry[0] < level]
                below.append((level, said.strip()))
            else:
                marks[name] = said.strip()
        elif heading := re.match(r'(#+) ', line):
            level, marks, alone = len(heading[1]), {}, False
            # A mark under the title is of the whole page.
            below = [entry for entry in below if entry[0] < level]
        elif line.strip():
            marks = {}
    return blocks


def salkit_calls(command):
    """The arguments of every call of salkit in a command: `salkit X ...`, `tools/x.py ...`.

    The command line stands first, as `X`; what a shell would put in place of variables is left.
    """
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return []
    calls = []
    for index, word in enumerate(words):
        script = re.fullmatch(r'(?:.*/)?tools/(\w+)\.py', word)
        shell = re.fullmatch(r'(?:.*/)?tools/(dist_train|slurm_train)\.sh', word)
        rest = words[index + 1 :]
        end = next((i for i, part in enumerate(rest) if part in ('|', '&&', ';', '>', '||')), None)
        rest = [part.rstrip(';') for part in rest[:end]]
        if word == 'salkit' and (not index or words[index - 1] not in ('install', '--no-deps')):
            calls.append(rest)
        elif script and script[1].replace('_', '-') in COMMANDS:
            calls.append([script[1].replace('_', '-'), *rest])
        elif shell:
            # Behind the config, dist_train has the number of GPUs, slurm_train its folder.
            first = 0 if shell[1] == 'dist_train' else 2
            own = rest[first : first + 1] + rest[first + 2 :]
            calls.append(['train', *own])
    return calls
