import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from score_data import SIZE, blob, place, write_avimos, write_truth

from salkit.datasets.published.truth import find_ground_truth
from salkit.errors import DataError

BOTH = ('density', 'fixations')


def names(truth):
    return [video.name for video in truth.videos]


def test_canonical_layout(tmp_path):
    for split, video in (('train', 'a'), ('validation', 'b2'), ('validation', 'b10')):
        write_truth(tmp_path / split / video)
    truth = find_ground_truth(tmp_path, 'val')
    assert (truth.dataset, truth.split, names(truth)) == (tmp_path.name, 'val', ['b2', 'b10'])
    # The folder of the split will do, too.
    truth = find_ground_truth(tmp_path / 'validation')
    assert (truth.dataset, truth.split, names(truth)) == (tmp_path.name, 'val', ['b2', 'b10'])
    with pytest.raises(
        DataError, match=r'several splits: train \(1 videos\), val \(2 videos\); --split'
    ):
        find_ground_truth(tmp_path)
    with pytest.raises(DataError, match="has no split 'test'; it has train, val"):
        find_ground_truth(tmp_path, 'test')


def test_a_single_split_or_video(tmp_path):
    write_truth(tmp_path / 'testing' / 'Diving-Side-001', name='Diving-Side_001_{:03d}')
    assert find_ground_truth(tmp_path).split == 'test'
    truth = find_ground_truth(tmp_path / 'testing' / 'Diving-Side-001')
    assert names(truth) == ['Diving-Side-001']
    assert truth.videos[0].frames.names[2] == 'Diving-Side_001_003'


def test_dhf1k_as_downloaded(tmp_path):
    for video in ('0001', '0600', '0601', '0700'):
        write_truth(tmp_path / 'annotation' / video)
    truth = find_ground_truth(tmp_path, 'val')
    assert (truth.dataset, truth.split, names(truth)) == ('DHF1K', 'val', ['0601', '0700'])
    assert names(find_ground_truth(tmp_path / 'annotation', 'train')) == ['0001', '0600']
    with pytest.raises(DataError, match=r'train \(2 videos\), val \(2 videos\); --split'):
        find_ground_truth(tmp_path)
    with pytest.raises(DataError, match="has no split 'test'; it has train, val"):
        find_ground_truth(tmp_path, 'test')


def test_mat_files_where_preferred_or_alone(tmp_path):
    folder = write_truth(tmp_path / 'v', frames=3)
    (folder / 'fixation' / 'maps').mkdir()
    for i in range(3):
        fixations = np.zeros(SIZE, np.uint8)
        fixations[0, i] = 1
        savemat(folder / 'fixation' / 'maps' / f'{i + 1:04d}.mat', {'I': fixations})

    def first(prefer_mat):
        video = find_ground_truth(folder, prefer_mat=prefer_mat).videos[0]
        return np.argwhere(next(video.read([1], BOTH)).fixation_map).tolist()

    y, x = place(1)
    assert first(True) == [[0, 1]]
    assert first(False) == [[y - 1, x + 1], [y, x]]
    for path in (folder / 'fixation').glob('*.png'):
        path.unlink()
    assert first(False) == [[0, 1]]


def test_avimos(tmp_path):
    truth = find_ground_truth(write_avimos(tmp_path))
    assert (truth.dataset, truth.split, names(truth)) == ('AViMoS', 'test', ['a', 'b'])
    video = truth.videos[0]
    frames = list(video.read([0, 3], BOTH))
    np.testing.assert_allclose(frames[1].density, blob(*place(3)), atol=1 / 1000)
    assert frames[1].points.tolist() == [[*place(3)], [*place(3)], [0, 0]]
    assert frames[1].fixation_map is None and frames[1].size == SIZE
    points, size = next(video.read_points([3]))
    assert points.tolist() == frames[1].points.tolist() and size == SIZE


def test_avimos_splits(tmp_path):
    write_avimos(tmp_path)
    write_avimos(tmp_path, ('c', 'd'), split='Train')
    # Stimuli of the same names are not taken for saliency.
    (tmp_path / 'Videos').mkdir()
    (tmp_path / 'Videos' / 'a.mp4').write_bytes(b'')
    (tmp_path / 'TrainTestSplit.json').write_text(json.dumps({'public_test': ['b.mp4']}))
    assert names(find_ground_truth(tmp_path, 'public_test')) == ['b']
    assert names(find_ground_truth(tmp_path, 'train')) == ['c', 'd']
    with pytest.raises(DataError, match=r'several splits: train \(2 videos\), test \(2 videos\)'):
        find_ground_truth(tmp_path)
    with pytest.raises(DataError, match="no split 'x'; it has public_test, test, train"):
        find_ground_truth(tmp_path, 'x')


@pytest.mark.parametrize(
    'part', ['FixationsTest/Test/a', 'SaliencyTest/Test/a.mkv', 'Videos/a.mp4']
)
def test_a_video_that_is_there_twice(tmp_path, part):
    write_avimos(tmp_path)
    write_avimos(tmp_path, ('c',), split='Train')
    path = tmp_path / part
    copy = path.parent / 'more' / path.name
    if path.is_dir():
        shutil.copytree(path, copy)
    else:
        copy.parent.mkdir(parents=True)
        path.touch()
        copy.touch()
    with pytest.raises(DataError, match=': a: there twice: ') as caught:
        find_ground_truth(tmp_path, 'test')
    assert str(path) in str(caught.value) and str(copy) in str(caught.value)
    assert names(find_ground_truth(tmp_path, 'train')) == ['c']


@pytest.mark.parametrize(
    ('points', 'message'),
    [
        ([[[3, 32]]] * 5, r'frame 1: the fixation \[3, 32\] lies outside the frame of 24 rows'),
        ([[[-1, 2]]] * 5, r'the fixation \[-1, 2\] lies outside'),
        ([[[1, 2, 3]]] * 5, r'frame 1: expected a list of \[row, column\]'),
        ([[]] * 4, r'entry for each of the 5 frames in .*a\.mkv, got 4 entries'),
        ({'a': 1}, 'expected a list with an entry for every frame'),
    ],
)
def test_bad_lists_of_fixations(tmp_path, points, message):
    write_avimos(tmp_path)
    path = tmp_path / 'FixationsTest' / 'Test' / 'a' / 'fixations.json'
    path.write_text(json.dumps(points))
    video = find_ground_truth(tmp_path).videos[0]
    with pytest.raises(DataError, match=message) as caught:
        list(video.read([0], BOTH))
    assert str(path) in str(caught.value)


def test_lists_behind_the_last_frame_are_left_out(tmp_path):
    write_avimos(tmp_path)
    path = tmp_path / 'FixationsTest' / 'Test' / 'a' / 'fixations.json'
    path.write_text(json.dumps([[[i, 2]] for i in range(5)] + [[[99, 99]]] * 2))
    video = find_ground_truth(tmp_path).videos[0]
    assert [frame.points.tolist() for frame in video.read(range(5), BOTH)] == [
        [[i, 2]] for i in range(5)
    ]
    assert len(list(video.read_points(video.with_fixations))) == 5
    assert video.note.startswith('fixations.json has 7 entries for 5 frames; those behind the last')


def test_frames_without_fixations_are_frames(tmp_path):
    write_avimos(tmp_path)
    path = tmp_path / 'FixationsTest' / 'Test' / 'a' / 'fixations.json'
    path.write_text(json.dumps([[]] * 5))
    assert next(find_ground_truth(tmp_path).videos[0].read([0], BOTH)).points.shape == (0, 2)


def test_what_a_video_lacks(tmp_path):
    folder = write_truth(tmp_path / 'v', frames=4)
    (folder / 'fixation' / '0003.png').unlink()
    video = find_ground_truth(folder).videos[0]
    assert video.lacking(BOTH) == {2: 'fixation map'}
    assert video.lacking(['density']) == {}
    assert list(video.with_fixations) == [0, 1, 3]


def test_maps_of_different_sizes(tmp_path):
    folder = write_truth(tmp_path / 'v')
    Image.fromarray(np.zeros((9, 8), np.uint8)).save(folder / 'fixation' / '0002.png')
    video = find_ground_truth(folder).videos[0]
    with pytest.raises(DataError, match=r'0002\.png: the map is 9 x 8 pixels, the density map'):
        list(video.read(range(6), BOTH))


def test_nothing_to_find(tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        find_ground_truth(tmp_path / 'nowhere')
    with pytest.raises(DataError, match='holds no ground truth; expected'):
        find_ground_truth(tmp_path)
    (tmp_path / 'v' / 'maps').mkdir(parents=True)
    with pytest.raises(DataError, match='holds no ground truth maps'):
        _ = find_ground_truth(tmp_path / 'v').videos[0].frames
