import os
import pickle
import shutil
import signal
import socket

import pytest
import torch
from make_data import write_dataset, write_video
from make_video import encode_video
from PIL import Image
from torch.utils.data import DataLoader

from salkit.datasets import VideoSaliencyDataset, clip_cache
from salkit.datasets.clip_cache import HIDDEN
from salkit.datasets.clip_cache_build import build_cache
from salkit.datasets.transforms import LoadClip, load_clip
from salkit.errors import ConfigError, DataError
from salkit.utils import files

SIZE = (24, 32)
FRAME = (40, 56)


@pytest.fixture
def root(tmp_path):
    return write_dataset(
        tmp_path / 'data', dict(clips=3), frames=8, size=FRAME, suffixes=('png', 'jpg')
    )


def open_set(root, cache='auto', **options):
    pipeline = [
        dict(type='LoadClip', size=SIZE, cache_frames=0, cache=cache),
        dict(type='LoadTargets', size=SIZE),
        dict(type='PackClip'),
    ]
    options = {**dict(split='clips', sampling='all', clip_len=4, pipeline=pipeline), **options}
    return VideoSaliencyDataset(str(root), **options)


def build(root, **options):
    return build_cache(open_set(root).videos, SIZE, workers=1, **options)


def same(a, b):
    assert a['meta'] == b['meta']
    for key in ('clip', 'density_map', 'fixation_map'):
        if a[key] is None or b[key] is None:
            assert a[key] is b[key]
        else:
            assert a[key].dtype == b[key].dtype and torch.equal(a[key], b[key]), key
    return True


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Function that gives what was logged, also by forked workers."""
    log = tmp_path / 'log'

    def write(message, **_):
        with open(log, 'a') as file:
            file.write(f'{message}\n')

    monkeypatch.setattr(clip_cache, 'print_log', write)
    return lambda: log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def no_files(monkeypatch):
    """Whoever reads a frame from its file now fails."""

    def refuse(path, *_, **__):
        raise AssertionError(f'{path} was read')

    def start():
        monkeypatch.setattr(load_clip, 'read_image', refuse)
        monkeypatch.setattr(load_clip, 'open_video', refuse)

    return start


@pytest.mark.parametrize('suffixes', [('png',), ('jpg',), ('png', 'jpg')])
@pytest.mark.parametrize('options', [{}, dict(head='reverse-time', clip_stride=2)])
def test_what_is_cached_is_what_the_files_give(tmp_path, suffixes, options, no_files):
    root = write_dataset(tmp_path, dict(clips=2), frames=6, size=FRAME, suffixes=suffixes)
    plain = open_set(root, cache=None, **options)
    expected = [plain[i] for i in range(len(plain))]
    report = build(root)
    assert (report.written, report.kept, report.failed) == (2, 0, {})
    no_files()
    cached = open_set(root, **options)
    assert all(same(cached[i], expected[i]) for i in range(len(plain)))


def test_frames_of_a_video_file(tmp_path, no_files):
    root = tmp_path / 'data'
    folder = write_video(root / 'clips' / 'v', frames=12, size=(48, 80))
    shutil.rmtree(folder / 'images')
    encode_video(folder / 'video.mp4', frames=12, size=(48, 80), bframes=2, gop=6)
    plain = open_set(root, cache=None)
    assert plain.videos[0].video_path
    expected = [plain[i] for i in range(12)]
    assert build(root).written == 1 and build(root).kept == 1
    cached = open_set(root)
    no_files()
    assert all(same(cached[i], expected[i]) for i in range(12))
    os.utime(folder / 'video.mp4', ns=(1, 1))
    with pytest.raises(AssertionError, match='was read'):
        cached[5]


def test_the_real_sequence(sample_sequence, tmp_path, no_files):
    options = dict(split=sample_sequence.parent.name, clip_len=16)
    root, place = sample_sequence.parent.parent, str(tmp_path / 'place')
    plain = open_set(root, cache=None, **options)
    picked = (0, 20, 53)
    expected = [plain[i] for i in picked]
    assert build_cache(plain.videos, SIZE, place, workers=2).written == 1
    no_files()
    cached = open_set(root, cache=place, **options)
    assert all(same(cached[i], sample) for i, sample in zip(picked, expected, strict=True))


def test_frames_of_several_sizes_are_an_error_as_without_a_cache(tmp_path):
    root = tmp_path / 'data'
    folder = write_video(root / 'clips' / 'v', frames=6, size=FRAME)
    for part, mode in (('images', 'RGB'), ('maps', 'L'), ('fixation', 'L')):
        Image.new(mode, (30, 20), 1).save(folder / part / '0003.png')
    assert build(root).written == 1
    for cache in ('auto', None):
        with pytest.raises(DataError, match=r'0002\.png: the frame is 40 x 56 .* are 20 x 30'):
            open_set(root, cache=cache, clip_len=2)[2]


# Changed files ------------------------------------------------------------------------------------


def change_frame(video):
    Image.new('RGB', FRAME[::-1], (9, 8, 7)).save(video / 'images' / '0003.png')


def touch_frame(video):
    os.utime(video / 'images' / '0003.png', ns=(10**18, 10**18))


def insert_frame(video):
    for part in ('images', 'maps', 'fixation'):
        shutil.copy(video / part / '0003.png', video / part / '0000.png')


def drop_frame(video):
    for part in ('images', 'maps', 'fixation'):
        next((video / part).glob('0008.*')).unlink()


@pytest.mark.parametrize('change', [change_frame, touch_frame, insert_frame, drop_frame])
def test_changed_files_are_read_and_cached_anew(root, change, told):
    build(root)
    change(root / 'clips' / 'clips001')
    cached, plain = open_set(root), open_set(root, cache=None)
    assert all(same(cached[i], plain[i]) for i in range(len(plain)))
    assert all(same(cached[i], plain[i]) for i in range(len(plain)))
    # Without its last frame, a video's other frames are what they were.
    lines = told()
    assert len(lines) == (0 if change is drop_frame else 1)
    assert all(str(root / 'clips' / 'clips001') in s and 'salkit cache' in s for s in lines)
    report = build(root)
    assert (report.written, report.kept) == (1, 2)
    assert all(same(cached[i], plain[i]) for i in range(len(plain)))


def test_one_warning_whatever_the_number_of_workers(root, told):
    build(root)
    for number in range(3):
        change_frame(root / 'clips' / f'clips{number:03d}')
    dataset = open_set(root)
    dataset[0]
    for batch in DataLoader(dataset, batch_size=None, num_workers=2):
        assert batch['clip'].shape[0] == 3
    (line,) = told()
    assert 'salkit cache' in line


def test_nothing_is_told_where_nothing_is_cached(root, told):
    dataset = open_set(root)
    dataset[0]
    assert told() == []


def test_an_open_cache_is_followed(root, no_files, told):
    build(root)
    dataset = open_set(root)
    dataset[2]
    change_frame(root / 'clips' / 'clips000')
    expected = open_set(root, cache=None)[2]
    build(root)
    no_files()
    assert same(dataset[2], expected)
    assert told() == []


def cached_file(root, video='clips001'):
    return root / 'clips' / HIDDEN / '24x32' / f'{video}.npy'


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: b'',
        lambda content: content[:5],
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"'stamps'", b"'stumps'"),
        lambda content: content.replace(b"'pixels'", b"'pixils'"),
        lambda content: content.replace(b'(1,), }', b'((((({{'),
    ],
)
def test_a_damaged_cache_is_not_used(root, damage, told):
    build(root)
    path = cached_file(root)
    content = damage(path.read_bytes())
    path.unlink()
    path.write_bytes(content)
    cached, plain = open_set(root), open_set(root, cache=None)
    assert all(same(cached[i], plain[i]) for i in range(len(plain)))
    assert len(told()) == 1


def test_a_cache_that_cannot_be_opened_is_made_anew(root, told):
    build(root)
    cached_file(root).write_bytes(b'{}')
    report = build(root)
    assert (report.written, report.kept) == (1, 2)
    cached, plain = open_set(root), open_set(root, cache=None)
    assert all(same(cached[i], plain[i]) for i in range(len(plain)))
    assert told() == []


# Where it lies ------------------------------------------------------------------------------------


def test_the_cache_is_no_video_of_the_data_set(root):
    build(root)
    assert len(open_set(root).videos) == 3


def test_a_named_folder_serves_several_data_sets(root, tmp_path, no_files):
    other = write_dataset(tmp_path / 'other', dict(clips=3), frames=8, size=FRAME)
    change_frame(other / 'clips' / 'clips001')
    place = str(tmp_path / 'place')
    for each in (root, other):
        build(each, place=place)
        assert not (each / 'clips' / HIDDEN).exists()
    expected = [open_set(each, cache=None)[10] for each in (root, other)]
    no_files()
    for each, sample in zip((root, other), expected, strict=True):
        assert same(open_set(each, cache=place)[10], sample)
    with pytest.raises(AssertionError, match='was read'):
        open_set(root)[10]


def test_a_place_that_cannot_be_written_to(root):
    # Root may write everywhere, but nobody makes a folder in a file.
    (root / 'clips' / HIDDEN).write_text('in the way')
    with pytest.raises(DataError, match=r'cannot be written there .* --dir names another place'):
        build(root)


def test_other_sizes_have_caches_of_their_own(root):
    build(root)
    assert not list((root / 'clips' / HIDDEN).glob('16x16'))
    load = LoadClip(size=(16, 16))
    files = open_set(root).sample_files(3)
    assert load.transform(files)['clip'].shape == (4, 16, 16, 3)


@pytest.mark.parametrize('cache', [3, True])
def test_places_that_are_none(cache):
    with pytest.raises(ConfigError, match='cache must be'):
        LoadClip(size=SIZE, cache=cache)
    with pytest.raises(ConfigError, match='needs a size'):
        LoadClip(cache='somewhere')


# Other processes ----------------------------------------------------------------------------------


def test_pickles_without_what_is_mapped(root):
    build(root)
    dataset = open_set(root)
    dataset[3]
    assert len(pickle.dumps(dataset)) < 20_000
    assert same(pickle.loads(pickle.dumps(dataset))[3], dataset[3])


@pytest.mark.parametrize('method', ['fork', pytest.param('spawn', marks=pytest.mark.slow)])
def test_workers(root, method):
    build(root)
    dataset = open_set(root)
    dataset[3]
    plain = open_set(root, cache=None)
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=method)
    assert all(same(sample, plain[i]) for i, sample in enumerate(loader))


# Writes the first two of four videos, then says so and waits to be ended.
HALF_A_RUN = """
import os, time
from salkit.datasets import clip_cache_build

write = clip_cache_build.write_cached_video

def write_some(record, path, size):
    if record.name not in ('000', '001'):
        # One write, whatever the other worker writes and however Python buffers.
        os.write(1, b'begun\\n')
        while True:
            clip_cache_build.check_stopped()
            time.sleep(0.01)
    return write(record, path, size)

clip_cache_build.write_cached_video = write_some
"""


@pytest.mark.parametrize('signum', [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize('workers', [1, 2])
def test_an_interrupted_run_goes_on(tmp_path, nursery, signum, workers):
    root = tmp_path / 'data'
    for number in range(4):
        # The longest come first.
        write_video(root / 'clips' / f'{number:03d}', frames=9 - number, size=FRAME)
    place = root / 'clips' / HIDDEN / '24x32'
    argv = ['cache', root, '--size', '32x24', '--workers', workers]
    run = nursery.start(argv, tmp_path / 'log', HALF_A_RUN)
    # With two workers, the second may have begun while the first writes its last video.
    run.until(lambda: run.printed().count('begun\n') == workers)
    # Ctrl-C reaches the whole group, a kill one process.
    (os.killpg if signum == signal.SIGINT else os.kill)(run.pid, signum)
    assert run.end() and run.leaves_nobody()
    finished = {path.name: path.stat().st_mtime_ns for path in place.iterdir()}
    (place / f'.002.npy.{run.pid}@{socket.gethostname()}.unfinished').touch()
    assert {'000.npy', '001.npy'} <= set(finished)
    report = build(root)
    assert (report.written, report.kept) == (2, 2)
    assert all(
        (place / name).stat().st_mtime_ns == finished[name] for name in ('000.npy', '001.npy')
    )
    assert len(list(place.glob('*.npy'))) == 4 and not list(place.glob('.*.unfinished'))
    assert same(open_set(root)[20], open_set(root, cache=None)[20])


def test_one_run_at_a_time(root, monkeypatch):
    fcntl = pytest.importorskip('fcntl')
    monkeypatch.setattr(files, 'PATIENCE_SECONDS', 0.2)
    build(root)
    with open(root / 'clips' / HIDDEN / '24x32' / '.lock', 'a') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match='another run of salkit cache'):
            build(root)
    assert build(root).kept == 3


# What goes wrong ----------------------------------------------------------------------------------


def test_a_video_that_cannot_be_read_does_not_stop_the_others(root):
    path = root / 'clips' / 'clips001' / 'images' / '0003.png'
    path.write_bytes(path.read_bytes()[:200])
    report = build(root)
    assert report.written == 2 and '0003.png' in report.failed[str(path.parents[1])]
    assert not list((root / 'clips' / HIDDEN / '24x32').glob('.*.unfinished'))


def test_the_disk_is_asked_first(root, monkeypatch):
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage._replace(free=50_000))
    with pytest.raises(DataError, match=r'the disk is too small: 3 videos of 24 frames take'):
        build(root)
    assert not list((root / 'clips' / HIDDEN).rglob('*.npy'))


def test_a_disk_that_fills_up_leaves_nothing_half_written(root, nursery, tmp_path):
    full = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))'
    argv = ['cache', root, '--size', '32x24', '--workers', '1']
    done = nursery.run(argv, tmp_path, full)
    assert done.status == 1 and 'File too large' in done.out, done.err
    place = root / 'clips' / HIDDEN / '24x32'
    assert [path.name for path in place.iterdir()] == ['.lock']
