"""Videos kept as files, in place of folders of their frames."""

import shutil

import numpy as np
import pytest
import torch
from make_data import write_video
from make_video import encode_video
from PIL import Image
from torch.utils.data import DataLoader

from salkit.datasets import VideoSaliencyDataset
from salkit.datasets.layout import read_video
from salkit.errors import DataError

PIPELINE = [
    dict(type='LoadClip', size=(16, 24)),
    dict(type='LoadTargets', size=(16, 24)),
    dict(type='PackClip'),
]


def keep_as_file(folder, name='video.mkv'):
    """Put a lossless video in place of a folder's images."""
    frames = [
        np.asarray(Image.open(p).convert('RGB')) for p in sorted((folder / 'images').iterdir())
    ]
    encode_video(folder / name, images=frames, size=(32, 48), codec='ffv1', pix_fmt='bgr0')
    shutil.rmtree(folder / 'images')


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Two splits of the same videos: as images, and as files."""
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    for number in range(2):
        for split in ('images', 'files'):
            folder = write_video(tmp_path / 'set' / split / f'v{number}', seed=number, frames=6)
            if split == 'files':
                keep_as_file(folder)
    return tmp_path / 'set'


def open_set(root, split, **options):
    options = dict(dict(clip_len=4, sampling='all', pipeline=PIPELINE), **options)
    return VideoSaliencyDataset(str(root), split=split, **options)


@pytest.mark.parametrize('workers', [0, 2])
def test_the_same_clips_as_from_images(root, workers):
    sets = [open_set(root, split) for split in ('images', 'files')]
    loaders = [DataLoader(s, batch_size=None, num_workers=workers) for s in sets]
    count = 0
    for first, second in zip(*loaders, strict=True):
        for key in ('clip', 'density_map', 'fixation_map'):
            assert torch.equal(first[key], second[key]), (key, first['meta'])
        assert (first['meta'].video, first['meta'].frame) == (
            second['meta'].video,
            second['meta'].frame,
        )
        assert first['meta'].size == second['meta'].size
        count += 1
    assert count == 12


def test_the_record_of_a_file(root):
    folder = root / 'files' / 'v0'
    record = read_video(folder)
    assert record.video_path == str(folder / 'video.mkv') and record.folder == folder
    assert len(record.frames) == 6 and record.frames[0].endswith('video.mkv/0001')


def test_a_file_that_changes_in_its_place_is_read_anew(root):
    open_set(root, 'files')
    folder = root / 'files' / 'v1'
    frames = [np.zeros((32, 48, 3), np.uint8)] * 4
    encode_video(folder / 'video.mkv', images=frames, size=(32, 48), codec='ffv1', pix_fmt='bgr0')
    with pytest.raises(DataError, match=r'v1: 4 frames but 6 density maps'):
        open_set(root, 'files')


def test_what_is_wrong_with_a_file(root):
    folder = root / 'files' / 'v0'
    shutil.copy(folder / 'video.mkv', folder / 'video.avi')
    with pytest.raises(DataError, match=r'expected one video file, found video\.avi, video\.mkv'):
        read_video(folder)
    (folder / 'video.avi').unlink()
    (folder / 'video.mkv').write_text('no video')
    with pytest.raises(DataError, match=r'video\.mkv'):
        read_video(folder)
    (folder / 'video.mkv').unlink()
    with pytest.raises(DataError, match=r'images: the folder does not exist'):
        read_video(folder)
