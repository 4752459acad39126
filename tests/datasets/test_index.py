import json
import os
import shutil
import time

import pytest
from make_data import write_dataset, write_video

from salkit.datasets import VideoSaliencyDataset, index
from salkit.datasets.file_list import FileList
from salkit.datasets.index import read_videos
from salkit.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'dataset-index'


@pytest.fixture
def listed(monkeypatch):
    """Names of the videos whose folders were really listed, in order."""
    seen, real = [], index.read_video

    def read(folder, **options):
        seen.append(folder.name)
        return real(folder, **options)

    monkeypatch.setattr(index, 'read_video', read)
    return seen


@pytest.fixture
def folders(tmp_path):
    write_dataset(tmp_path / 'set', dict(train=3), frames=3, size=(8, 16))
    folders = sorted((tmp_path / 'set' / 'train').iterdir())
    settle(tmp_path / 'set')
    return folders


def settle(root):
    """Let all folders look as if nothing had changed for a minute."""
    past = time.time() - 60
    for folder, _, _ in os.walk(root):
        os.utime(folder, (past, past))


def test_a_second_look_lists_nothing(folders, listed, cache):
    first = read_videos(folders)
    assert sorted(listed) == ['train000', 'train001', 'train002']
    assert len(list(cache.iterdir())) == 1
    assert read_videos(folders) == first and len(listed) == 3
    assert isinstance(first[0].frames, FileList) and first[0].frames.is_numbered
    # A part of them, and in another order.
    assert read_videos(folders[:0:-1]) == first[:0:-1] and len(listed) == 3


@pytest.mark.parametrize('place', ['images', 'maps', 'fixation'])
def test_a_change_is_seen(folders, listed, place):
    read_videos(folders)
    (folders[1] / place / '0003.png').unlink()
    with pytest.raises(DataError, match='train001'):
        read_videos(folders)
    assert listed[3:] == ['train001']


def test_files_that_come_and_go_are_seen(folders, listed):
    read_videos(folders)
    for place in ('images', 'maps', 'fixation'):
        shutil.copy(folders[2] / place / '0003.png', folders[2] / place / '0004.png')
    assert [len(video.frames) for video in read_videos(folders)] == [3, 3, 4]
    shutil.rmtree(folders[0])
    assert len(read_videos(folders[1:])) == 2


def test_what_has_just_changed_is_not_relied_on(tmp_path, listed):
    folder = write_video(tmp_path / 'set' / 'new', frames=2, size=(8, 16))
    read_videos([folder])
    read_videos([folder])
    assert listed == ['new', 'new']


def test_fixations_that_are_needed_are_asked_for_again(folders, listed):
    shutil.rmtree(folders[0] / 'fixation')
    settle(folders[0])
    assert not read_videos(folders, require_fixations=False)[0].fixations
    with pytest.raises(DataError, match='train000'):
        read_videos(folders)


@pytest.mark.parametrize('content', ['', 'no json', '[]', '{"train000": {}}'])
def test_a_broken_cache_is_no_harm(folders, cache, content):
    expected = read_videos(folders)
    (file,) = cache.iterdir()
    file.write_text(content)
    assert read_videos(folders) == expected
    stored = json.loads(file.read_text())
    stored['train001']['frames'] = 7
    file.write_text(json.dumps(stored))
    assert read_videos(folders) == expected


def test_a_cache_that_cannot_be_written_is_no_harm(folders, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text('a file where the folder should be')
    assert len(read_videos(folders)) == 3


def test_names_of_any_kind_come_back(tmp_path, listed):
    folder = write_video(
        tmp_path / 'set' / 'v', frames=3, size=(8, 16), suffixes=('png', 'jpg'), name='v_{:03d}'
    )
    settle(tmp_path / 'set')
    first = read_videos([folder])
    again = read_videos([folder])
    assert listed == ['v'] and list(again[0].frames) == list(first[0].frames)
    assert again[0].frames[1].endswith('v_002.jpg') and again[0].folder == folder


def test_the_first_broken_video_is_named(folders):
    for folder in folders[1:]:
        (folder / 'maps' / '0002.png').unlink()
    with pytest.raises(DataError, match='train001'):
        read_videos(folders)


def test_a_data_set_uses_it(folders, listed):
    root = folders[0].parents[1]
    for _ in range(2):
        dataset = VideoSaliencyDataset(str(root), split='train', holdout=0.3, clip_len=2)
        assert len(dataset) == 2
    assert len(listed) == 2
