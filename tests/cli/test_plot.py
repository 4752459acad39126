"""`salkit plot`: the logs of runs, joined over their sessions, as a picture."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from salkit.cli import main
from salkit.errors import DataError
from salkit.scoring.curves import RunLog


def log(run, session, lines, end='\n'):
    """A session's log: (step, epoch, values) a line, None for the epoch of a validation."""
    path = run / session / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    rows = [
        dict(values, step=step) | ({} if epoch is None else dict(epoch=epoch, iter=step))
        for step, epoch, values in lines
    ]
    path.write_text('\n'.join(map(json.dumps, rows)) + end)
    return path


@pytest.fixture
def run(tmp_path):
    """A run that was resumed after step 20, having got as far as 40."""
    folder = tmp_path / 'first_run'
    train = [(step, step // 20 + 1, dict(loss=step / 10, lr=1e-3, time=0.1)) for step in (10, 30)]
    score = (20, None, dict(CC=0.5, time=0.7, videos=3, frames=9))
    late = [(40, 2, dict(loss=4.0, lr=1e-3)), (40, None, dict(CC=0.1, videos=3))]
    log(folder, '20260101_000000', [train[0], score, train[1], *late])
    log(folder, '20260102_000000', [(30, 2, dict(loss=-3.0, lr=1e-3))])
    return folder


def plot(*argv):
    return main(['plot', *map(str, argv)])


def test_sessions_are_joined_and_later_ones_hold(run):
    read = RunLog(run)
    assert read.name == 'first_run'
    assert read.curves['loss'] == [(10, 1.0), (30, -3.0)]
    assert read.curves['CC'] == [(20, 0.5)] and read.validated == {'CC'}
    # Only what training took.
    assert read.curves['time'] == [(10, 0.1)]
    assert not {'step', 'iter', 'epoch', 'videos', 'frames'} & read.curves.keys()


def test_validations_that_were_counted_in_epochs_are_of_the_step_before(tmp_path):
    lines = [(10, 1, dict(loss=1)), (1, None, dict(CC=0.2)), (30, 2, dict(loss=2))]
    log(tmp_path, '20260101_000000', [*lines, (2, None, dict(CC=0.3))])
    assert RunLog(tmp_path).curves['CC'] == [(10, 0.2), (30, 0.3)]


def test_a_line_that_a_killed_run_began(tmp_path):
    path = log(tmp_path, '20260101_000000', [(10, 1, dict(loss=1))], end='\n{"loss": 0.')
    assert RunLog(tmp_path).curves['loss'] == [(10, 1)]
    whole = path.read_text().splitlines()[0]
    for broken in ('{"loss": 0.', '[]', '3', '{"loss": 1}', '{"step": Infinity}'):
        path.write_text(f'{whole}\n{broken}\n')
        with pytest.raises(DataError, match=r'scalars.json, line 2: expected a JSON object with a'):
            RunLog(tmp_path)


def test_a_panel_a_key_and_a_color_a_run(run, tmp_path, capsys):
    other = tmp_path / '_other $run'
    log(other, '20260103_000000', [(10, 1, dict(loss=2.0, extra=1)), (20, 1, dict(loss=1.0))])
    out = tmp_path / 'new' / 'curves.svg'
    assert plot(run, other, '--out', out) == 0
    assert capsys.readouterr().out == f'{out}: loss, CC, lr of 2 runs\n'
    text = out.read_text()
    words = re.findall(r'<text[^>]*>([^<]*)</text>', text)
    assert {'loss', 'CC, validation', 'lr', 'step', 'first_run', '_other $run'} <= set(words)
    assert text.count('>step<') == 3
    # A color a run: in the loss's panel and in the legend.
    assert text.count('stroke: #222222') > 1 and text.count('stroke: #d1495b') > 1
    assert plot(run, other, '--out', tmp_path / 'again.svg') == 0
    assert (tmp_path / 'again.svg').read_text() == text

    # Runs of one name are told apart by their folders.
    assert plot(run, f'{run}/', run, '--out', tmp_path / 'twice.svg', '--keys', 'CC') == 0
    assert f'>{run}<' in (tmp_path / 'twice.svg').read_text()

    assert plot(run, other, '--out', tmp_path / 'one.png', '--keys', 'extra') == 0
    picture = np.asarray(Image.open(tmp_path / 'one.png').convert('RGB'), int)
    red = np.abs(picture - (0xD1, 0x49, 0x5B)).max(-1) < 40
    # The one point is marked.
    assert red[picture.shape[0] // 4 :].sum() > 10


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['{run}', '{run}/..', '--out', 'c.png'], 'holds no log of a training, expected the work'),
        (['{run}/none', '--out', 'c.png'], 'none: holds no log of a training'),
        (['{run}', '--out', 'c.pdf'], 'c.pdf: the name of the picture should end in .png or .svg'),
        (['{run}', '--out', 'c.png', '--keys', 'los'], "logged 'los'; did you mean loss?"),
    ],
)
def test_bad_input_is_one_line(run, monkeypatch, capsys, argv, message):
    monkeypatch.chdir(run)
    assert plot(*(item.format(run=run) for item in argv)) == 2
    told = capsys.readouterr().err
    assert message in told and told.count('\n') == 1 and not list(run.glob('c.*'))


def test_a_run_that_has_logged_nothing_yet(tmp_path, capsys):
    log(tmp_path, '20260101_000000', [], end='')
    assert plot(tmp_path, '--out', tmp_path / 'c.png') == 2
    assert 'its logs hold no step yet' in capsys.readouterr().err
