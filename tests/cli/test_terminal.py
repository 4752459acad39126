"""Names of files cannot steer the terminal, and commands end when they are told to."""

import io
import signal
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tqdm import tqdm

from salkit.cli.terminal import plain_output

EVIL = 'a\x1b[2J\x1b]0;gone\x07\rb\u202e\udcff'
SHOWN = r'a\x1b[2J\x1b]0;gone\x07\rb\u202e\udcff'


def printed(write):
    """What `write` has printed on either stream."""
    streams = io.StringIO(), io.StringIO()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    try:
        with plain_output():
            write()
    finally:
        sys.stdout, sys.stderr = before
    return ''.join(stream.getvalue() for stream in streams)


def test_names_are_shown_as_text():
    assert printed(lambda: print(f'failed: {EVIL}', 'é', sep='\n')) == f'failed: {SHOWN}\né\n'
    assert SHOWN in printed(lambda: tqdm.write(EVIL, file=sys.stderr))


def test_progress_bars_still_move():
    def work():
        with tqdm(total=2, desc=EVIL, file=sys.stderr, mininterval=0, leave=False) as bar:
            bar.update()

    told = printed(work)
    assert told.startswith(f'\r{SHOWN}') and '\x1b' not in told and told.endswith('\r')


@settings(max_examples=50)
@given(st.text(max_size=8))
def test_no_escape_sequence_gets_through(text):
    told = printed(lambda: print(f'name: {text}', file=sys.stderr))
    assert all(char == '\n' or unicodedata.category(char) not in ('Cc', 'Cf') for char in told)


def test_what_an_encoding_does_not_have_is_written_out():
    stream = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
    before, sys.stdout = sys.stdout, stream
    try:
        with plain_output():
            print('é')
    finally:
        sys.stdout = before
    stream.flush()
    assert stream.buffer.getvalue().strip() == rb'\xe9'


STUCK_SCRIPT = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from salkit.cli.common import ended_as_interrupted
from salkit.utils.files import whole_file
with ended_as_interrupted(at_most=0.5), whole_file(sys.argv[1]) as file:
    file.touch()
    while True:
        try:
            print('ready', flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            # As a library may do.
            pass
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_what_does_not_end_is_ended_and_leaves_nothing(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, '-c', STUCK_SCRIPT, str(tmp_path / 'model.onnx')],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == 'ready\n'
        process.send_signal(number)
        assert process.wait(60) == 130 and list(tmp_path.iterdir()) == []
    finally:
        process.kill()


def test_a_reader_that_has_seen_enough():
    """`salkit protocols | head -1` is no error."""
    script = (
        'import sys, types; from salkit.cli import _run; module = types.ModuleType("chatty"); '
        'module.add_arguments = lambda parser: None; sys.stdin.read(); '
        'module.run = lambda args: print("many lines") or 0; sys.exit(_run(module, [], "salkit"))'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    _, errors = process.stdin.close(), process.stderr.read()
    assert (process.wait(60), errors) == (128 + signal.SIGPIPE, '')
