"""What killed runs leave over goes, and what running ones are at stays."""

import os
import signal
import subprocess
import sys

from salkit.utils.folders import put_in_place, remove_leftovers, unfinished_folder

KILLED = """
import sys, time
from pathlib import Path
from salkit.utils.folders import unfinished_folder
with unfinished_folder(Path(sys.argv[1]), 'clip') as folder:
    (folder / 'part').touch()
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
    (at_work,) = tmp_path.glob(f'.clip.{process.pid}@*.unfinished')
    remove_leftovers(tmp_path)
    assert at_work.is_dir()
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Killed between the two renames, it had put an earlier result aside.
    (at_work / '.replaced' / 'old').mkdir(parents=True)
    with unfinished_folder(tmp_path, 'other') as own:
        remove_leftovers(tmp_path)
        assert own.is_dir()
    assert sorted(os.listdir(tmp_path)) == [foreign.name, 'old']


def test_putting_a_folder_in_place_keeps_either(tmp_path):
    (tmp_path / 'clip').mkdir()
    (tmp_path / 'clip' / 'old').touch()
    with unfinished_folder(tmp_path, 'clip') as temporary:
        (temporary / 'clip').mkdir()
        (temporary / 'clip' / 'new').touch()
        put_in_place(temporary / 'clip', tmp_path / 'clip', temporary)
    assert os.listdir(tmp_path / 'clip') == ['new'] and os.listdir(tmp_path) == ['clip']
