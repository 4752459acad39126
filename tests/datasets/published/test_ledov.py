"""LEDOV: the fixations that its demo takes, on the frames that it puts them on."""

from pathlib import Path

import numpy as np
import pytest
from make_video import SIZE
from scipy.io import savemat
from trees import write_ledov

from salkit.cli import main
from salkit.datasets.published import dataset_at, density_recipes, find_ground_truth, get_published
from salkit.datasets.published.ledov import read_recording
from salkit.errors import DataError
from salkit.functional.density import gaussian_density
from salkit.prepare import PrepareOptions, prepare
from salkit.testing import PublishedSuite

DATA = Path(__file__).parents[2] / 'data'
# Observer, begin, duration, x, y in a frame of 80 x 48, 40 ms each. Its middle is (40, 24); 2 is a
# twentieth of its height, rounded.
ROWS = [
    (1, 0, 30, 40, 24),  # In the middle: the observer has not begun to look.
    (1, 30, 20, 60, 25),  # Away across, and not down.
    (1, 50, 70, 60, 10),  # Begins: frames 2 and 3.
    (1, 120, 0, 40, 24),  # Frame 3 alone; the middle is a place like any other now.
    (1, 160, 400, 80, 10),  # Beside the frame.
    (2, 0, 40, 10, 40),  # Time goes back: another observer, on frame 1.
    (2, 350, 500, 60, 10),  # To the last frame.
    (3, 20, 500, 41, 23),  # Never leaves the middle.
]
ON_FRAMES = [[(39, 9)], [(9, 59)], [(9, 59), (23, 39)], *[[]] * 5, *[[(9, 59)]] * 2]
VIDEOS = {'animal_bat01': ROWS, 'animal_cat11': ROWS, 'human_talking04': ROWS[5:7]}


class TestLEDOV(PublishedSuite):
    part = get_published('ledov')

    def write_files(self, folder):
        write_ledov(folder, VIDEOS)


def test_fixations_are_those_of_the_demo(tmp_path):
    root = write_ledov(tmp_path, dict(animal_bat01=ROWS))
    lists = find_ground_truth(root, 'train').videos[0].read_lists()
    found = [sorted(map(tuple, lists.at(i, SIZE).tolist())) for i in range(10)]
    assert found == ON_FRAMES
    assert lists.seen(2)[1].tolist() == [1, 1] and lists.seen(0)[1].tolist() == [2]
    # What begins when a frame ends is on that frame; the last one ends with the video.
    recording, shape = read_recording(root / 'animal_bat01' / 'Data.mat')
    assert shape == (10, *SIZE) and recording.spans.tolist() == [[1, 3], [2, 3], [0, 1], [8, 10]]
    # Prepared maps are made again where the same fixations are on other frames.
    faster = write_ledov(tmp_path / 'faster', dict(animal_bat01=ROWS), VideoFrameRate=50.0)
    other, _ = read_recording(faster / 'animal_bat01' / 'Data.mat')
    assert other.digest != recording.digest


def test_data_of_version_7_3(tmp_path):
    # It holds the rows above.
    root = write_ledov(tmp_path, dict(animal_bat01=ROWS))
    expected, shape = read_recording(root / 'animal_bat01' / 'Data.mat')
    found, same = read_recording(DATA / 'mat73_packed.mat')
    assert same == shape and found.digest == expected.digest


def test_densities_are_those_of_the_demo():
    recipe = density_recipes()['ledov']
    counts = np.zeros((300, 400))
    # Counted from 1, (120, 100) twice and (250, 290).
    counts[99, 119], counts[289, 249] = 2, 1
    density = gaussian_density(counts, recipe['sigma_px'], recipe['window_px'])
    # make_gauss_masks4.m in Octave; to the right of the third, the window of the first ends.
    golden = {
        (99, 119): 2,
        (99, 159): 1,
        (199, 219): 0.02060838502442327,
        (199, 220): 0.02078771507059454,
        (189, 150): 0.03965748364809643,
    }
    for place, value in golden.items():
        assert density[place] == pytest.approx(value, abs=1e-14)


def test_splits_and_scores(tmp_path, capsys):
    root = write_ledov(tmp_path / 'LEDOV', VIDEOS)
    assert dataset_at(root).name == 'ledov'
    found = {v.name: v.split for v in get_published('ledov').find_videos(root)}
    assert found == dict(animal_bat01='train', animal_cat11='val', human_talking04='test')
    out = tmp_path / 'out'
    report = prepare('ledov', root, out, PrepareOptions(workers=1))
    assert '4 of 4' not in '\n'.join(report.lines())
    observers = (out / 'observers.csv').read_text().splitlines()
    assert observers[1] == 'animal_bat01,0001,2,39,9'
    argv = ['--dataset-root', str(out), '--out', str(tmp_path / 'center')]
    assert main(['baseline', 'center', *argv]) == 0
    argv = [str(tmp_path / 'center'), str(root), '--split', 'test', '--workers', '1']
    assert main(['score', *argv, '--metrics', 'CC']) == 0
    assert 'LEDOV test: 1 videos, 10 frames' in capsys.readouterr().out


def test_videos_and_fixations_that_are_missing(tmp_path):
    root = write_ledov(tmp_path / 'LEDOV', VIDEOS)
    (root / 'animal_bat01' / 'animal_bat01.mp4').unlink()
    (root / 'animal_cat11' / 'Data.mat').unlink()
    (root / 'metrics').mkdir()
    report = prepare('ledov', root, tmp_path / 'out', PrepareOptions(workers=1))
    assert report.left_out == {
        'no video': ['animal_bat01'],
        'no annotation, part of val': ['animal_cat11'],
    }


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        (dict(fixdata=np.zeros((2, 4))), 'expected 5 columns in Data.fixdata, got 4'),
        (dict(fixdata='none'), "expected Data.fixdata, rows of .*, got the text 'none'"),
        (dict(VideoSize=[3.0]), r'expected 2 whole numbers above 0 in Data.VideoSize, got array'),
        (dict(VideoFrameRate=0.0), 'expected a number above 0 in Data.VideoFrameRate'),
        (dict(VideoFrames=np.nan), 'expected a whole number above 0 in Data.VideoFrames'),
        (dict(VideoFrames=9.5), 'expected a whole number above 0 in Data.VideoFrames'),
        (dict(VideoSize=[80.5, 48.0]), 'expected 2 whole numbers above 0 in Data.VideoSize'),
        (
            dict(fixdata=[[1, np.nan, 3, 60, 10]]),
            'Data.fixdata has a fixation without a time',
        ),
    ],
)
def test_data_of_another_layout(tmp_path, fields, message):
    root = write_ledov(tmp_path, dict(animal_bat01=ROWS), **fields)
    with pytest.raises(DataError, match=rf'animal_bat01/Data\.mat: {message}'):
        find_ground_truth(root, 'train').videos[0].read_lists()


@pytest.mark.parametrize(
    ('fields', 'shape'),
    [(dict(VideoSize=[64.0, 48.0]), '10 of 48 x 64'), (dict(VideoFrames=20.0), '20 of 48 x 80')],
)
def test_data_that_is_not_of_the_video(tmp_path, fields, shape):
    root = write_ledov(tmp_path, dict(animal_bat01=[]), **fields)
    message = rf'bat01\.mp4: 10 frames of 48 x 80 pixels, .*/Data\.mat has fixations on {shape}'
    with pytest.raises(DataError, match=message):
        find_ground_truth(root, 'train').videos[0].read_lists()


def test_a_frame_that_another_reader_found(tmp_path):
    root = write_ledov(tmp_path, dict(animal_bat01=ROWS), VideoFrames=12.0)
    assert len(find_ground_truth(root, 'train').videos[0].read_lists()) == 10


def test_data_that_is_no_struct(tmp_path):
    root = write_ledov(tmp_path, dict(animal_bat01=[]))
    savemat(root / 'animal_bat01' / 'Data.mat', dict(Data=np.eye(2)))
    with pytest.raises(DataError, match='the variable Data is a matrix of 2 x 2, expected'):
        find_ground_truth(root, 'train').videos[0].read_lists()
