"""DAVSOD: packages for each split, and frames that keep the numbers of their source."""

import shutil

import pytest
from trees import write_davsod

from salkit.datasets.published import dataset_at, find_ground_truth, get_published
from salkit.errors import DataError
from salkit.prepare import PrepareOptions, prepare
from salkit.testing import PublishedSuite

PACKAGES = {
    'DAVSOD-TrainingSet': ['select_0036', 'select_0064_1'],
    'DAVSOD-ValidationSet': ['select_0112'],
    'Easy-35': ['select_0127'],
    'Difficult-20/Difficult-20': ['select_0010'],
}


class TestDAVSOD(PublishedSuite):
    part = get_published('davsod')

    def write_files(self, folder):
        write_davsod(folder, PACKAGES)


def names(truth):
    return [video.name for video in truth.videos]


def test_splits_and_groups(tmp_path):
    root = write_davsod(tmp_path, PACKAGES)
    assert dataset_at(root).name == 'davsod'
    assert names(find_ground_truth(root, 'train')) == ['select_0036', 'select_0064_1']
    assert names(find_ground_truth(root, 'test')) == ['select_0010', 'select_0127']
    assert names(find_ground_truth(root, 'Difficult-20')) == ['select_0010']
    with pytest.raises(DataError, match="no split 'Normal-25'; it has Difficult-20, Easy-35, test"):
        find_ground_truth(root, 'Normal-25')
    # A package is enough, under any of its names.
    package = root / 'DAVSOD-ValidationSet'
    assert names(find_ground_truth(package)) == ['select_0112']
    package = package.rename(root / 'Validation Set')
    assert names(find_ground_truth(package)) == ['select_0112']


def test_prepared_frames_keep_their_numbers(tmp_path):
    root = write_davsod(tmp_path / 'raw', PACKAGES)
    report = prepare('davsod', root, tmp_path / 'out', PrepareOptions(workers=1))
    assert {split: counts['frames'] for split, counts in report.splits.items()} == {
        'train': 6,
        'val': 3,
        'test': 6,
    }
    for part in ('images', 'maps', 'fixation'):
        folder = tmp_path / 'out' / 'test' / 'select_0127' / part
        assert sorted(path.stem for path in folder.iterdir()) == ['0041', '0042', '0043']


def test_a_video_that_is_there_twice(tmp_path):
    root = write_davsod(tmp_path, {'Easy-35': ['select_0127'], 'Normal-25': ['select_0127']})
    (video,) = get_published('davsod').find_videos(root)
    assert video.problem.startswith('there twice: ')
    # Whichever of the two is asked for, even if the other one has no ground truth.
    for part in ('Fixation_maps', 'Fixation_maps_smoothed'):
        shutil.rmtree(root / 'Normal-25' / 'select_0127' / part)
    write_davsod(root, {'DAVSOD-TrainingSet': ['select_0036']})
    for split in ('test', 'Easy-35', 'Normal-25'):
        with pytest.raises(DataError, match=r'select_0127: there twice: .*/Easy-35/.*/Normal-25/'):
            find_ground_truth(root, split)
    assert names(find_ground_truth(root, 'train')) == ['select_0036']
