"""OSIE, Saliency in Crowd and Scene: pictures and one list of all fixations."""

import hashlib

import numpy as np
import pytest
from make_video import SIZE
from PIL import Image
from scipy.io import savemat
from trees import write_picture, write_pictures, write_scene

from salkit.cli import main
from salkit.datasets.published import dataset_at, find_ground_truth, get_published
from salkit.datasets.published.split_by_name import split_by_name
from salkit.errors import DataError
from salkit.prepare import PrepareOptions, prepare
from salkit.prepare.fixations import density_map
from salkit.testing import PublishedSuite

ROWS, COLUMNS = SIZE
# x and y; the first observer looked twice at one pixel.
LOOKED = [[(5, 3), (5.9, 3.2)], [(20, 10)], []]
# Of each split of OSIE.
STEMS = {'train': '1002', 'val': '1011', 'test': '1001'}


def split_of(name):
    return get_published(name).splits


def digest(splits):
    text = '\n'.join(f'{stem} {split}' for stem, split in sorted(splits.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class TestOSIE(PublishedSuite):
    part = get_published('osie')

    def write_files(self, folder):
        write_pictures(folder, dict.fromkeys(STEMS.values(), LOOKED))


class TestCrowd(PublishedSuite):
    part = get_published('crowd')

    def write_files(self, folder):
        write_pictures(folder, {f'{number:03d}': LOOKED for number in range(1, 9)})


class TestScene(PublishedSuite):
    part = get_published('scene')

    def write_files(self, folder):
        write_scene(folder, {f'{number:03d}': [[(3, 5)], []] for number in range(1, 9)})


def run(name, root, out, **options):
    return prepare(name, root, out, PrepareOptions(workers=1, **options))


def image(path):
    return np.asarray(Image.open(path))


# Splits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('name', 'counts', 'expected', 'tests'),
    [
        ('osie', (490, 70, 140), 'b2b4ecc7c941a255', ['1001', '1003', '1007']),
        ('crowd', (350, 50, 100), 'ab714f78620a75b8', ['007', '012', '013']),
        ('scene', (350, 50, 100), 'f14b1eea939412be', ['003', '005', '007']),
    ],
)
def test_splits_never_change(name, counts, expected, tests):
    splits = split_of(name)
    found = [sum(split == wanted for split in splits.values()) for wanted in STEMS]
    assert tuple(found) == counts and len(splits) == sum(counts)
    assert digest(splits) == expected
    assert sorted(stem for stem in splits if splits[stem] == 'test')[:3] == tests
    published = get_published(name).counts
    assert tuple(published[split] for split in STEMS) == tuple((n, n) for n in counts)


def test_pictures_that_show_the_same_are_on_one_side():
    splits = split_of('osie')
    assert splits['1279'] == splits['1374']
    names = [f'{number:03d}' for number in range(200)]
    alone = split_by_name('x', names)
    for name in names[1::10]:
        found = split_by_name('x', names, {name: '000'})
        assert found[name] == found['000']
    assert {alone[name] for name in names[1::10]} == {'train', 'val', 'test'}


def test_the_split_does_not_follow_what_is_there(tmp_path):
    stems = [str(number) for number in range(1001, 1041)]
    for some in (stems, stems[::3]):
        root = write_pictures(tmp_path / str(len(some)), dict.fromkeys(some, LOOKED))
        for video in get_published('osie').find_videos(root):
            assert video.split == split_of('osie')[video.name.removeprefix('osie-')]


# What is prepared --------------------------------------------------------------------------------


def test_a_picture_is_a_video_of_one_frame(tmp_path):
    root, out = write_pictures(tmp_path / 'osie', {'1001': LOOKED}), tmp_path / 'out'
    report = run('osie', root, out)
    folder = out / 'test' / 'osie-1001'
    names = [f'{path.parent.name}/{path.name}' for path in sorted(folder.glob('*/*'))]
    assert names == ['fixation/1001.png', 'images/1001.jpg', 'maps/1001.png']
    fixated = image(folder / 'fixation' / '1001.png')
    assert np.argwhere(fixated).tolist() == [[3, 5], [10, 20]]
    # Each fixation counts, and 3 % of the width are the Gaussian's standard deviation.
    points = [(3, 5), (3, 5), (10, 20)]
    expected = density_map(points, SIZE, sigma_px=0.03 * COLUMNS)
    assert np.abs(image(folder / 'maps' / '1001.png') - 255 * expected).max() <= 0.5
    assert image(folder / 'maps' / '1001.png')[10, 20] < 255
    assert image(folder / 'images' / '1001.jpg').shape[:2] == SIZE
    lines = '\n'.join(report.lines())
    assert 'test: 1 prepared; 1 videos, 1 frames; published: 140 videos' in lines
    assert 'train: 0 prepared; 0 videos, 0 frames; published: 490 videos' in lines


def test_the_rows_of_scene_begin_with_y(tmp_path):
    # In a picture that is wider than high, x is no y.
    root = write_scene(tmp_path / 'scene', {'001': [[(3, COLUMNS - 1), (10, 40)], [(7, 8)]]})
    out = tmp_path / 'out'
    run('scene', root, out)
    (path,) = out.glob('*/scene-001/fixation/001.png')
    assert np.argwhere(image(path)).tolist() == [[3, COLUMNS - 1], [7, 8], [10, 40]]


def test_who_looked_where(tmp_path):
    root, out = write_pictures(tmp_path / 'osie', {'1001': LOOKED}), tmp_path / 'out'
    for _ in range(2):
        report = run('osie', root, out)
        assert report.observers == out / 'observers.csv'
        assert report.observers.read_text().splitlines() == [
            'video,frame,observer,row,col',
            *('osie-1001,1001,1,3,5', 'osie-1001,1001,1,3,5', 'osie-1001,1001,2,10,20'),
        ]
        report.observers.unlink()


def test_the_ground_truth_as_published_is_what_is_prepared(tmp_path):
    root, out = write_pictures(tmp_path / 'osie', {'1001': LOOKED}), tmp_path / 'out'
    run('osie', root, out)
    assert dataset_at(root).name == 'osie'
    (raw,) = find_ground_truth(root, 'test').videos
    (made,) = find_ground_truth(out, 'test').videos
    (frame,) = raw.read([0], ('density', 'fixations'))
    (other,) = made.read([0], ('density', 'fixations'))
    assert np.abs(255 * frame.density - other.density).max() <= 0.5
    assert frame.points.tolist() == [[3, 5], [3, 5], [10, 20]] and frame.size == SIZE
    assert raw.frames.names == made.frames.names == ['1001']
    assert next(iter(raw.read_points([0])))[0].tolist() == frame.points.tolist()


def test_what_is_missing_or_beside_the_picture_is_said(tmp_path):
    pictures = {
        '1001': [[(5, 3), (-1, 3), (COLUMNS, 3)], [(5, ROWS)]],
        '1002': [[], []],
        '1003': [[(-5, -5), (500, 500)]],
        '1004': LOOKED,
        '1005': LOOKED,
    }
    root, out = write_pictures(tmp_path / 'osie', pictures), tmp_path / 'out'
    stimuli = root / 'data' / 'stimuli'
    (stimuli / '1004.jpg').unlink()
    write_picture(stimuli / '1006.jpg', SIZE, 77)
    write_picture(stimuli / '9999.jpg', SIZE, 78)
    lines = '\n'.join(run('osie', root, out).lines())
    assert 'note: test/osie-1001: 3 of 4 fixations are not on the picture' in lines
    assert 'left out, no fixations: 1 video(s): osie-1002' in lines
    assert 'left out, no fixation on the picture: 1 video(s): osie-1003' in lines
    assert 'left out, no picture: 1 video(s): osie-1004' in lines
    assert f'no annotation, part of {split_of("osie")["1006"]}: 1 video(s): osie-1006' in lines
    assert 'left out, of no split of OSIE: 1 video(s): osie-9999' in lines
    assert sorted(path.name for path in out.glob('*/*') if path.is_dir()) == [
        *('osie-1001', 'osie-1005'),
    ]
    assert main(['check', str(out), '--workers', '1']) == 0


def test_check_compares_the_counts(tmp_path, capsys):
    root, out = write_pictures(tmp_path / 'osie', dict.fromkeys(STEMS.values(), LOOKED)), tmp_path
    run('osie', root, out / 'out')
    assert main(['check', str(out / 'out'), '--workers', '1']) == 0
    assert 'a part of the split: 1 videos; OSIE as published: 140 videos' in capsys.readouterr().out
    assert main(['check', str(out / 'out'), '--workers', '1', '--complete']) == 1


# Other files -------------------------------------------------------------------------------------


def cell(*values):
    found = np.empty((len(values), 1), object)
    found[:, 0] = values
    return found


SUBJECT = dict(fix_x=np.ones((1, 2)), fix_y=np.ones((1, 2)), fix_duration=np.ones((1, 2)))
PICTURE = dict(img='1001.jpg', subjects=cell(SUBJECT))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (np.eye(3), 'is a matrix of 3 x 3, expected a cell array'),
        (cell('a'), r"fixations\{1\}: expected .* got the text 'a'"),
        (cell(dict(img='1001.jpg', points=1)), r'fixations\{1\}: .* got a struct with img, points'),
        (cell(dict(PICTURE, img=np.eye(2))), 'img must be the name of a picture, got a matrix'),
        (cell(PICTURE, PICTURE), r'fixations\{2\}: has the picture 1001.jpg a second time'),
        (cell(dict(PICTURE, subjects=cell('a'))), r"subjects\{1\}: expected .* the text 'a'"),
        (
            cell(dict(PICTURE, subjects=cell(dict(SUBJECT, fix_x=np.ones((1, 3)))))),
            r'subjects\{1\}: has 3 x and 2 y of fixations',
        ),
        (
            cell(dict(PICTURE, subjects=cell(dict(SUBJECT, fix_y='a')))),
            "expected matrices of numbers with the places of fixations, got the text 'a'",
        ),
    ],
)
def test_lists_of_another_layout(tmp_path, content, message, capsys):
    write_picture(tmp_path / 'data' / 'stimuli' / '1001.jpg', SIZE, 1)
    path = tmp_path / 'data' / 'eye' / 'fixations.mat'
    path.parent.mkdir()
    savemat(path, dict(fixations=content))
    with pytest.raises(DataError, match=message) as error:
        get_published('osie').find_videos(tmp_path)
    assert str(error.value).startswith(str(path))
    assert main(['prepare', 'osie', str(tmp_path), str(tmp_path.parent / 'out')]) == 2
    assert 'Traceback' not in capsys.readouterr().err


def test_lists_of_scene_of_another_layout(tmp_path):
    root = write_scene(tmp_path / 'a', {'001': [[(3, 5)]]}, shape=(400, 12))
    with pytest.raises(DataError, match=r'expected cells of 500 pictures .* a cell array of 400 x'):
        get_published('scene').find_videos(root)
    root = write_scene(tmp_path / 'b', {'001': [[(3, 5)]]})
    cells = np.empty((500, 2), object)
    cells[:] = [[np.zeros((0, 0))] * 2] * 500
    cells[2, 1] = np.ones((3, 5))
    savemat(root / 'data' / 'tidy' / 'fixations.mat', dict(fixations=cells))
    with pytest.raises(DataError, match=r'fixations\{3, 2\}: expected rows .* a matrix of 3 x 5'):
        get_published('scene').find_videos(root)


def test_one_set_is_not_taken_for_another(tmp_path):
    osie = write_pictures(tmp_path / 'osie', {'1001': LOOKED})
    crowd = write_pictures(tmp_path / 'crowd', {'001': LOOKED})
    scene = write_scene(tmp_path / 'scene', {'001': [[(3, 5)]]})
    assert [dataset_at(root).name for root in (osie, crowd, scene)] == ['osie', 'crowd', 'scene']
    for name, root in (('crowd', osie), ('osie', crowd), ('scene', crowd)):
        assert not any(video.is_annotated for video in get_published(name).find_videos(root))


# The real ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('name', 'fixations', 'beside'), [('osie', 98321, 0), ('crowd', 126348, 3), ('scene', 43894, 0)]
)
def test_the_published_lists(sample_gaze, name, fixations, beside):
    dataset = get_published(name)
    videos = dataset.find_videos(sample_gaze / name)
    assert [video.name for video in videos] == [f'{name}-{stem}' for stem in dataset.stems]
    assert all(video.has_stimulus and video.is_annotated for video in videos)
    assert sum(len(video.recording) for video in videos) == fixations
    inside = sum(len(video.truth().read_lists().at(0, ())) for video in videos)
    assert fixations - inside == beside
