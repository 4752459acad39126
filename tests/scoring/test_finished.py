import json
import os
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from PIL import Image
from score_data import write_set

from salkit.cli import COMMANDS
from salkit.errors import ConfigError
from salkit.metrics import FrameScores
from salkit.scoring import score, score_protocols
from salkit.scoring.finished import FinishedVideos, VideoResult, finished_videos
from salkit.scoring.run import score_video
from salkit.utils.files import locked_folder

VIDEOS = [f'{n:04d}' for n in range(601, 611)]
PROTOCOLS = ['exact', 'dhf1k-matlab']


@pytest.fixture
def data(tmp_path):
    return write_set(tmp_path, VIDEOS, frames=4)


# The command says when it has kept the scores of three videos and then waits to be ended.
WAITING = """
import time
from salkit.scoring.finished import FinishedVideos
keep, kept = FinishedVideos.add, []

def add(self, key, scores):
    keep(self, key, scores)
    kept.append(key)
    if len(kept) == 3:
        print('three', flush=True)
        while True:
            time.sleep(0.01)

FinishedVideos.add = add
"""


@pytest.fixture
def scored(monkeypatch):
    """Names of the videos whose scores are kept from now on."""
    names = []
    keep = FinishedVideos.add

    def add(self, key, scores):
        names.append(key)
        keep(self, key, scores)

    monkeypatch.setattr(FinishedVideos, 'add', add)
    return names


def kept_in(out):
    lines = (out.parent / f'{out.name}.parts' / 'finished.jsonl').read_text().splitlines()
    return [json.loads(line)['key'] for line in lines]


@pytest.mark.parametrize(
    ('number', 'whole_group'), [(signal.SIGKILL, False), (signal.SIGINT, True)]
)
def test_an_ended_run_goes_on(data, nursery, tmp_path, scored, number, whole_group):
    out = tmp_path / 's.json'
    arguments = ['score', *data, '--out', out, '--workers', 2, '--protocol', ','.join(PROTOCOLS)]
    log = tmp_path / 'log'
    run = nursery.start(arguments, log, WAITING)
    assert run.until(lambda: 'three\n' in run.printed()), run.printed()
    (os.killpg if whole_group else os.kill)(run.pid, number)
    status = run.end()
    # Not before the workers have ended as well.
    assert run.leaves_nobody()
    if number != signal.SIGKILL:
        assert status == 130 and run.printed().strip().endswith('interrupted')
    log.unlink()
    before = kept_in(out)
    assert len(before) == 3 and not out.exists()
    score_protocols(*data, PROTOCOLS, out=out, workers=1)
    assert len(scored) == len(VIDEOS) - 3 and not set(scored) & set(before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['pred', 's.json', 'truth']
    fresh = score(*data, 'exact', out=tmp_path / 'fresh.json')
    assert json.loads(out.read_text())['reports'][0]['per_video'] == fresh.to_json()['per_video']


class Ended(Exception):
    pass


@pytest.fixture
def ended_run(data, tmp_path, monkeypatch):
    """A run that ended after half of its videos, in this process; calling it goes on."""
    keep = FinishedVideos.add
    names = []

    def add(self, key, scores):
        if len(names) == 5:
            raise Ended
        names.append(VIDEOS[len(names)])
        keep(self, key, scores)

    monkeypatch.setattr(FinishedVideos, 'add', add)
    with pytest.raises(Ended):
        score(*data, out=tmp_path / 's.json', workers=1)

    def go_on(**options):
        order = []

        def note(video, job):
            order.append(video.name)
            return score_video(video, job)

        monkeypatch.setattr(FinishedVideos, 'add', keep)
        monkeypatch.setattr('salkit.scoring.run.score_video', note)
        score(*data, out=tmp_path / 's.json', workers=1, **options)
        return order

    return go_on


def test_only_what_is_left_is_scored(ended_run):
    assert ended_run() == VIDEOS[5:]


def test_changed_predictions_are_scored_again(ended_run, data):
    path = data[0] / VIDEOS[3] / '0003.png'
    Image.fromarray(np.array(Image.open(path))[::-1].copy()).save(path)
    assert ended_run() == [VIDEOS[3], *VIDEOS[5:]]


def test_changed_ground_truth_changes_every_shuffled_auc(ended_run, data):
    path = data[1] / 'val' / VIDEOS[3] / 'fixation' / '0003.png'
    os.utime(path, ns=(1, 1))
    assert ended_run() == VIDEOS


@pytest.mark.parametrize('options', [dict(seed=1), dict(final=True), dict(metrics=['CC'])])
def test_other_settings_start_anew(ended_run, options):
    assert ended_run(**options) == VIDEOS


def test_another_version_starts_anew(ended_run, monkeypatch):
    monkeypatch.setattr('salkit.scoring.plan.__version__', '0.0.1')
    assert ended_run() == VIDEOS


def test_two_runs_do_not_share_a_folder(tmp_path, monkeypatch):
    impatient = partial(locked_folder, patience=0)
    monkeypatch.setattr('salkit.scoring.finished.locked_folder', impatient)
    other = finished_videos(tmp_path / 'x', set())
    with (
        finished_videos(tmp_path / 'x', set()),
        pytest.raises(ConfigError, match='another run of salkit score is at work there'),
        other,
    ):
        pass


def test_a_line_that_was_cut_short_is_scored_again(tmp_path):
    row = FrameScores({'CC': 0.1 + 0.2, 'KL': float('inf')}, True, missing=['KL'])
    scores = VideoResult(['1'], {'exact': [row]})
    with pytest.raises(Ended), finished_videos(tmp_path / 'x', {'a', 'b'}) as finished:
        finished.add('a', scores)
        finished.add('b', scores)
        raise Ended
    path = tmp_path / 'x' / 'finished.jsonl'
    path.write_bytes(path.read_bytes()[:-5])
    with finished_videos(tmp_path / 'x', {'a', 'b'}) as finished:
        assert 'a' in finished and 'b' not in finished
        finished.add('b', scores)
        for key in 'ab':
            assert finished.read(key) == scores
    assert not (tmp_path / 'x').exists()


def test_options_have_names(data):
    with pytest.raises(TypeError, match="unexpected keyword argument 'splt'"):
        score(*data, splt='val')


def test_help_imports_nothing_heavy():
    code = (
        'import sys; from salkit.cli import main\n'
        "try: main(['score', '--help'])\n"
        "except SystemExit: print({'torch', 'numpy', 'av'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.stdout.strip().endswith('set()'), result.stderr
    assert 'score' in COMMANDS
