"""What killed runs leave over goes, and what running ones are at stays."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from salkit.utils.files import whole_file
from salkit.utils.folders import put_in_place, unfinished_folder
from salkit.utils.leftovers import remove_leftovers

KILLED = """
import sys, time
from pathlib import Path
from salkit.utils.files import whole_file
from salkit.utils.folders import unfinished_folder
place = Path(sys.argv[1])
with unfinished_folder(place, 'clip') as folder, whole_file(place / 'epoch_3.pth') as file:
    (folder / 'part').touch()
    file.touch()
    print('ready', flush=True)
    time.sleep(60)
"""


def test_leftovers_of_killed_runs_go_and_those_of_others_stay(tmp_path):
    foreign = tmp_path / '.clip.1@another.machine.unfinished'
    foreign.mkdir()
    process = subprocess.Popen(
        [sys.executable, '-c', KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == 'ready\n'
    (at_work,) = tmp_path.glob(f'.clip.{process.pid}-*.unfinished')
    (file_at_work,) = tmp_path.glob(f'.epoch_3.pth.{process.pid}-*.unfinished')
    remove_leftovers(tmp_path)
    assert at_work.is_dir() and file_at_work.is_file()
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Killed between the two renames, it had put an earlier result aside.
    (at_work / '.replaced' / 'old').mkdir(parents=True)
    with unfinished_folder(tmp_path, 'other') as own, whole_file(tmp_path / 'a.txt') as file:
        file.touch()
        remove_leftovers(tmp_path)
        assert own.is_dir() and file.exists()
    assert sorted(os.listdir(tmp_path)) == [foreign.name, 'a.txt', 'old']


def ended_process():
    """The number of a process that is gone."""
    process = subprocess.Popen(['true'])
    process.wait()
    return process.pid


def test_the_first_file_that_is_written_to_a_folder_clears_it(tmp_path):
    for name in ('a.pth', 'b.json'):
        (tmp_path / f'.{name}.{ended_process()}@{socket.gethostname()}.unfinished').touch()
    with whole_file(tmp_path / 'c.json') as temporary:
        assert os.listdir(tmp_path) == []
        temporary.touch()
    assert os.listdir(tmp_path) == ['c.json']


def test_long_names_have_room(tmp_path):
    names = ['x' * 250 + end for end in 'abc']
    with whole_file(tmp_path / names[0]) as first, whole_file(tmp_path / names[1]) as second:
        assert first != second
        first.touch()
        second.touch()
    with unfinished_folder(tmp_path, names[2]) as temporary:
        assert temporary.is_dir()
    assert sorted(os.listdir(tmp_path)) == names[:2]


def test_putting_a_folder_in_place_keeps_either(tmp_path):
    (tmp_path / 'clip').mkdir()
    (tmp_path / 'clip' / 'old').touch()
    with unfinished_folder(tmp_path, 'clip') as temporary:
        (temporary / 'clip').mkdir()
        (temporary / 'clip' / 'new').touch()
        put_in_place(temporary / 'clip', tmp_path / 'clip', temporary)
    assert os.listdir(tmp_path / 'clip') == ['new'] and os.listdir(tmp_path) == ['clip']


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='processes are told apart by /proc')
def test_what_an_ended_process_was_at_is_removed(tmp_path):
    # Nobody has asked yet how it ended, so that its number is still taken.
    process = subprocess.Popen(['true'], stdout=subprocess.PIPE)
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    leftover = tmp_path / f'.a.{process.pid}@{socket.gethostname()}.unfinished'
    running = tmp_path / f'.b.{os.getppid()}@{socket.gethostname()}.unfinished'
    for folder in (leftover, running):
        (folder / 'maps').mkdir(parents=True)
    remove_leftovers(tmp_path)
    assert process.wait() == 0
    assert [path.name for path in tmp_path.iterdir()] == [running.name]
