"""`salkit predict --ray` and `salkit score --ray`: all of it, once, whatever dies."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import pytest
from make_video import encode_video
from score_data import write_set
from tiny_model import write_tiny_model

from salkit.cli import main
from salkit.errors import ConfigError, DataWarning
from salkit.scoring import score
from salkit.utils import ray_tasks
from salkit.utils.ray_tasks import RayWorkers, check_ray, ray_session, run_on_ray
from salkit.version import __version__

pytestmark = pytest.mark.slow
VIDEOS = 40


@pytest.fixture(scope='module')
def ray():
    """Ray on two cores of this machine, which the commands find started."""
    pytest.importorskip('ray')
    with pytest.MonkeyPatch.context() as patch:
        # Not behind whatever else this machine does.
        patch.setenv('RAY_worker_niceness', '0')
        with ray_session('local', 2) as workers:
            assert workers == RayWorkers(2, workers.gpus)
            yield


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    """Paths of 40 videos and of a tiny model."""
    root = tmp_path_factory.mktemp('sources')
    encode_video(root / 'videos' / '00.mp4', 4, (32, 48))
    content = (root / 'videos' / '00.mp4').read_bytes()
    for number in range(1, VIDEOS):
        (root / 'videos' / f'{number:02d}.mp4').write_bytes(content)
    config, checkpoint = write_tiny_model(root / 'model')
    return root / 'videos', ['--model', str(config), '--checkpoint', str(checkpoint)]


def kill_a_worker(out, killed):
    """Once 3 videos are done, kill the process that is at another one."""
    while not killed:
        names = os.listdir(out) if out.is_dir() else []
        at_work = [re.search(r'\.(\d+)-\d+@.*\.unfinished$', name) for name in names]
        numbers = [int(match[1]) for match in at_work if match and int(match[1]) != os.getpid()]
        if numbers and sum(name.endswith('.json') for name in names) >= 3:
            os.kill(numbers[0], signal.SIGKILL)
            killed.append(numbers[0])


def test_every_video_once_though_a_worker_is_killed(ray, sources, tmp_path, monkeypatch, capsys):
    videos, model = sources
    monkeypatch.chdir(tmp_path)
    Path('broken.mp4').write_bytes(b'no video')
    arguments = ['predict', str(videos), 'broken.mp4', *model, '--out', 'out', '--ray', 'local']
    arguments += ['--device', 'cpu', '--workers', '2']
    killed = []
    killer = threading.Thread(target=kill_a_worker, args=(tmp_path / 'out', killed), daemon=True)
    killer.start()
    assert main([*arguments, '--json', 'report.json']) == 2
    killer.join()
    printed = capsys.readouterr()
    # The one that was killed may have been about to report.
    counts = re.findall(r'(\d+) (?:predicted|finished before)', printed.out)
    assert sum(map(int, counts)) == VIDEOS
    assert '1 failed; in out' in printed.out and printed.err.count('failed: broken.mp4') == 2
    stems = [path.stem for path in sorted(videos.iterdir())]
    assert sorted(path.stem for path in Path('out').glob('*.json')) == stems
    assert sorted(os.listdir('out')) == sorted([*stems, *(f'{stem}.json' for stem in stems)])
    assert all(len(os.listdir(Path('out') / stem)) == 4 for stem in stems)
    told = re.findall(r'"name":\s*"(\d\d)"', Path('report.json').read_text())
    assert Counter(told) == Counter(stems)
    # As without Ray, byte by byte; and a run without it has nothing left to do.
    assert main(['predict', str(videos / '07.mp4'), *model, '--out', 'plain']) == 0
    for path in Path('plain/07').iterdir():
        assert path.read_bytes() == (Path('out/07') / path.name).read_bytes()
    written = {path: path.stat().st_mtime_ns for path in Path('out').rglob('*')}
    capsys.readouterr()
    assert main(['predict', str(videos), 'broken.mp4', *model, '--out', 'out']) == 2
    assert capsys.readouterr().out == f'{VIDEOS} finished before; 1 failed; in out\n'
    assert {path: path.stat().st_mtime_ns for path in Path('out').rglob('*')} == written


def test_scores_are_those_without_ray(ray, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    pred, truth = write_set(tmp_path)
    expected = score(pred, truth, workers=1).to_json()
    assert 's-AUC' in expected['scores'], 'needs the fixations of the whole set'
    out = tmp_path / 'scores.json'
    arguments = ['score', str(pred), str(truth), '--out', str(out), '--ray', 'local']
    assert main([*arguments, '--workers', '1']) == 0
    found = json.loads(out.read_text())
    assert {name: found[name] for name in expected} == expected
    assert not Path(f'{out}.parts').exists()


def test_a_task_whose_workers_die_is_given_up_and_the_others_are_done(ray, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_tasks, '_MORE_TRIES', 1)

    def work(task, folder):
        with open(folder / task, 'a') as tries:
            tries.write('x')
        if task == 'always' or (task == 'once' and (folder / task).stat().st_size == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        warnings.warn(f'of {task}', DataWarning, stacklevel=1)
        return task

    done, died = [], []
    with pytest.warns(DataWarning) as told:
        run_on_ray(
            work,
            ['once', 'always', *'abcde'],
            tmp_path,
            RayWorkers(1),
            done.append,
            died.append,
        )
    assert sorted(done) == [*'abcde', 'once'] and died == ['always']
    assert sorted(str(each.message) for each in told) == sorted(f'of {task}' for task in done)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        'once': 'xx',
        'always': 'xx',
        **dict.fromkeys('abcde', 'x'),
    }


def test_a_model_that_cannot_be_opened_is_one_error(ray, sources, tmp_path, capsys):
    videos, _ = sources
    Path(tmp_path, 'bad.onnx').write_bytes(b'no model')
    arguments = ['predict', str(videos / '00.mp4'), '--model', f'{tmp_path}/bad.onnx']
    assert main([*arguments, '--out', str(tmp_path / 'out'), '--ray', 'local']) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith('salkit predict: error: ') and 'bad.onnx: cannot be read' in told


def test_machines_that_cannot_work(tmp_path):
    with pytest.raises(ConfigError, match=r'has salkit .*, expected 0\.0\.1'):
        ray_tasks._Worker('0.0.1', str(tmp_path), 0).get_ready()
    with pytest.raises(ConfigError, match=r'nowhere: .*; paths must be the same'):
        ray_tasks._Worker(__version__, f'{tmp_path}/nowhere', 0).get_ready()


def test_a_stopped_run_leaves_no_process_and_goes_on(sources, tmp_path):
    pytest.importorskip('ray')
    videos, model = sources
    command = [sys.executable, '-m', 'salkit', 'predict', str(videos), *model, '--ray', 'local']
    command += ['--workers', '1', '--out', str(tmp_path / 'out')]
    with open(tmp_path / 'log', 'wb') as log:
        run = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env={**os.environ, 'RAY_worker_niceness': '0'},
            start_new_session=True,
        )
    while run.poll() is None and not list(tmp_path.glob('out/*.json')):
        time.sleep(0.01)
    run.send_signal(signal.SIGTERM)
    assert run.wait(120) == 130, (tmp_path / 'log').read_text()
    told = (tmp_path / 'log').read_text()
    assert 'inputs are done; the same command does the others' in told
    assert not list(tmp_path.glob('out/.*'))
    until = time.monotonic() + 120
    while left := processes_of(run.pid):
        assert time.monotonic() < until, left
        time.sleep(0.05)


def processes_of(session):
    """Those of a session that are at work, by number."""
    found = {}
    for path in Path('/proc').glob('[0-9]*/stat'):
        try:
            name, _, rest = path.read_text().rpartition(')')
        except OSError:
            continue
        state, _, _, number = rest.split()[:4]
        if int(number) == session and state != 'Z':
            found[path.parent.name] = name
    return found


# Refusals --------------------------------------------------------------------------------------


def test_no_cluster_at_the_address(monkeypatch):
    pytest.importorskip('ray')
    monkeypatch.setattr(ray_tasks, '_PATIENCE', (5, 1))
    with socket.create_server(('127.0.0.1', 0)) as mute:
        address = f'127.0.0.1:{mute.getsockname()[1]}'
        with pytest.raises(ConfigError, match='does not answer as a Ray cluster'):
            ray_session(address).__enter__()
    with pytest.raises(ConfigError, match='cannot be reached'):
        ray_session(address).__enter__()


@pytest.mark.parametrize(
    'address', ['', 'ray://127.0.0.1:10001', 'host', 'host:x', ':1', 'h:99999']
)
def test_addresses_that_are_none(address):
    pytest.importorskip('ray')
    with pytest.raises(ConfigError, match='expected local, auto'):
        check_ray(address)


def test_without_ray_the_error_names_the_extra(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    assert main(['predict', 'x.mp4', '--out', str(tmp_path), '--ray', 'local']) == 2
    assert "pip install 'salkit[ray]'" in capsys.readouterr().err
    with pytest.raises(ConfigError, match='Ray is not installed'):
        score(tmp_path, tmp_path, ray='local')


@pytest.mark.parametrize(
    'arguments, told',
    [
        (['0', '--ray', 'local'], 'the webcam 0'),
        (['x.mp4', '--ray', 'local', '--device', 'cuda:1'], '--device cuda:1'),
        (['x.mp4', '--workers', '2'], '--workers is for --ray'),
        (['x.mp4', '--ray', 'local', '--workers', '0'], 'workers must be at least 1'),
    ],
)
def test_arguments_that_do_not_go_together(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path('x.mp4').write_bytes(b'')
    assert main(['predict', *arguments, '--out', 'out']) == 2
    assert told in capsys.readouterr().err
