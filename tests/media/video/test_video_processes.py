"""Readers in other processes and threads, the pool, and kept indices."""

import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from salkit.media.video import VideoReader, open_video, reader
from salkit.media.video.source import VideoSource


@pytest.fixture(autouse=True)
def no_open_videos():
    yield
    while reader._open:
        reader._open.popitem()[1].close()


class Clips(Dataset):
    """Frames of videos by number, from readers or from the pool."""

    def __init__(self, paths, pooled):
        self.paths, self.pooled = paths, pooled
        self.readers = None if pooled else [VideoReader(path) for path in paths]

    def __len__(self):
        return 12 * len(self.paths)

    def __getitem__(self, index):
        which, number = index % len(self.paths), 3 * (index // len(self.paths))
        video = open_video(self.paths[which]) if self.pooled else self.readers[which]
        return video.read([number, number + 2])


@pytest.mark.parametrize('method', ['fork', 'spawn'])
@pytest.mark.parametrize('pooled', [False, True])
def test_data_loader_workers(videos, method, pooled):
    kinds = ('h264-open', 'mpeg4-b')
    clips = Clips([videos(kind)[0] for kind in kinds], pooled)
    # Files that are open in the parent, in the middle of a video.
    parent = [clips[5], clips[8]]
    # Each that is spawned imports everything anew.
    workers = dict(fork=2, spawn=1)[method]
    loader = DataLoader(
        clips, batch_size=None, num_workers=workers, multiprocessing_context=method, shuffle=False
    )
    for index, clip in enumerate(loader):
        number = 3 * (index // 2)
        np.testing.assert_array_equal(clip, videos(kinds[index % 2])[1][[number, number + 2]])
    for index, before in zip((5, 8), parent, strict=True):
        np.testing.assert_array_equal(clips[index], before)


@pytest.mark.parametrize('threads', [1, 3])
def test_fork_in_the_middle_of_a_video(videos, threads):
    path, expected = videos('h264-long')
    video = VideoReader(path, threads=threads)
    frames = video.frames()
    for number in range(5):
        np.testing.assert_array_equal(next(frames), expected[number])
    child = os.fork()
    if child == 0:
        # A decoder that waits for threads of the parent waits forever.
        signal.alarm(30)
        # os._exit: what pytest does at its end is the parent's.
        try:
            right = all(np.array_equal(f, e) for f, e in zip(frames, expected[5:], strict=True))
            right = right and np.array_equal(video[3], expected[3])
            video.close()
        except BaseException:
            right = False
        os._exit(0 if right else 1)
    for number in range(5, len(expected)):
        np.testing.assert_array_equal(next(frames), expected[number])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_pickled_readers_hold_path_and_options_only(videos):
    path, expected = videos('h264-open')
    video = VideoReader(path, threads=2)
    video.read(range(20))
    stored = pickle.dumps(video)
    assert len(stored) < 1000
    copy = pickle.loads(stored)
    assert copy._threads == 2 and copy._decoder is None and copy._index is None
    np.testing.assert_array_equal(copy[9], expected[9])


def test_threads_may_share_a_reader(videos):
    path, expected = videos('h264-open')
    numbers = np.random.default_rng(0).integers(0, 36, 60)
    with VideoReader(path) as video, ThreadPoolExecutor(4) as threads:
        for number, frame in zip(numbers, threads.map(lambda n: video[n], numbers), strict=True):
            np.testing.assert_array_equal(frame, expected[number])


def open_files(folder):
    links = (os.path.realpath(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd'))
    return [link for link in links if link.startswith(str(folder))]


@pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='finds open files with /proc')
def test_a_forked_process_leaves_what_its_parent_dropped(videos, request):
    request.addfinalizer(gc.enable)
    gc.disable()
    path, _ = videos('h264-long')
    source = VideoSource(path, threads=3)
    assert len(list(islice(source.frames(source.packets()), 5))) == 5
    del source
    assert open_files(path)
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        gc.collect()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gc.collect()
    assert not open_files(path)


@pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='counts open files with /proc')
def test_the_pool_limits_open_files(videos, tmp_path):
    source, expected = videos('h264')
    paths = [tmp_path / f'{i}.mp4' for i in range(3 * reader.OPEN_VIDEOS)]
    for path in paths:
        path.write_bytes(source.read_bytes())
    readers = []
    for path in paths:
        readers.append(open_video(path))
        np.testing.assert_array_equal(readers[-1][11], expected[11])
        assert len(open_files(tmp_path)) <= reader.OPEN_VIDEOS
    assert len(open_files(tmp_path)) == reader.OPEN_VIDEOS
    assert open_video(paths[-1]) is readers[-1]
    assert open_video(paths[0]) is not readers[0]
    # One that was put out still works.
    np.testing.assert_array_equal(readers[1][30], expected[30])


def test_a_closed_reader_opens_again(videos):
    path, expected = videos('h264')
    plain = open_video(path)
    assert open_video(str(path)) is plain
    plain.close()
    np.testing.assert_array_equal(plain[1], expected[1])


# The index -------------------------------------------------------------------------------------


@pytest.fixture
def built(monkeypatch):
    """List of the paths that an index was made for."""
    paths, build = [], reader.build_index

    def watched(path, *arguments):
        paths.append(path)
        return build(path, *arguments)

    monkeypatch.setattr(reader, 'build_index', watched)
    return paths


def test_the_index_is_kept(videos, own_cache, built):
    for kind in ('h264-open', 'mpeg4-b', 'h264-refresh'):
        path, expected = videos(kind)
        built.clear()
        first = VideoReader(path)
        link = own_cache.parent / f'link-to-{path.name}'
        link.symlink_to(path)
        for again in (VideoReader(path), VideoReader(link)):
            assert built == [path]
            np.testing.assert_array_equal(again[33], expected[33])
            assert vars(again.info).keys() == vars(first.info).keys()
            for name, value in vars(first.info).items():
                np.testing.assert_array_equal(getattr(again.info, name), value)
    assert len(list((own_cache / 'video-index').iterdir())) == 3
    os.utime(path, ns=(5, 5))
    VideoReader(path)
    assert built == [path, path]


@pytest.mark.parametrize('content', [b'', b'not an archive', b'PK\3\4 broken', None])
def test_broken_indices_are_made_again(videos, own_cache, built, content):
    path, expected = videos('h264')
    VideoReader(path)
    (file,) = (own_cache / 'video-index').iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    np.testing.assert_array_equal(VideoReader(path)[20], expected[20])
    assert built == [path, path]
    VideoReader(path)
    assert len(built) == 2


def test_an_index_of_other_lengths_is_made_again(videos, own_cache, built):
    path, _ = videos('h264')
    VideoReader(path)
    (file,) = (own_cache / 'video-index').iterdir()
    arrays = dict(np.load(file))
    arrays['pts'] = arrays['pts'][:-1]
    np.savez(file, **arrays)
    assert len(VideoReader(path)) == 36
    assert len(built) == 2


def test_a_cache_folder_that_cannot_be_written(videos, tmp_path, monkeypatch, built):
    path, expected = videos('h264')
    (tmp_path / 'a-file').touch()
    for folder in (tmp_path / 'a-file' / 'cache', '/proc/nowhere', '/dev/full'):
        monkeypatch.setenv('SALKIT_CACHE', str(folder))
        np.testing.assert_array_equal(VideoReader(path)[2], expected[2])
    assert len(built) == 3


def test_a_full_disk_leaves_nothing_behind(videos, own_cache, monkeypatch):
    path, expected = videos('h264')

    def full(file, **arrays):
        file.write(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('numpy.savez_compressed', full)
    np.testing.assert_array_equal(VideoReader(path)[2], expected[2])
    assert list((own_cache / 'video-index').iterdir()) == []


def test_processes_that_make_the_same_index_at_once(videos, own_cache):
    path, _ = videos('h264-long')
    with multiprocessing.get_context('fork').Pool(3) as workers:
        assert workers.map(_count, [path] * 6) == [70] * 6
    assert [file.suffix for file in (own_cache / 'video-index').iterdir()] == ['.npz']


def _count(path):
    return len(VideoReader(path))


def test_import_is_light():
    code = 'import sys, salkit.media.video; print({"mmcv", "torch", "cv2"} & sys.modules.keys())'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'set()'
