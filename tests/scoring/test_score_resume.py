import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from score_data import write_set

import salkit.scoring.run as run_module
from salkit.cli import COMMANDS
from salkit.errors import DataError
from salkit.scoring import score
from salkit.scoring.parts import Parts

VIDEOS = [f'{n:04d}' for n in range(601, 621)]


@pytest.fixture
def data(tmp_path):
    return write_set(tmp_path, VIDEOS, frames=40, size=(96, 128))


def start(data, out, workers):
    """The real command, in a group of its own, as a terminal starts it."""
    command = [
        sys.executable,
        '-m',
        'salkit',
        'score',
        *map(str, data),
        '--out',
        str(out),
        '--workers',
        str(workers),
        '--protocol',
        'exact,dhf1k-matlab',
    ]
    return subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def kept(out):
    """When each part was written, by name; a run that ends removes them meanwhile."""
    times = {}
    for path in out.parent.glob('s.json.parts/*.json'):
        with contextlib.suppress(FileNotFoundError):
            times[path.name] = path.stat().st_mtime_ns
    return times


def wait_for_parts(process, out, count=2):
    deadline = time.time() + 120
    while len(kept(out)) < count:
        assert process.poll() is None, process.communicate()
        assert time.time() < deadline
        time.sleep(0.005)


def group_is_gone(process):
    deadline = time.time() + 20
    while time.time() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    ('number', 'workers', 'whole_group'),
    [
        (signal.SIGKILL, 2, False),
        (signal.SIGINT, 2, True),
    ],
)
def test_an_ended_run_goes_on(data, tmp_path, number, workers, whole_group):
    out = tmp_path / 's.json'
    process = start(data, out, workers)
    wait_for_parts(process, out)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert process.returncode == 130 and err.strip().endswith('interrupted')
    assert group_is_gone(process), 'workers outlive the run'
    before = kept(out)
    assert 2 <= len(before) < len(VIDEOS) and not out.exists()
    again = start(data, out, workers)
    scored = {}
    while again.poll() is None:
        scored.update(kept(out))
        time.sleep(0.01)
    assert again.wait() == 0
    assert {name: scored[name] for name in before} == before, 'scored once more'
    assert not kept(out)
    fresh = score(*data, 'exact', out=tmp_path / 'fresh.json')
    assert json.loads(out.read_text())['reports'][0]['per_video'] == fresh.to_json()['per_video']


class Ended(Exception):
    pass


@pytest.fixture
def ended_run(data, tmp_path, monkeypatch):
    """A run that ended after half of its videos, in this process."""
    done = []
    real = run_module.score_frames

    def some(task, job):
        if len(done) == 10:
            raise Ended
        done.append(task.video)
        return real(task, job)

    monkeypatch.setattr(run_module, 'score_frames', some)
    with pytest.raises(Ended):
        score(*data, out=tmp_path / 's.json', workers=1)

    def go_on(**options):
        scored = []

        def seen(task, job):
            scored.append(task.video)
            return real(task, job)

        monkeypatch.setattr(run_module, 'score_frames', seen)
        report = score(*data, out=tmp_path / 's.json', workers=1, **options)
        return scored, report

    return go_on


def test_only_what_is_left_is_scored(ended_run):
    assert ended_run()[0] == VIDEOS[10:]


def test_changed_predictions_are_scored_again(ended_run, data):
    path = data[0] / VIDEOS[3] / '0007.png'
    Image.fromarray(np.array(Image.open(path))[::-1].copy()).save(path)
    assert ended_run()[0] == [VIDEOS[3], *VIDEOS[10:]]


def test_changed_ground_truth_changes_every_shuffled_auc(ended_run, data):
    path = data[1] / 'val' / VIDEOS[3] / 'fixation' / '0007.png'
    os.utime(path, ns=(1, 1))
    assert ended_run()[0] == VIDEOS


def test_other_settings_start_anew(ended_run):
    assert ended_run(seed=1)[0] == VIDEOS


def test_two_runs_do_not_share_a_folder(tmp_path):
    parts = Parts(tmp_path / 'x')
    other = Parts(tmp_path / 'x').held()
    with parts.held(), pytest.raises(DataError, match='another run is writing there'), other:
        pass


def test_a_full_disk_leaves_no_torn_file(tmp_path):
    parts = Parts(tmp_path)

    def fail(file):
        file.write(b'half')
        raise OSError('No space left on device')

    with pytest.raises(OSError):
        parts._write(parts.path('key', '.json'), fail)
    assert list(tmp_path.iterdir()) == []


def test_help_imports_nothing_heavy():
    code = (
        'import sys; from salkit.cli import main\n'
        "try: main(['score', '--help'])\n"
        "except SystemExit: print({'torch', 'numpy', 'av'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.stdout.strip().endswith('set()'), result.stderr
    assert 'score' in COMMANDS
