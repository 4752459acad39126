"""The command as it is used: killed, interrupted, started again, and trained on after that."""

import json
import os
import signal
import subprocess
import sys
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


def start(tmp_path, *arguments):
    environment = dict(os.environ, SALKIT_CACHE=str(tmp_path / 'cache'), OMP_NUM_THREADS='1')
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def run(tmp_path, tool, *arguments):
    process = start(tmp_path, str(TOOLS / f'{tool}.py'), *map(str, arguments))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    return out + err


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    monkeypatch.chdir(tmp_path)


# Makes two of six videos and a part of the next, then says so and waits to be ended.
SOME_OF_A_RUN = """
import os, time
from salkit.prepare import stimulus

write = stimulus.VideoFile.write

def write_some(video, folder, names, options):
    if video.path.stem in ('001', '002'):
        return write(video, folder, names, options)
    write(video, folder, names[:3], options)
    os.write(1, b'begun\\n')
    while True:
        stimulus.check_stopped()
        time.sleep(0.01)

stimulus.VideoFile.write = write_some
"""


@pytest.fixture(scope='module')
def published(tmp_path_factory):
    """A data set, and what an undisturbed run makes of it."""
    root = tmp_path_factory.mktemp('long')
    source = write_dhf1k(root / 'published', (1, 2, 3, 4, 5, 601))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('SALKIT_CACHE', str(root / 'cache'))
        assert main(['prepare', 'dhf1k', str(source), str(root / 'out')]) == 0
    return source, hashes(root / 'out')


@pytest.mark.slow
@pytest.mark.parametrize(
    ('number', 'workers'), [(signal.SIGKILL, 2), (signal.SIGTERM, 1), (signal.SIGINT, 2)]
)
def test_stopped_half_way_it_goes_on_and_ends_up_the_same(
    tmp_path, published, nursery, number, workers, capsys
):
    source, undisturbed = published
    out = tmp_path / 'out'
    arguments = ['dhf1k', str(source), str(out), '--workers', str(workers)]
    run = nursery.start(['prepare', *arguments], tmp_path / 'log', SOME_OF_A_RUN)
    # With two workers, the second may have begun while the first makes its last video.
    run.until(lambda: run.printed().count('begun\n') == workers)
    run.send(number)
    assert run.end() == (-number if number == signal.SIGKILL else 130)
    assert run.leaves_nobody()
    done = {path.parent for path in out.glob('[!.]*/[!.]*/.prepared.json')}
    assert {folder.name for folder in done} == {'0001', '0002'}
    assert list(out.glob('*/.*.unfinished')) or number != signal.SIGKILL
    if number != signal.SIGKILL:
        assert not list(out.glob('*/.*.unfinished'))
    stamps = {folder: (folder / '.prepared.json').stat().st_mtime_ns for folder in done}
    assert main(['prepare', *arguments]) == 0
    assert '4 videos to prepare' in capsys.readouterr().err
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
    assert main(['prepare', *videos, '--config', 'mine.py', '--base', 'umt-tiny_cc-kl']) == 0
    assert main(['train', 'mine.py', '--work-dir', 'work', '--cfg-options', *QUICK]) == 0
    assert main(['test', 'mine.py', 'work', '--out', 'scores.json']) == 0
    content = json.loads(Path('scores.json').read_text())
    assert (content['videos'], content['frames']) == (1, 12)
