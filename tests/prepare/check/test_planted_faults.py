"""Faults planted in a clean data set are found, by file name and with a remedy."""

import json
import os
import shutil

import numpy as np
import pytest
from make_data import write_dataset, write_video
from make_video import encode_video
from PIL import Image
from scipy.io import savemat

from salkit.cli import main
from salkit.prepare.check import KINDS, check_dataset

VIDEO = 'train/train001'


@pytest.fixture(scope='module')
def clean(tmp_path_factory):
    root = tmp_path_factory.mktemp('clean') / 'data'
    # Other pictures in every split.
    for seed, split in enumerate(('train', 'val', 'test')):
        for i in range(3 if split == 'train' else 2):
            write_video(root / split / f'{split}{i:03d}', seed=10 * seed + i, frames=8)
    return root


@pytest.fixture
def root(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / 'data')


def check(root, **options):
    return check_dataset(root, workers=1, **options)


def told(report, kind):
    """Paths of the faults of a kind, from the root on; each has all it should have."""
    found = [fault for fault in report.faults if fault.kind == kind]
    for fault in found:
        assert fault.kind in KINDS and fault.severity in ('error', 'warning')
        assert min(map(len, (fault.found, fault.expected, fault.remedy))) > 3, fault
    return [os.path.relpath(fault.path, report.root) for fault in found]


def picture(root, part, number, video=VIDEO):
    return root / video / part / f'{number:04d}.png'


def change(path, function):
    Image.fromarray(function(np.array(Image.open(path)))).save(path)


def test_a_clean_set_has_no_fault(root):
    report = check(root)
    assert report.ok and report.complete and not report.faults and not report.notes
    assert report.counts['train'] == {
        'videos': 3,
        'frames': 24,
        'density maps': 24,
        'fixation maps': 24,
    }
    assert list(report.counts) == ['train', 'val', 'test']


# One file at a time ------------------------------------------------------------------------------


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b'')


def double_size(path):
    with Image.open(path) as image:
        image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST).save(path)


def all_zero(path):
    change(path, np.zeros_like)


def web_page(path):
    path.write_bytes(b'<!DOCTYPE html><html>404</html>')


def dangling(path):
    path.unlink()
    path.symlink_to(path.parent / 'nowhere.png')


@pytest.mark.parametrize('part', ['images', 'maps', 'fixation'])
@pytest.mark.parametrize('number', [1, 4, 8])
@pytest.mark.parametrize(
    ('plant', 'kind'),
    [
        (os.unlink, 'missing-file'),
        (truncate, 'unreadable'),
        (flip_a_bit, 'unreadable'),
        (web_page, 'unreadable'),
        (empty, 'empty-file'),
        (dangling, 'missing-file'),
        (double_size, 'wrong-size'),
        (all_zero, {'maps': 'density-empty', 'fixation': 'fixation-empty'}),
    ],
)
def test_a_fault_in_one_file(root, part, number, plant, kind):
    if not isinstance(kind, str):
        if part not in kind:
            pytest.skip('a black frame is none')
        kind = kind[part]
    path = picture(root, part, number)
    plant(path)
    report = check(root)
    assert not report.ok
    assert told(report, kind) == [f'{VIDEO}/{part}/{number:04d}.png']
    # Nothing else is told for the same reason.
    assert {fault.kind for fault in report.faults} == {kind}


def test_messages_name_what_and_how(root):
    double_size(picture(root, 'maps', 2))
    web_page(picture(root, 'fixation', 3))
    picture(root, 'maps', 5).unlink()
    faults = {fault.kind: fault for fault in check(root).faults}
    assert faults['wrong-size'].message == (
        'density map of 64 x 96 pixels; expected 32 x 48 (rows x columns), as the frames of this '
        'video'
    )
    assert 'web page' in faults['unreadable'].found
    assert faults['missing-file'].found == 'no density map for 0005.png'
    assert 'unpack' in faults['missing-file'].remedy


@pytest.mark.parametrize('part', ['images', 'maps', 'fixation'])
@pytest.mark.parametrize('how', ['gone', 'empty'])
def test_a_folder_is_missing(root, part, how):
    folder = root / VIDEO / part
    shutil.rmtree(folder)
    if how == 'empty':
        folder.mkdir()
    report = check(root)
    assert not report.ok and told(report, 'missing-folder') == [f'{VIDEO}/{part}']
    assert len(report.faults) == 1


def test_an_end_is_missing(root):
    for number in (7, 8):
        picture(root, 'maps', number).unlink()
    report = check(root)
    assert told(report, 'missing-file') == [f'{VIDEO}/maps/{n:04d}.png' for n in (7, 8)]


def test_a_frame_too_many(root):
    shutil.copy(picture(root, 'images', 8), picture(root, 'images', 9))
    report = check(root)
    assert told(report, 'missing-file') == [f'{VIDEO}/{p}/0009.png' for p in ('maps', 'fixation')]
    assert report.faults[0].expected == 'a density map for every frame'


def test_a_map_too_many(root):
    shutil.copy(picture(root, 'maps', 8), picture(root, 'maps', 9))
    report = check(root)
    assert told(report, 'missing-file') == [f'{VIDEO}/images/0009.png']
    assert report.faults[0].found == 'no frame for 0009.png'


def test_numbers_with_nothing_in_common(root):
    renumber(root / VIDEO, 'maps', 101)
    picture(root, 'maps', 101).unlink()
    report = check(root)
    assert not report.ok and told(report, 'count-mismatch') == [f'{VIDEO}/maps']


def test_one_frame_twice(root):
    Image.open(picture(root, 'images', 3)).save(root / VIDEO / 'images' / '0003.jpg')
    report = check(root)
    assert not report.ok and told(report, 'duplicate-frame') == [f'{VIDEO}/images']
    assert '0003.jpg and 0003.png' in report.faults[0].found


def test_all_frames_of_another_size_than_their_maps(root):
    for number in range(1, 9):
        double_size(picture(root, 'images', number))
    report = check(root)
    assert len(told(report, 'wrong-size')) == 16
    assert told(report, 'wrong-size')[0] == f'{VIDEO}/maps/0001.png'


def test_permission(root, monkeypatch):
    closed = str(picture(root, 'maps', 4))
    real = os.open

    def open_(path, *arguments):
        if str(path) == closed:
            raise PermissionError(13, 'Permission denied', closed)
        return real(path, *arguments)

    # The tests may run as root, who may read everything.
    monkeypatch.setattr(os, 'open', open_)
    report = check(root)
    assert told(report, 'unreadable') == [f'{VIDEO}/maps/0004.png'] and not report.ok
    assert report.faults[0].found.startswith('cannot be opened (Permission denied), ')


# What maps show ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'move',
    [
        lambda a: np.roll(a, 24, axis=1),
        lambda a: a[:, ::-1],
        lambda a: np.pad(a[16:], ((0, 16), (0, 0))),
    ],
    ids=['rolled', 'mirrored', 'corner'],
)
def test_nothing_at_the_fixations(root, move):
    change(picture(root, 'maps', 1), move)
    report = check(root)
    assert not report.ok and told(report, 'mispaired') == [f'{VIDEO}/maps/0001.png']
    fault = report.faults[0]
    assert 'nothing at the fixations' in fault.found and 'fixation/0001.png' in fault.found


def test_two_maps_changed_places(tmp_path):
    write_video(tmp_path / 'train' / 'a', frames=30, size=(32, 60))
    maps = tmp_path / 'train' / 'a' / 'maps'
    for a, b in (('0003', 'x'), ('0025', '0003'), ('x', '0025')):
        (maps / f'{a}.png').rename(maps / f'{b}.png')
    report = check(tmp_path)
    assert told(report, 'mispaired') == ['train/a/maps/0003.png', 'train/a/maps/0025.png']
    assert 'fixation/0025.png far better' in report.faults[0].found


def test_a_map_of_another_frame_that_has_something_there(sample_sequence, tmp_path):
    for part in ('images', 'maps', 'fixation'):
        (tmp_path / 'a' / part).mkdir(parents=True)
        for path in (sample_sequence / part).glob('*.*'):
            (tmp_path / 'a' / part / path.name).symlink_to(path)
    maps = tmp_path / 'a' / 'maps'
    (maps / 'Diving-Side_001_050.png').unlink()
    shutil.copy(maps / 'Diving-Side_001_001.png', maps / 'Diving-Side_001_050.png')
    report = check(tmp_path)
    assert told(report, 'mispaired') == ['a/maps/Diving-Side_001_050.png']
    assert 'fixation/Diving-Side_001_001.png far better' in report.faults[0].found


def wander(folder, frames=20, seed=0, size=(40, 60), sigma=3.0):
    """Maps of gaze that wanders, a few fixations a frame."""
    rng = np.random.default_rng(seed)
    write_video(folder, frames=frames, size=size, seed=seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    centre = np.array(size) / 2
    for i in range(frames):
        centre = np.clip(centre + rng.normal(0, 3, 2), 6, np.array(size) - 7)
        points = np.clip(np.rint(centre + rng.normal(0, 2, (4, 2))), 0, np.array(size) - 1)
        fixations = np.zeros(size, np.uint8)
        density = np.zeros(size)
        for y, x in points.astype(int):
            fixations[y, x] = 255
            density += np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))
        Image.fromarray(fixations).save(folder / 'fixation' / f'{i + 1:04d}.png')
        density = np.rint(255 * density / density.max()).astype(np.uint8)
        Image.fromarray(density).save(folder / 'maps' / f'{i + 1:04d}.png')
    return folder


@pytest.mark.parametrize('shift', [0, 1, -1, 2])
def test_maps_are_shifted(tmp_path, shift):
    folder = wander(tmp_path / 'train' / 'a')
    names = [f'{n:04d}.png' for n in range(1, 21)]
    content = [(folder / 'maps' / name).read_bytes() for name in names]
    for i, name in enumerate(names):
        # The file of frame i holds the map of frame i + shift.
        (folder / 'maps' / name).write_bytes(content[min(max(i + shift, 0), 19)])
    report = check(tmp_path)
    if not shift:
        assert not report.faults
        return
    assert told(report, 'shifted') == ['train/a/maps']
    assert f'shifted by {shift:+d}' in report.faults[0].found


def test_maps_of_another_video(tmp_path):
    write_video(tmp_path / 'train' / 'a', frames=12, size=(32, 60))
    b = write_video(tmp_path / 'train' / 'b', frames=12, size=(32, 60), seed=1)
    for part in ('maps', 'fixation'):
        for path in (b / part).iterdir():
            change(path, lambda a: np.ascontiguousarray(a[:, ::-1]))
    assert not check(tmp_path).faults
    maps = [tmp_path / 'train' / name / 'maps' for name in 'ab']
    for a, b in ((maps[0], maps[0].with_name('x')), (maps[1], maps[0])):
        a.rename(b)
    maps[0].with_name('x').rename(maps[1])
    report = check(tmp_path)
    paths = told(report, 'mispaired')
    assert {'train/a/maps/0001.png', 'train/b/maps/0001.png'} <= set(paths)


@pytest.mark.parametrize(
    ('part', 'make', 'kind'),
    [
        ('maps', lambda a: np.full_like(a, 7), 'density-constant'),
        ('maps', lambda a: np.stack([a, a // 2, 255 - a], -1), 'not-grey'),
        ('fixation', lambda a: np.stack([a, a // 2, 255 - a], -1), 'not-grey'),
        ('fixation', lambda a: 255 - a, 'fixation-dense'),
        (
            'fixation',
            lambda a: np.kron(np.eye(4, 6), np.ones((8, 8))).astype(np.uint8),
            'fixation-dense',
        ),
    ],
)
def test_a_map_of_the_wrong_kind(root, part, make, kind):
    change(picture(root, part, 3), make)
    report = check(root)
    assert not report.ok and told(report, kind) == [f'{VIDEO}/{part}/0003.png']


def test_a_palette_image(root):
    path = picture(root, 'maps', 3)
    image = Image.open(path).convert('P')
    image.save(path)
    # Adaptive palettes put the levels in any order.
    change(picture(root, 'fixation', 4), lambda a: 255 * (a == 0).astype(np.uint8))
    inverted = Image.open(picture(root, 'fixation', 4)).convert('P')
    inverted.putpalette([255 - v for v in range(256) for _ in 'rgb'])
    inverted.save(picture(root, 'fixation', 4))
    assert not check(root).faults
    image.putpalette([c for v in range(256) for c in (v, 255 - v, 0)])
    image.save(path)
    assert told(check(root), 'not-grey') == [f'{VIDEO}/maps/0003.png']


def test_a_fixation_map_among_the_density_maps(root):
    shutil.copy(picture(root, 'fixation', 3), picture(root, 'maps', 3))
    report = check(root)
    # Made by somebody who does not blur, maybe.
    assert report.ok and told(report, 'density-points') == [f'{VIDEO}/maps/0003.png']


def test_two_maps_in_the_wrong_folder(root):
    a, b = picture(root, 'fixation', 3), picture(root, 'maps', 3)
    a.rename(root / 'x')
    b.rename(a)
    (root / 'x').rename(b)
    report = check(root)
    assert told(report, 'swapped-folders') == [f'{VIDEO}/maps/0003.png']
    assert len(report.errors) == len(report.faults) == 1


def test_a_density_map_among_the_fixation_maps(root):
    shutil.copy(picture(root, 'maps', 3), picture(root, 'fixation', 3))
    report = check(root)
    assert told(report, 'fixation-grey') == [f'{VIDEO}/fixation/0003.png'] and not report.ok


def test_the_folders_are_swapped(root):
    folder = root / VIDEO
    for a, b in (('maps', 'x'), ('fixation', 'maps'), ('x', 'fixation')):
        (folder / a).rename(folder / b)
    report = check(root)
    assert told(report, 'swapped-folders') == [f'{VIDEO}/maps/{n:04d}.png' for n in range(1, 9)]
    assert len(report.errors) == len(report.faults) == 8


def test_fixations_as_jpeg(root):
    path = picture(root, 'fixation', 3)
    Image.open(path).save(path.with_suffix('.jpg'))
    path.unlink()
    assert told(check(root), 'fixation-grey') == [f'{VIDEO}/fixation/0003.jpg']


def test_frames_nobody_looked_at(root):
    for part in ('maps', 'fixation'):
        all_zero(picture(root, part, 3))
    report = check(root)
    assert report.ok and told(report, 'no-gaze') == [f'{VIDEO}/fixation/0003.png']
    assert not check(root, strict=True).ok and check(root, strict=True, ignore=['no-gaze']).ok
    for number in range(1, 9):
        all_zero(picture(root, 'fixation', number))
    report = check(root)
    others = [f'{VIDEO}/fixation/{n:04d}.png' for n in (1, 2, 4, 5, 6, 7, 8)]
    assert not report.ok and told(report, 'fixation-empty') == others


def to_mat(folder, variable='I', keep_images=False):
    (folder / 'fixation' / 'maps').mkdir()
    for path in sorted((folder / 'fixation').glob('*.png')):
        values = (np.array(Image.open(path)) > 0).astype(np.uint8)
        savemat(folder / 'fixation' / 'maps' / f'{path.stem}.mat', {variable: values})
        if not keep_images:
            path.unlink()


@pytest.mark.parametrize('keep_images', [False, True])
def test_mat_files(root, keep_images):
    to_mat(root / VIDEO, keep_images=keep_images)
    report = check(root)
    assert not report.faults and report.counts['train']['fixation maps'] == 24
    mats = root / VIDEO / 'fixation' / 'maps'
    savemat(mats / '0002.mat', {'J': np.eye(3)})
    truncate(mats / '0003.mat')
    savemat(mats / '0004.mat', {'I': np.eye(3)})
    empty(mats / '0005.mat')
    (mats / '0006.mat').unlink()
    report = check(root)
    place = f'{VIDEO}/fixation/maps'
    assert told(report, 'unreadable') == [f'{place}/0002.mat', f'{place}/0003.mat']
    assert 'variable I' in next(f for f in report.faults if f.kind == 'unreadable').expected
    assert told(report, 'wrong-size') == [f'{place}/0004.mat']
    assert told(report, 'empty-file') == [f'{place}/0005.mat']
    assert told(report, 'missing-file') == [f'{place}/0006.mat']


# Names and folders -------------------------------------------------------------------------------


def renumber(folder, part, start, form='{:04d}'):
    (folder / part).rename(folder / 'x')
    (folder / part).mkdir()
    for i, path in enumerate(sorted((folder / 'x').glob('*.*'))):
        path.rename(folder / part / f'{form.format(start + i)}{path.suffix}')
    (folder / 'x').rmdir()


def test_frames_start_at_another_number(root):
    renumber(root / VIDEO, 'images', 0)
    report = check(root)
    assert report.ok and told(report, 'numbering') == [f'{VIDEO}/maps', f'{VIDEO}/fixation']
    assert report.faults[0].found == '0001.png is paired with 0000.png'


def test_other_digits_in_one_folder_are_fine(root):
    renumber(root / VIDEO, 'maps', 1, '{:03d}')
    assert not check(root).faults


def test_a_gap_in_all_folders(root):
    for part in ('images', 'maps', 'fixation'):
        picture(root, part, 4).unlink()
    report = check(root)
    assert report.ok and told(report, 'numbering') == [f'{VIDEO}/images/0005.png']
    assert report.faults[0].found == 'comes after 0003.png, in all folders'


@pytest.mark.parametrize('name', ['trian', 'Train', 'trainig'])
def test_a_misspelt_split(root, name):
    (root / 'train').rename(root / name)
    report = check(root)
    assert not report.ok and told(report, 'misspelt-split') == [name]
    assert f'mv {root / name}' in report.faults[0].remedy
    assert report.counts['train']['videos'] == 3


def test_splits_with_names_of_their_own(root):
    (root / 'train').rename(root / 'train2')
    (root / 'val').rename(root / 'fold-b')
    report = check(root)
    assert not report.faults and set(report.counts) == {'train2', 'fold-b', 'test'}


def test_strange_files_and_folders(root):
    for name in ('Thumbs.db', '.DS_Store', '._0001.png', '.prepared.json', 'desktop.ini'):
        (root / VIDEO / 'maps' / name).write_bytes(b'')
    (root / VIDEO / '.prepared.json').write_text('{}')
    assert not check(root).faults
    (root / VIDEO / 'maps' / 'notes.txt').write_text('')
    (root / 'train' / 'list.csv').write_text('')
    (root / 'annotation.part2.rar').write_text('')
    (root / 'train' / 'DHF1K.zip').write_text('')
    write_video(root / 'validation' / 'val009', seed=99, frames=4)
    (root / 'test' / 'again').mkdir()
    shutil.move(root / 'test' / 'test001', root / 'test' / 'again')
    report = check(root)
    assert set(told(report, 'stray-file')) == {f'{VIDEO}/maps/notes.txt', 'train/list.csv'}
    assert set(told(report, 'archive')) == {'annotation.part2.rar', 'train/DHF1K.zip'}
    assert told(report, 'double-split') == ['validation']
    assert told(report, 'nested-folder') == ['test/again']


def test_the_same_video_in_two_splits(root):
    shutil.copytree(root / VIDEO, root / 'test' / 'other')
    report = check(root)
    assert report.ok and told(report, 'duplicate-video') == ['test/other']
    assert 'train/train001' in report.faults[0].found


def test_pictures_that_stand_still(root):
    for number in range(3, 9):
        shutil.copy(picture(root, 'images', 2), picture(root, 'images', number))
    for number in range(1, 9):
        all_zero(picture(root, 'images', number, 'train/train002'))
    report = check(root)
    assert report.ok
    assert told(report, 'frozen-frames') == [f'{VIDEO}/images', 'train/train002/images']


# Videos kept as files ----------------------------------------------------------------------------


@pytest.fixture
def file_root(root):
    shutil.rmtree(root / VIDEO / 'images')
    encode_video(root / VIDEO / 'video.mp4', frames=8, size=(32, 48))
    return root


def test_a_video_file(file_root):
    report = check(file_root)
    assert not report.faults and report.counts['train']['frames'] == 24


def test_a_video_file_of_another_length(file_root):
    encode_video(file_root / VIDEO / 'video.mp4', frames=7, size=(32, 48))
    report = check(file_root)
    assert not report.ok and told(report, 'count-mismatch') == [f'{VIDEO}/video.mp4'] * 2
    assert report.faults[0].found == '7 frames, 8 density maps'


def test_a_video_file_of_another_size(file_root):
    encode_video(file_root / VIDEO / 'video.mp4', frames=8, size=(64, 48))
    assert len(told(check(file_root), 'wrong-size')) == 16


@pytest.mark.parametrize(
    ('plant', 'kind'),
    [(truncate, 'broken-video'), (empty, 'empty-file'), (web_page, 'broken-video')],
)
def test_a_broken_video_file(file_root, plant, kind):
    path = file_root / VIDEO / 'video.avi'
    (file_root / VIDEO / 'video.mp4').unlink()
    encode_video(path, frames=8, size=(32, 48), codec='mpeg4', gop=1)
    assert not check(file_root).faults
    plant(path)
    report = check(file_root)
    assert not report.ok and f'{VIDEO}/video.avi' in told(report, kind)


def test_two_video_files(file_root):
    shutil.copy(file_root / VIDEO / 'video.mp4', file_root / VIDEO / 'video.mkv')
    assert told(check(file_root), 'duplicate-frame') == [VIDEO]


# All at once, from the command line --------------------------------------------------------------


def plant_twelve(root):
    """Twelve faults, each in a video of its own."""
    planted = {}
    write_dataset(root, dict(train=12), frames=8)
    videos = [f'train/train{i:03d}' for i in range(12)]
    shutil.rmtree(root / videos[0] / 'fixation')
    planted['missing-folder'] = f'{videos[0]}/fixation'
    plants = [
        (os.unlink, 'images', 'missing-file'),
        (truncate, 'images', 'unreadable'),
        (double_size, 'maps', 'wrong-size'),
        (empty, 'fixation', 'empty-file'),
        (all_zero, 'maps', 'density-empty'),
        (all_zero, 'fixation', 'fixation-empty'),
        (lambda path: change(path, lambda a: a[:, ::-1]), 'maps', 'mispaired'),
        (lambda path: change(path, lambda a: np.full_like(a, 9)), 'maps', 'density-constant'),
        (lambda path: change(path, lambda a: 255 - a), 'fixation', 'fixation-dense'),
        (lambda path: shutil.copy(path, path.with_suffix('.bmp')), 'images', 'duplicate-frame'),
    ]
    for video, (plant, part, kind) in zip(videos[1:], plants, strict=False):
        plant(picture(root, part, 4 if kind != 'mispaired' else 1, video))
        planted[kind] = f'{video}/{part}/{"0004" if kind != "mispaired" else "0001"}.png'
    planted['duplicate-frame'] = f'{videos[10]}/images'
    for a, b in (('maps', 'x'), ('fixation', 'maps'), ('x', 'fixation')):
        (root / videos[11] / a).rename(root / videos[11] / b)
    planted['swapped-folders'] = f'{videos[11]}/maps/0001.png'
    assert len(planted) == 12
    return planted


@pytest.mark.parametrize('workers', [1, 2])
def test_twelve_planted_faults(tmp_path, capsys, workers):
    root = tmp_path / 'data'
    planted = plant_twelve(root)
    out = tmp_path / 'report.json'
    argv = ['check', str(root), '--workers', str(workers), '--json', str(out)]
    assert main(argv) == 1
    text = capsys.readouterr().out
    report = json.loads(out.read_text())
    assert not report['ok'] and report['complete'] and report['errors'] == len(report['faults'])
    found = {f['kind']: f for f in reversed(report['faults'])}
    assert set(found) == set(planted)
    for kind, path in planted.items():
        assert found[kind]['path'] == str(root / path)
        assert f'  {path}: {found[kind]["message"]}' in text
        assert f'-> {found[kind]["remedy"]}' in text
    # The swapped folders have 8 frames.
    assert '19 error(s), 0 warning(s)' in text
