"""Scores of every Nth frame with so many fixations."""

import json

import numpy as np
import pytest
from make_video import SIZE
from trees import write_films

from salkit import score
from salkit.cli import main
from salkit.errors import ConfigError, DataError
from salkit.prepare import PrepareOptions, prepare

# Fixations on the frames 0 to 9 of each film.
COUNTS = dict(Couple=[3, 3, 1, 2, 5, 0, 3, 3, 2, 4], Male=[1] * 10, Simo=[2] * 10)
# The third one at the pixel of the second one.
PLACES = [(5, 3), (20, 10), (20, 10), (30, 20), (40, 30)]


@pytest.fixture
def root(tmp_path):
    rows = {
        name: [
            (i / 25, 0.04, *PLACES[n], n) for i, count in enumerate(counts) for n in range(count)
        ]
        for name, counts in COUNTS.items()
    }
    return write_films(tmp_path / 'films', rows)


@pytest.fixture
def predictions(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / 'maps').mkdir()
    for name in COUNTS:
        np.save(tmp_path / 'maps' / f'{name}.npy', rng.random((10, *SIZE)))
    return tmp_path / 'maps'


def frames_of(path):
    return [line.split(',')[1:3] for line in path.read_text().splitlines()[1:]]


@pytest.mark.parametrize(
    ('choice', 'frames', 'left_out'),
    [
        (dict(), {'Couple': range(10), 'Male': range(10), 'Simo': range(10)}, ''),
        (dict(every=4), {'Couple': [0, 4, 8], 'Male': [0, 4, 8], 'Simo': [0, 4, 8]}, ''),
        (dict(min_fixations=3), {'Couple': [0, 1, 4, 6, 7, 9]}, '2 video(s) left out'),
        (dict(every=3, min_fixations=2), {'Couple': [0, 3, 6, 9], 'Simo': [0, 3, 6, 9]}, '1 video'),
    ],
)
def test_frames_that_are_scored(root, predictions, tmp_path, choice, frames, left_out):
    out, csv = tmp_path / 'scores.json', tmp_path / 'frames.csv'
    report = score(predictions, root, workers=1, out=out, csv=csv, metrics=['CC', 'NSS'], **choice)
    expected = [[name, f'{i + 1:04d}'] for name, indices in frames.items() for i in indices]
    assert frames_of(csv) == expected
    content = json.loads(out.read_text())
    assert content['frames'] == len(expected) and content['selection'] == report.selection
    assert [w for w in content['warnings'] if left_out in w] or not left_out
    words = {
        (): '',
        ('every',): 'frames 0, 4, 8, ...',
        ('min_fixations',): 'at least 3 fixations',
        ('every', 'min_fixations'): 'frames 0, 3, 6, ... with at least 2 fixations',
    }
    assert report.selection == words[tuple(choice)]
    assert report.selection in report.headline


def test_scores_are_those_of_the_frames(root, predictions, tmp_path):
    every = tmp_path / 'every.csv'
    some = tmp_path / 'some.csv'
    score(predictions, root, workers=1, csv=every)
    score(predictions, root, workers=1, csv=some, every=3, min_fixations=2)
    assert set(some.read_text().splitlines()) < set(every.read_text().splitlines())


def test_pixels_of_a_map_count_once(root, predictions, tmp_path):
    out = tmp_path / 'out'
    prepare('xu-video', root, out, PrepareOptions(workers=1))
    report = score(predictions, out, workers=1, min_fixations=3, metrics=['CC'])
    # Of three fixations, two are on one pixel.
    assert report.frames_per_video == {'Couple': 2}


def test_predictions_of_other_frames_may_be_missing(root, predictions, capsys):
    for name in COUNTS:
        maps = np.load(predictions / f'{name}.npy')
        (predictions / f'{name}.npy').unlink()
        (predictions / name).mkdir()
        for index in (0, 5):
            np.save(predictions / name / f'{index + 1:04d}.npy', maps[index])
    argv = ['score', str(predictions), str(root), '--workers', '1', '--every', '5']
    assert main(argv) == 0
    printed = capsys.readouterr()
    assert '3 videos, 6 frames (frames 0, 5, 10, ...)' in printed.out
    assert main([*argv[:-1], '3']) == 2
    assert 'no prediction for 9 frame(s): Couple/0004' in capsys.readouterr().err


def test_no_frame_is_left(root, predictions, capsys):
    argv = ['score', str(predictions), str(root), '--workers', '1', '--min-fixations', '8']
    assert main(argv) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert 'nothing to score: 3 video(s) left out, which have no frame to score' in error
    with pytest.raises(DataError, match='of at least 8 fixations: Couple, Male, Simo'):
        score(predictions, root, workers=1, min_fixations=8)


def test_numbers_out_of_range(root, predictions):
    with pytest.raises(ConfigError, match='every must be at least 1, got 0'):
        score(predictions, root, every=0)
    with pytest.raises(ConfigError, match='min_fixations must be at least 0, got -1'):
        score(predictions, root, min_fixations=-1)


def test_ground_truth_without_fixations(root, predictions, tmp_path):
    out = tmp_path / 'out'
    prepare('xu-video', root, out, PrepareOptions(workers=1))
    for path in out.glob('*/*/fixation'):
        path.rename(path.with_name('other'))
    with pytest.raises(DataError, match='Couple: not all frames have fixations that could be'):
        score(predictions, out, workers=1, min_fixations=1, metrics=['CC'])
