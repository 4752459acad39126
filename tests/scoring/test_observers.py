import csv
import json
from pathlib import Path

import numpy as np
import pytest
from make_data import write_dataset
from PIL import Image
from scipy.ndimage import gaussian_filter

from salkit.cli import main


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / 'set', splits=dict(test=3), frames=6)


def density(path):
    return np.asarray(Image.open(path)).astype(float)


def run(*argv):
    return main(['baseline', *map(str, argv)])


def fails(capsys, *argv):
    assert run(*argv) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith('salkit baseline: error: ')
    return line


POINTS = {  # video -> frame -> observer -> rows and columns
    'test000': {
        '0001': {'anna': [(10, 20)], 'ben': [(12, 22), (20, 40)], 'cy': [(0, 0)]},
        '0002': {'anna': [(5, 5)]},
        '0004': {'ben': [(8, 8)], 'cy': [(31, 47)]},
    },
    'test001': {'0006': {'anna': [(3, 3)], 'dora': [(4, 4)]}},
    'test002': {'0001': {'ben': [(3, 3)], 'cy': [(4, 4), (4, 4)]}},
}


@pytest.fixture
def points_csv(tmp_path):
    path = tmp_path / 'points.csv'
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['video', 'frame', 'observer', 'row', 'col'])
        for video, frames in POINTS.items():
            for frame, seen in frames.items():
                for observer, points in seen.items():
                    writer.writerows([video, frame, observer, *p] for p in points)
    return path


def blurred(points, size, sigma):
    """A Gaussian around every point, cut at 4 sigma, by SciPy; at most 1."""
    counts = np.zeros(size)
    np.add.at(counts, tuple(np.transpose(points)), 1)
    found = gaussian_filter(counts, sigma, mode='constant', truncate=4)
    return found / found.max()


def test_a_half_is_predicted_from_the_other(root, tmp_path, points_csv, capsys):
    out = tmp_path / 'out'
    argv = ['--dataset-root', root, '--out', out, '--observers', points_csv, '--sigma', 0.05]
    assert run('inter-observer', '--half', *argv, '--format', 'npy') == 0
    names = {
        part: sorted(path.relative_to(out / part).as_posix() for path in (out / part).rglob('*.*'))
        for part in ('predictions', 'ground_truth')
    }
    # Every second one of the video's; frames that these, or the others, did not look at are left
    # out.
    frames = ['test000/0001', 'test000/0004', 'test001/0006', 'test002/0001']
    assert names['predictions'] == [f'{frame}.npy' for frame in frames]
    size = density(root / 'test' / 'test000' / 'maps' / '0001.png').shape
    sigma = 0.05 * max(size)
    found = np.load(out / 'predictions' / 'test000' / '0001.npy')
    assert np.abs(found - blurred([(10, 20), (0, 0)], size, sigma)).max() < 1e-5
    truth = out / 'ground_truth' / 'test000'
    assert np.argwhere(density(truth / 'fixation' / '0001.png')).tolist() == [[12, 22], [20, 40]]
    expected = blurred([(12, 22), (20, 40)], size, sigma)
    assert np.abs(density(truth / 'maps' / '0001.png') - 255 * expected).max() <= 0.51
    assert main(['score', str(out / 'predictions'), str(out / 'ground_truth')]) == 0
    assert '3 videos, 4 frames' in capsys.readouterr().out
    assert 'holds another baseline (other baseline)' in fails(
        capsys, 'inter-observer', *argv, '--format', 'npy'
    )
    argv = ['--half', '--dataset-root', root, '--out', tmp_path / 'c']
    assert '--half goes with inter-observer' in fails(capsys, 'center', *argv)


def test_each_observer_is_predicted_from_the_others(root, tmp_path, points_csv, capsys):
    out = tmp_path / 'out'
    argv = [
        'inter-observer',
        '--dataset-root',
        root,
        '--out',
        out,
        '--observers',
        points_csv,
        '--format',
        'npy',
        '--sigma',
        0.05,
    ]
    assert run(*argv) == 0
    truth = out / 'ground_truth'
    assert f'salkit score {out / "predictions"} {truth}' in capsys.readouterr().out
    names = {p.name for p in (out / 'predictions').iterdir()}
    assert names == {
        'test000@anna',
        'test000@ben',
        'test000@cy',
        'test001@anna',
        'test001@dora',
        'test002@ben',
        'test002@cy',
    }

    def density_of(*observers):
        points = [p for o in observers for p in POINTS['test000']['0001'][o]]
        return blurred(points, (32, 48), 0.05 * 48)

    def prediction(observer):
        return np.load(out / 'predictions' / f'test000@{observer}' / '0001.npy')

    assert prediction('anna') == pytest.approx(density_of('ben', 'cy'), abs=1e-6)
    assert prediction('ben') == pytest.approx(density_of('anna', 'cy'), abs=1e-6)
    # Frames that nobody else looked at are left out, and so are those that nobody looked at.
    assert sorted(p.name for p in (out / 'predictions' / 'test000@ben').iterdir()) == [
        '0001.npy',
        '0004.npy',
    ]
    assert len(list((out / 'predictions' / 'test000@anna').iterdir())) == 1
    fixations = density(truth / 'test000@ben' / 'fixation' / '0001.png')
    assert np.argwhere(fixations).tolist() == [[12, 22], [20, 40]]
    own = density(truth / 'test000@ben' / 'maps' / '0001.png') / 255
    assert own == pytest.approx(density_of('ben'), abs=0.51 / 255)
    # Run again, nothing is redone; an interrupted video is.
    capsys.readouterr()
    assert run(*argv) == 0
    assert '0 videos written' in capsys.readouterr().out
    (out / 'predictions' / 'test001@dora' / '0006.npy').unlink()
    (out / 'finished' / 'test001').unlink()
    assert run(*argv) == 0
    assert '1 videos written' in capsys.readouterr().out
    assert (out / 'predictions' / 'test001@dora' / '0006.npy').exists()


def test_what_is_missing_for_other_observers_is_named(root, tmp_path, points_csv, capsys):
    argv = ['inter-observer', '--dataset-root', root, '--out', tmp_path / 'out']
    assert '--observers FILE.csv goes with inter-observer' in fails(capsys, *argv)
    header, rows = 'video,frame,observer,row,col\n', 'test000,0001,a,1,1\n'
    others = ''.join(f'test00{v},0001,{o},1,1\n' for v in (1, 2) for o in 'ab')
    for text, reason in (
        ('video,frame,row,col\n', 'with frame and observer; found video, frame, row, col'),
        (header + 'test000,0001,a,x,1\n', "points.csv, line 2: y must be a number, got 'x'"),
        (header + 'test000,0001,a\n', 'points.csv, line 2: expected 5 values'),
        (header + 'test000,0001,../a,1,1\n', "not '../a'"),
        (header + rows, 'test000: no frame has fixations of two observers'),
        (header + others + rows + 'test000,0009,b,1,1\n', 'on a frame that it has not, 0009'),
        (header + others + rows + 'test000,0001,b,32,1\n', 'outside of frame 0001, which is 32 x'),
        (header + others + rows + 'test000,0002,b,1,1\n', 'no frame has fixations of two'),
        (
            header + rows + 'test000,0001,b,nan,1\n',
            'points.csv, line 3: expected the pixel of a fixation',
        ),
    ):
        points_csv.write_text(text)
        assert reason in fails(capsys, *argv, '--observers', points_csv)
    assert 'does not exist' in fails(capsys, *argv, '--observers', Path('no.csv'))
    assert not (tmp_path / 'out').exists()


def test_the_ceiling_is_scored(root, tmp_path, points_csv):
    out = tmp_path / 'io'
    assert (
        run('inter-observer', '--dataset-root', root, '--out', out, '--observers', points_csv) == 0
    )
    file = tmp_path / 'io.json'
    argv = ['score', out / 'predictions', out / 'ground_truth', '--out', file, '--workers', 1]
    assert main([str(item) for item in argv]) == 0
    content = json.loads(file.read_text())
    (scores,) = content.get('reports', [content])
    # ben's points lie by anna's, cy's is far from both.
    per_video = scores['per_video']
    assert per_video['test000@ben']['NSS'] > 0.2 > per_video['test000@cy']['NSS']
    assert per_video['test001@dora']['AUC-J'] > 0.95
