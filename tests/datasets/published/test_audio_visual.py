"""The audio-visual collection: its lists, its folds, and its fixation maps in .mat files."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from score_data import place
from trees import write_collection

from salkit.cli import main
from salkit.datasets.published import dataset_at, find_ground_truth, get_published
from salkit.errors import ConfigError, DataError
from salkit.prepare import PrepareOptions, prepare
from salkit.testing import PublishedSuite

# v2 is tested in one fold and trained on in the other.
FOLDS = {
    'train_1': ['v1', 'v2'],
    'test_1': ['v3'],
    'train_2': ['v1', 'v3'],
    'test_2': ['v2'],
}
DIEM = {'train': ['v1', 'v2'], 'test': ['v3']}


class TestCoutrot1(PublishedSuite):
    part = get_published('coutrot1')
    fold = 2

    def write_files(self, folder):
        write_collection(folder, 'Coutrot_db1', FOLDS)


class TestDIEM(PublishedSuite):
    part = get_published('diem')

    def write_files(self, folder):
        write_collection(folder, 'DIEM', DIEM)


def run(name, root, out, **options):
    return prepare(name, root, out, PrepareOptions(workers=1, **options))


def videos_in(folder):
    return {path.parent.name + '/' + path.name for path in folder.glob('t*/*')}


@pytest.mark.parametrize(
    ('name', 'folder'),
    [('avad', 'AVAD'), ('coutrot2', 'Coutrot_db2'), ('etmd', 'ETMD_av'), ('summe', 'SumMe')],
)
def test_where_each_set_lies(tmp_path, name, folder):
    write_collection(tmp_path / 'data', folder, {'train_3': ['a'], 'test_3': ['b']}, frames=1)
    for root in (tmp_path, tmp_path / 'data', tmp_path / 'data' / 'annotations' / folder):
        assert dataset_at(root).name == name
        assert [v.groups for v in get_published(name).find_videos(root)] == [
            ('train_3',),
            ('test_3',),
        ]


def test_a_fold_is_prepared_and_said(tmp_path):
    root = write_collection(tmp_path / 'data', 'AVAD', FOLDS)
    with pytest.raises(ConfigError, match=r'AVAD is split 2 times: --fold \(1, 2\) says how'):
        run('avad', root, tmp_path / 'out')
    with pytest.raises(ConfigError, match='--fold 3: AVAD has folds 1, 2'):
        run('avad', root, tmp_path / 'out', fold=3)
    report = run('avad', root, tmp_path / 'out', fold=1)
    assert videos_in(tmp_path / 'out') == {'train/v1', 'train/v2', 'test/v3'}
    assert 'fold 1 of AVAD' in list(report.lines())
    report.write(tmp_path / 'report.json')
    assert json.loads((tmp_path / 'report.json').read_text())['fold'] == 1
    folder = tmp_path / 'out' / 'train' / 'v1'
    assert (folder / 'fixation' / 'maps' / 'fixMap_00004.mat').is_file()
    # Another fold does not mix with what is there.
    with pytest.raises(ConfigError, match=r"now in 'test'.* --overwrite makes them again"):
        run('avad', root, tmp_path / 'out', fold=2)
    run('avad', root, tmp_path / 'out', fold=2, overwrite=True)
    assert videos_in(tmp_path / 'out') == {'train/v1', 'train/v3', 'test/v2'}


def test_a_set_that_is_split_once_has_no_folds(tmp_path):
    root = write_collection(tmp_path / 'data', 'DIEM', DIEM)
    with pytest.raises(ConfigError, match='--fold 1: DIEM has none'):
        run('diem', root, tmp_path / 'out', fold=1)
    with pytest.raises(ConfigError, match='--fold goes with public data sets'):
        run('folder', root, tmp_path / 'out', fold=1)


def test_scores_of_a_fold(tmp_path, capsys):
    root = write_collection(tmp_path / 'data', 'SumMe', FOLDS)
    for name in ('v1', 'v2', 'v3'):
        folder = tmp_path / 'predictions' / name
        folder.mkdir(parents=True)
        for path in (root / 'annotations' / 'SumMe' / name / 'maps').iterdir():
            Image.open(path).save(folder / path.with_suffix('.png').name)
    argv = ['score', str(tmp_path / 'predictions'), str(root), '--workers', '1', '--split']
    assert main([*argv, 'test_2', '--metrics', 'CC,NSS']) == 0
    printed = capsys.readouterr().out
    assert 'SumMe test_2: 1 videos, 4 frames' in printed and '1.0000' in printed
    assert [v.name for v in find_ground_truth(root, 'train_2').videos] == ['v1', 'v3']
    # Without a split: every video, whatever it is for.
    assert (everything := find_ground_truth(root)).split == 'all' and len(everything.videos) == 3
    with pytest.raises(DataError, match="has no split 'test'; it has all, test_1, test_2, train_1"):
        find_ground_truth(root, 'test')


def test_fixations_are_those_of_eye_map(tmp_path):
    root = write_collection(tmp_path / 'data', 'DIEM', DIEM)
    (video,) = find_ground_truth(root, 'test').videos
    frame = next(video.read([1], ('density', 'fixations')))
    y, x = place(3, (24, 32))
    assert np.argwhere(frame.fixation_map).tolist() == [[y - 1, x + 1], [y, x]]
    assert frame.density.shape == (24, 32)


def test_frames_beyond_the_list_are_left_out(tmp_path):
    root = write_collection(tmp_path / 'data', 'DIEM', DIEM, frames=5)
    (root / 'fold_lists' / 'DIEM_list_test_fps.txt').write_text('v3 3 25\n')
    (video,) = find_ground_truth(root, 'test').videos
    assert len(video.frames) == 3 and list(video.with_fixations) == [0, 1, 2]
    report = run('diem', root, tmp_path / 'out')
    assert not report.failed and report.splits['test']['frames'] == 3
    assert report.splits['train']['frames'] == 10
    for part in ('images', 'maps', 'fixation/maps'):
        assert len(list((tmp_path / 'out' / 'test' / 'v3' / part).iterdir())) == 3


def test_no_frame_beyond_the_list_stands_in_for_one_that_is_missing(tmp_path):
    root = write_collection(tmp_path / 'data', 'DIEM', DIEM, frames=5)
    (root / 'fold_lists' / 'DIEM_list_test_fps.txt').write_text('v3 4 25\n')
    annotation = root / 'annotations' / 'DIEM' / 'v3'
    (annotation / 'fixMap_00002.mat').unlink()
    (video,) = find_ground_truth(root, 'test').videos
    assert video.lacking(('fixations',)) == {1: 'fixation map'}
    (annotation / 'maps' / 'eyeMap_00002.jpg').unlink()
    (video,) = find_ground_truth(root, 'test').videos
    with pytest.raises(DataError, match='v3/maps: 3 maps of the 4 frames that its list counts'):
        _ = video.frames
    # Prepared, neither another fixation map nor another frame is put in the place of one.
    (failed,) = run('diem', root, tmp_path / 'out').failed
    assert '4 frames, 3 density maps, 3 fixation maps, 4 frames in its list' in failed.note
    (root / 'video_frames' / 'DIEM' / 'v3' / 'img_00002.jpg').unlink()
    (failed,) = run('diem', root, tmp_path / 'out').failed
    assert '3 frames, 3 density maps, 3 fixation maps, 4 frames in its list' in failed.note


def test_fewer_frames_than_listed(tmp_path):
    root = write_collection(tmp_path / 'data', 'DIEM', DIEM)
    (root / 'fold_lists' / 'DIEM_list_test_fps.txt').write_text('v3 6 25\n')
    (video,) = find_ground_truth(root, 'test').videos
    with pytest.raises(DataError, match='v3/maps: 4 maps of the 6 frames that its list counts'):
        _ = video.frames
    (failed,) = run('diem', root, tmp_path / 'out').failed
    assert '4 frames, 4 density maps, 4 fixation maps, 6 frames in its list' in failed.note
    assert run('diem', root, tmp_path / 'out', allow_trim=2).splits['test']['frames'] == 4


def test_several_sets_in_one_folder(tmp_path):
    root = write_collection(tmp_path / 'data', 'DIEM', DIEM, frames=1)
    write_collection(root, 'AVAD', FOLDS, frames=1)
    with pytest.raises(DataError, match='several data sets, avad, diem: give the folder of one'):
        find_ground_truth(root, 'test')
    assert find_ground_truth(root / 'annotations' / 'DIEM', 'test').dataset == 'DIEM'
    assert len(run('avad', root, tmp_path / 'out', fold=1).outcomes) == 3


def test_lists_that_are_missing(tmp_path):
    root = write_collection(tmp_path / 'data', 'AVAD', FOLDS, frames=1)
    # Whoever scores a fold has no need of the list of its training videos, or of other folds.
    for name in ('train_1', 'train_2', 'test_2'):
        (root / 'fold_lists' / f'AVAD_list_{name}_fps.txt').unlink()
    assert [video.name for video in find_ground_truth(root, 'test_1').videos] == ['v3']
    for path in (root / 'fold_lists').iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r'AVAD_list_train_1_fps\.txt: '):
        run('avad', root, tmp_path / 'out', fold=1)


def test_a_listed_video_that_is_not_there(tmp_path):
    root = write_collection(tmp_path / 'data', 'DIEM', DIEM, frames=1)
    with open(root / 'fold_lists' / 'DIEM_list_test_fps.txt', 'a') as file:
        file.write('gone 7 30\n\n')
    with pytest.raises(DataError, match="no ground truth of 1 videos of the split 'test', gone"):
        find_ground_truth(root, 'test')
    report = run('diem', root, tmp_path / 'out')
    assert report.left_out == {'no video': ['gone']}
    # One that no list names belongs to no split.
    (root / 'annotations' / 'DIEM' / 'extra' / 'maps').mkdir(parents=True)
    (root / 'video_frames' / 'DIEM' / 'extra').mkdir()
    report = run('diem', root, tmp_path / 'out')
    assert report.left_out['of no split of DIEM'] == ['extra']


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('v3', 'line 1: expected the name of a video, its number of frames'),
        ('v3 many 25', "its number of frames and the frames per second, got 'v3 many 25'"),
        ('v3 0 25', "got 'v3 0 25'"),
        ('../v3 4 25', "line 1: expected the name of a video, got '../v3'"),
        ('sub/v3 4 25', "line 1: expected the name of a video, got 'sub/v3'"),
        ('.v3 4 25', "line 1: expected the name of a video, got '.v3'"),
        ('v3 4 25\nv3 4 25', 'line 2: lists v3 a second time'),
        ('v1 4 25', r'_test_fps\.txt: lists v1, as DIEM_list_train_fps\.txt does'),
    ],
)
def test_lists_that_cannot_be_read(tmp_path, line, message):
    root = write_collection(tmp_path / 'data', 'DIEM', DIEM, frames=1)
    (root / 'fold_lists' / 'DIEM_list_test_fps.txt').write_text(line)
    with pytest.raises(DataError, match=message):
        find_ground_truth(root, 'test')


def test_mat_files_of_another_variable_or_version(tmp_path):
    root = write_collection(tmp_path / 'data', 'DIEM', DIEM, frames=1, variable='fixations')
    (video,) = find_ground_truth(root, 'test').videos
    message = r'fixMap_00001\.mat: expected a variable I or eyeMap .*, found fixations'
    with pytest.raises(DataError, match=message):
        list(video.read([0], ('fixations',)))
    path = root / 'annotations' / 'DIEM' / 'v3' / 'fixMap_00001.mat'
    savemat(path, {'eyeMap': np.eye(24, 32)})
    content = bytearray(path.read_bytes())
    content[124:126] = bytes([0, 2])
    path.write_bytes(content)
    with pytest.raises(DataError, match=r'version 5 to 7, got version 7\.3; save it with -v7'):
        list(video.read([0], ('fixations',)))
