"""The command as it is used: killed, interrupted, started again, and trained on after that."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trees import hashes, write_dhf1k, write_gaze

from salkit.cli import main

TOOLS = Path(__file__).parents[2] / 'tools'
NUMBERS = (1, 2, 3, 4, 5, 6, 601, 602, 701)
QUICK = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'train_dataloader.batch_size=2']


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    return write_dhf1k(tmp_path_factory.mktemp('published'), NUMBERS)


def start(tmp_path, tool, *arguments):
    environment = dict(os.environ, SALKIT_CACHE=str(tmp_path / 'cache'), OMP_NUM_THREADS='1')
    return subprocess.Popen(
        [sys.executable, str(TOOLS / f'{tool}.py'), *map(str, arguments)],
        env=environment,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def run(tmp_path, tool, *arguments):
    process = start(tmp_path, tool, *arguments)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    return out + err


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    monkeypatch.chdir(tmp_path)


def finished(target):
    return {path.parent for path in target.glob('[!.]*/[!.]*/.prepared.json')}


def stop_half_way(process, target, number):
    """Send a signal once a video is finished and another one is being made."""
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        if finished(target) and list(target.glob('[!.]*/.*.unfinished')):
            process.send_signal(number)
            break
        time.sleep(0.002)
    process.communicate(timeout=60)
    return finished(target)


@pytest.fixture(scope='module')
def long_videos(tmp_path_factory):
    """A data set whose videos take a while, and what an undisturbed run makes of it."""
    root = tmp_path_factory.mktemp('long')
    published = write_dhf1k(root / 'published', (1, 2, 3, 4, 5, 601), 40, (240, 320))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('SALKIT_CACHE', str(root / 'cache'))
        assert main(['prepare', 'dhf1k', str(published), str(root / 'out')]) == 0
    return published, hashes(root / 'out')


@pytest.mark.slow
@pytest.mark.parametrize(
    ('number', 'workers'), [(signal.SIGKILL, 2), (signal.SIGTERM, 1), (signal.SIGINT, 2)]
)
def test_stopped_half_way_it_goes_on_and_ends_up_the_same(
    tmp_path, long_videos, number, workers, capsys
):
    published, undisturbed = long_videos
    out = tmp_path / 'out'
    arguments = ['dhf1k', str(published), str(out), '--workers', str(workers)]
    process = start(tmp_path, 'prepare', *arguments)
    done = stop_half_way(process, out, number)
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert 1 <= len(done) < 6
    if number != signal.SIGKILL:
        assert not list(out.glob('*/.*.unfinished'))
    stamps = {folder: (folder / '.prepared.json').stat().st_mtime_ns for folder in done}
    assert main(['prepare', *arguments]) == 0
    assert f'{6 - len(done)} videos to prepare' in capsys.readouterr().err
    assert {f: (f / '.prepared.json').stat().st_mtime_ns for f in done} == stamps
    assert not list(out.rglob('.*unfinished*'))
    assert hashes(out) == undisturbed


@pytest.mark.slow
def test_training_and_testing_on_kept_videos_and_on_frames(tmp_path, source):
    assert main(['prepare', 'dhf1k', str(source), 'videos', '--keep-video']) == 0
    assert main(['prepare', 'dhf1k', str(source), 'frames']) == 0
    config, kind = 'demo/umt-tiny_cc-kl', 'dataset_type=DHF1KDataset'
    options = ('--cfg-options', kind, 'data_root=videos', *QUICK)
    assert main(['train', config, '--work-dir', 'work', *options]) == 0
    scores = {}
    for name in ('videos', 'frames'):
        options = ('--cfg-options', kind, f'data_root={name}')
        assert main(['test', config, 'work', '--out', 'scores.json', *options]) == 0
        content = json.loads(Path('scores.json').read_text())
        assert (content['videos'], content['frames']) == (2, 24)
        scores[name] = content['scores']
    # Frames are extracted without loss.
    assert scores['frames'] == scores['videos']


@pytest.mark.slow
def test_training_and_testing_with_the_config_that_is_written(tmp_path, source):
    gaze = write_gaze(tmp_path / 'gaze.csv', [f'{number:03d}' for number in NUMBERS])
    videos = ['folder', str(source / 'video'), 'out', '--gaze', str(gaze), '--recipe', 'dhf1k']
    base = 'salkit::demo/umt-tiny_cc-kl.py'
    assert main(['prepare', *videos, '--config', 'mine.py', '--base', base]) == 0
    assert main(['train', 'mine.py', '--work-dir', 'work', '--cfg-options', *QUICK]) == 0
    assert main(['test', 'mine.py', 'work', '--out', 'scores.json']) == 0
    content = json.loads(Path('scores.json').read_text())
    assert (content['videos'], content['frames']) == (1, 12)
