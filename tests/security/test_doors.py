"""Hostile files at every door: one line, the right exit status, nothing run, nothing written."""

import os
import re
import sys
from pathlib import Path

import pytest
from bounded import run_bounded
from doors import DOORS, write_templates
from hostile import TRAP

from salkit.cli import main
from salkit.errors import SalkitError, one_line
from salkit.web.uploads import Limits, open_upload

# Programs that readers of pictures are known to start.
PROGRAMS = ('gs', 'ghostscript', 'inkscape', 'rsvg-convert', 'magick', 'convert', 'ffmpeg')

# Bars, and what a command says that it is doing.
PROGRESS = r'.*\d+/\d+ \[|.* \.\.\.$|\d+ videos to|\s*$'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('doors')
    write_templates(root / 'templates')
    programs = root / 'programs'
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).write_text(f'#!/bin/sh\ntouch {TRAP}\nexit 1\n')
        (programs / name).chmod(0o755)
    return root


def run(here, argv):
    """What the child does."""
    os.chdir(here)
    os.environ |= dict(
        PATH=f'{here.parent}/programs:{os.environ["PATH"]}',
        SALKIT_CACHE=str(here / 'cache'),
        TMPDIR=str(here / 'tmp'),
        GRADIO_ANALYTICS_ENABLED='False',
    )
    return page_opens(Path(argv[1])) if argv[0] == 'page' else main(argv)


def page_opens(path):
    """What the page does with an upload, told as a command would."""
    try:
        open_upload(path, Limits())
    except SalkitError as error:
        print(f'salkit serve: error: {one_line(error)}', file=sys.stderr)
        return 2
    return 0


@pytest.mark.slow
@pytest.mark.parametrize('door', DOORS, ids=lambda door: door.open.__name__)
def test_hostile_files_get_one_line(door, root):
    faults = []
    for make in door.files:
        here = root / 'here'
        here.mkdir()
        (here / 'tmp').mkdir()
        path, argv = door.open(here)
        make(path)
        before = written(here)
        ended = run_bounded(run, here, argv, folder=root)
        fault = what_is_wrong(ended, door, here, path, written(here) - before)
        if fault:
            faults.append(f'{make.__name__}: {fault}')
        here.rename(root / f'{door.open.__name__}-{make.__name__}')
    assert not faults, '\n'.join(faults)


def written(here):
    """The files below a folder, but for caches, settings and the logs of trainings and tests."""
    files = {path for path in here.rglob('*') if not path.is_dir()}
    return {
        path
        for path in files
        if path.relative_to(here).parts[0] != 'cache'
        and 'lock' not in path.name
        and not re.search(r'/out/(\d{8}_\d{6}/.*|tiny\.py|baseline\.json)$', str(path))
    }


def what_is_wrong(ended, door, here, path, new):
    lines = [line for line in ended.err.splitlines() if not re.match(PROGRESS, line)]
    if ended.status is None:
        return 'hangs'
    if ended.status < 0:
        return f'killed by signal {-ended.status}'
    if any(name.name == TRAP for name in here.rglob(TRAP)):
        return 'its code ran'
    if 'Traceback' in ended.err:
        return f'traceback: {lines[-1][:300]}'
    if ended.status != door.status:
        return f'status {ended.status}: {ended.out[-200:]!r} {ended.err[-300:]!r}'
    if door.status == 2 and not (
        len(lines) == 1 and re.match(r'failed: |salkit \w+: error: ', lines[0])
    ):
        return f'{len(lines)} lines: {ended.err[-500:]!r}'
    if path.name not in ended.err + ended.out:
        return f'does not name the file: {ended.err[-300:]!r}'
    if new:
        return f'wrote {sorted(str(p.relative_to(here)) for p in new)[:5]}'
    return ''
