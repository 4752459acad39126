import copy
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from make_data import write_dataset, write_video
from PIL import Image
from scipy.io import savemat
from torch.utils.data import DataLoader

from salkit.datasets import (
    DHF1KDataset,
    Hollywood2Dataset,
    UCFSportsDataset,
    VideoSaliencyDataset,
)
from salkit.errors import ConfigError, DataError, one_line
from salkit.media.clips import clip_indices, scored_frames
from salkit.utils.files import natural_key

PIPELINE = [dict(type='LoadClip', size=(16, 32)), dict(type='LoadTargets'), dict(type='PackClip')]


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / 'data')


def open_set(root, cls=VideoSaliencyDataset, **options):
    return cls(str(root), **{**dict(clip_len=4, pipeline=PIPELINE), **options})


def names(dataset):
    return [video.name for video in dataset.videos]


# Which frames -------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 20), st.data())
def test_clip_indices_end_at_the_frame_and_stay_inside(num_frames, clip_len, data):
    last = data.draw(st.integers(0, num_frames - 1))
    for head in ('repeat-first', 'reverse-time', 'skip'):
        indices = clip_indices(last, clip_len, num_frames, head)
        assert len(indices) == clip_len and indices[-1] == last
        assert all(0 <= i < num_frames for i in indices)
        if last >= clip_len - 1:
            assert indices == list(range(last - clip_len + 1, last + 1))


def test_head_policies():
    assert clip_indices(1, 4, 10, 'repeat-first') == [0, 0, 0, 1]
    assert clip_indices(1, 4, 10, 'reverse-time') == [4, 3, 2, 1]
    assert clip_indices(1, 4, 3, 'reverse-time') == [2, 2, 2, 1]


@given(st.integers(1, 100), st.integers(1, 20), st.integers(1, 40))
def test_short_videos_are_never_dropped(num_frames, clip_len, stride):
    for sampling, head in (('all', 'repeat-first'), ('all', 'skip'), ('strided', 'repeat-first')):
        frames = list(scored_frames(num_frames, clip_len, sampling, stride, head))
        assert frames and frames[-1] < num_frames
        if num_frames < clip_len and (sampling == 'strided' or head == 'skip'):
            assert frames == [num_frames - 1]


def test_which_frames_are_scored():
    assert list(scored_frames(5, 4, 'all', 1, 'repeat-first')) == [0, 1, 2, 3, 4]
    assert list(scored_frames(5, 4, 'all', 1, 'skip')) == [3, 4]
    assert list(scored_frames(100, 16, 'strided', 32, 'repeat-first')) == [15, 47, 79]


# Samples ------------------------------------------------------------------------------------------


def test_every_frame_once_with_its_own_targets(root):
    dataset = open_set(root, split='test', sampling='all')
    assert len(dataset) == 20
    seen = [(dataset[i]['meta'].video, dataset[i]['meta'].frame) for i in range(len(dataset))]
    assert len(set(seen)) == 20
    sample = dataset[13]
    assert (sample['meta'].video, sample['meta'].frame) == ('test001', '0004')
    density = np.asarray(Image.open(root / 'test/test001/maps/0004.png')) / 255
    np.testing.assert_allclose(sample['density_map'], density, atol=1e-6)
    assert sample['clip'].shape == (3, 4, 16, 32) and sample['clip'].dtype == torch.uint8


def test_the_head_of_a_video(root):
    first = open_set(root, split='test', sampling='all')[0]['clip']
    assert torch.equal(first[:, 0], first[:, 3])
    reverse = open_set(root, split='test', sampling='all', head='reverse-time')
    paths = reverse.sample_files(0)['frame_paths']
    assert [path[-8:-4] for path in paths] == ['0004', '0003', '0002', '0001']
    assert len(open_set(root, split='test', sampling='all', head='skip')) == 2 * 7


def test_random_clips_follow_from_seed_epoch_and_video(root):
    dataset = open_set(root, sampling='random', clip_len=2)
    assert len(dataset) == 4
    drawn = []
    for epoch in range(6):
        dataset.set_epoch(epoch)
        drawn.append([dataset.locate(i)[1] for i in range(4)])
        assert drawn[-1] == [dataset.locate(i)[1] for i in range(4)]
    assert len({tuple(d) for d in drawn}) > 1
    again = open_set(root, sampling='random', clip_len=2)
    again.set_epoch(3)
    assert [again.locate(i)[1] for i in range(4)] == drawn[3]
    other = open_set(root, sampling='random', clip_len=2, seed=1)
    other.set_epoch(3)
    assert [[other.locate(i)[1] for i in range(4)] for _ in range(1)] != [drawn[3]]


def test_several_random_clips_of_a_video(root):
    dataset = open_set(root, sampling='random', clip_len=1, clips_per_video=5)
    assert len(dataset) == 20
    located = [dataset.locate(i) for i in range(20)]
    assert [number for number, _ in located] == [i // 5 for i in range(20)]
    assert len({frame for number, frame in located if number == 0}) > 1


def test_persistent_workers_see_the_new_epoch(root):
    dataset = open_set(root, sampling='random', clip_len=1)
    loader = DataLoader(
        copy.deepcopy(dataset), batch_size=None, num_workers=1, persistent_workers=True
    )
    for epoch in range(3):
        dataset.set_epoch(epoch)
        loaded = [sample['meta'].frame for sample in loader]
        assert loaded == [dataset[i]['meta'].frame for i in range(4)]


def test_a_video_shorter_than_a_clip(tmp_path):
    write_dataset(tmp_path, dict(train=2, test=1), frames=3)
    for options in (dict(split='train'), dict(split='test', sampling='strided')):
        sample = open_set(tmp_path, clip_len=8, **options)[0]
        assert sample['meta'].frame == '0003' and sample['clip'].shape[1] == 8


def test_mixed_suffixes_pair_by_sorted_name(tmp_path):
    write_video(tmp_path / 'test' / 'v', suffixes=('png', 'jpg'), name='v_{:03d}')
    dataset = open_set(tmp_path, split='test', sampling='all')
    assert [p.rsplit('/', 1)[1] for p in dataset.videos[0].frames[:3]] == [
        'v_001.png',
        'v_002.jpg',
        'v_003.png',
    ]
    assert dataset.sample_files(1)['density_path'].endswith('v_002.png')


def test_numbers_sort_as_numbers(tmp_path):
    write_video(tmp_path / 'test' / 'v', frames=12, name='f{}')
    dataset = open_set(tmp_path, split='test', sampling='all')
    assert [dataset.sample_files(i)['frame'] for i in (0, 1, 9, 11)] == ['f1', 'f2', 'f10', 'f12']
    assert sorted(['b10', 'b9', 'a'], key=natural_key) == ['a', 'b9', 'b10']


def test_mat_fixations_stand_in_for_images(tmp_path):
    folder = write_video(tmp_path / 'test' / 'v', frames=3)
    (folder / 'fixation' / 'maps').mkdir()
    for path in sorted((folder / 'fixation').glob('*.png')):
        points = np.asarray(Image.open(path)) > 0
        savemat(folder / 'fixation' / 'maps' / f'{path.stem}.mat', dict(I=points.astype(np.uint8)))
        path.unlink()
    dataset = open_set(tmp_path, split='test', sampling='all')
    assert dataset[1]['fixation_map'].sum() == 2


# Splits -------------------------------------------------------------------------------------------


def test_dhf1k_holds_out_a_tenth_and_tests_on_val(tmp_path):
    write_dataset(tmp_path, dict(train=20, val=3), frames=2, size=(8, 16))
    parts = {s: names(open_set(tmp_path, DHF1KDataset, split=s)) for s in ('train', 'val', 'test')}
    assert len(parts['train']) == 18 and len(parts['val']) == 2 and len(parts['test']) == 3
    assert not set(parts['train']) & set(parts['val'])
    assert all(name.startswith('val') for name in parts['test'])
    assert names(open_set(tmp_path, DHF1KDataset, split='val')) == parts['val']
    others = [names(open_set(tmp_path, DHF1KDataset, split='val', seed=s)) for s in range(1, 5)]
    assert any(other != parts['val'] for other in others)


@pytest.mark.parametrize('cls', [UCFSportsDataset, Hollywood2Dataset])
def test_ucf_layout(tmp_path, cls):
    write_dataset(tmp_path, dict(training=10, testing=2), frames=2, size=(8, 16))
    sizes = [len(open_set(tmp_path, cls, split=s).videos) for s in ('train', 'val', 'test')]
    assert sizes == [9, 1, 2]


def test_an_own_val_folder_is_used_whole(root):
    assert len(open_set(root).videos) == 4
    assert names(open_set(root, split='val')) == ['val000']


def test_a_folder_with_one_split_serves_all_of_them(tmp_path, capsys):
    write_dataset(tmp_path, dict(testing=1))
    dataset = open_set(tmp_path, split='train')
    assert names(dataset) == ['testing000'] and dataset.metainfo['split'] == 'testing'
    assert names(open_set(tmp_path / 'testing', split='val')) == ['testing000']
    with pytest.raises(
        DataError, match=r'UCFSportsDataset needs a folder train or training.*testing'
    ):
        open_set(tmp_path, UCFSportsDataset, split='train')


def test_several_splits_never_stand_in_for_each_other(tmp_path):
    write_dataset(tmp_path, dict(train=2, test=1))
    with pytest.raises(DataError, match='the split folder does not exist'):
        open_set(tmp_path, split='night')
    shutil.rmtree(tmp_path / 'train')
    write_dataset(tmp_path, dict(night=1))
    with pytest.raises(DataError, match='found night, test'):
        open_set(tmp_path, split='train')
    assert names(open_set(tmp_path, split='night')) == ['night000']


def test_the_real_sequence(sample_sequence):
    dataset = open_set(
        sample_sequence.parent.parent, UCFSportsDataset, split='test', sampling='all', clip_len=16
    )
    assert len(dataset) == 54 and names(dataset) == ['Diving-Side-001']
    suffixes = [path.rsplit('.', 1)[1] for path in dataset.videos[0].frames]
    assert suffixes.count('jpg') == 2
    sample = dataset[53]
    assert sample['meta'].size == (404, 720) == tuple(sample['density_map'].shape)
    mats = sorted((sample_sequence / 'fixation' / 'maps').glob('*.mat'))
    from salkit.media.maps import read_fixation_map

    np.testing.assert_array_equal(
        read_fixation_map(str(mats[53])), sample['fixation_map'].numpy() > 0
    )


# What can be wrong --------------------------------------------------------------------------------


PARTS = ('images', 'maps', 'fixation')


def spoil(root, how):
    video = root / 'test' / 'test000'
    if how == 'no density map for one frame':
        (video / 'maps' / '0004.png').unlink()
    elif how == 'no fixations at all':
        shutil.rmtree(video / 'fixation')
    elif how == 'no maps folder':
        shutil.rmtree(video / 'maps')
    elif how == 'no frames':
        shutil.rmtree(video / 'images')
        (video / 'images').mkdir()
    elif how == 'a frame too many':
        shutil.copy(video / 'images' / '0001.png', video / 'images' / '0011.png')
    elif how == 'another number missing on each side':
        (video / 'images' / '0003.png').unlink()
        (video / 'maps' / '0007.png').unlink()
        (video / 'fixation' / '0007.png').unlink()
    else:
        part = how.split()[-1]
        shutil.copy(video / part / '0002.png', video / part / '0002.jpg')


@pytest.mark.parametrize(
    ('how', 'message'),
    [
        ('no density map for one frame', r'test000: 10 frames but 9 density maps; .* frame 0004'),
        ('no fixations at all', r'test000: 10 frames but 0 fixation maps'),
        ('no maps folder', r'test000/maps: the folder does not exist'),
        ('no frames', r'test000/images: holds no'),
        ('a frame too many', r'test000: 11 frames but 10 density maps; .* frame 0011'),
        (
            'another number missing on each side',
            r'maps/0003\.png: this density map would be paired',
        ),
        *((f'two files in {part}', rf'{part}: two files for frame 0002') for part in PARTS),
    ],
)
def test_what_is_missing_is_named_when_the_set_is_opened(root, how, message):
    spoil(root, how)
    with pytest.raises(DataError, match=message):
        open_set(root, split='test', sampling='all')


def test_fixations_can_be_optional(root):
    for number in ('000', '001'):
        shutil.rmtree(root / 'test' / f'test{number}' / 'fixation')
    dataset = open_set(root, split='test', sampling='all', require_fixations=False)
    assert dataset[0]['fixation_map'] is None


def test_a_broken_file_is_named_through_a_worker(root):
    (root / 'test' / 'test000' / 'images' / '0001.png').write_bytes(b'broken')
    loader = DataLoader(open_set(root, split='test', sampling='all'), None, num_workers=1)
    with pytest.raises(DataError) as error:
        next(iter(loader))
    line = one_line(error.value)
    assert line.startswith(str(root)) and '0001.png: cannot be read as an image' in line


@pytest.mark.parametrize(
    'options',
    [
        dict(sampling='some'),
        dict(head='none'),
        dict(clip_len=0),
        dict(stride=0),
        dict(clips_per_video=0),
        dict(holdout=1.5),
    ],
)
def test_wrong_arguments(root, options):
    with pytest.raises(ConfigError, match='VideoSaliencyDataset'):
        open_set(root, **options)


def test_a_root_that_does_not_exist(tmp_path):
    with pytest.raises(DataError, match='nowhere: the data root does not exist'):
        open_set(tmp_path / 'nowhere')
    with pytest.raises(DataError, match='found no folder with videos'):
        open_set(tmp_path)


def test_too_few_videos_to_hold_one_out(tmp_path):
    write_dataset(tmp_path, dict(train=1, test=1))
    with pytest.raises(DataError, match='too few to hold one out'):
        open_set(tmp_path, split='val')
