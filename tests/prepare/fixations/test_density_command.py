import json
import os
import re
import shutil
import signal

import numpy as np
import pytest
from make_data import write_dataset
from make_video import encode_video
from PIL import Image
from scipy.io import savemat
from trees import write_pictures

from salkit.cli import main
from salkit.datasets import VideoSaliencyDataset
from salkit.media.maps import read_map
from salkit.prepare.fixations import DENSITY_RECIPES, density_map

SIZE = (32, 48)


def run(*argv):
    return main(['density', *map(str, argv)])


def fails(capsys, *argv):
    """Run what must fail as a user's mistake; gives its one line."""
    capsys.readouterr()
    assert run(*argv, '--workers', 1) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith('salkit density: error: ') and '\n' not in error
    return error


def read(path):
    return np.load(path) if path.suffix == '.npy' else np.asarray(Image.open(path))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def root(tmp_path):
    """A data set of 3 videos without density maps."""
    root = write_dataset(tmp_path / 'set', dict(train=2, test=1), frames=5)
    for maps in root.glob('*/*/maps'):
        shutil.rmtree(maps)
    return root


def expected_map(video, stem, **density):
    return density_map(read(video / 'fixation' / f'{stem}.png') > 0, **density)


@pytest.mark.parametrize('format', ['png', 'png16', 'npy'])
def test_maps_of_one_folder(root, tmp_path, format, capsys):
    video, out = root / 'test' / 'test000', tmp_path / 'new' / 'out'
    assert run(video / 'fixation', '--sigma-px', 4, '--out', out, '--format', format) == 0
    assert '1 videos of 5 frames written to' in capsys.readouterr().out
    suffix = 'npy' if format == 'npy' else 'png'
    assert names_in(out) == [*(f'{i:04d}.{suffix}' for i in range(1, 6)), 'density.json']
    found = read(out / f'0003.{suffix}')
    expected = expected_map(video, '0003', sigma_px=4)
    if format == 'npy':
        assert np.array_equal(found, expected)
        return
    levels = np.iinfo(found.dtype).max
    assert levels == {'png': 255, 'png16': 65535}[format]
    assert np.array_equal(found, np.rint(levels * expected))
    assert np.array_equal(read_map(out / '0003.png'), found)


def test_mat_files(tmp_path):
    maps, fixations = tmp_path / 'fixation' / 'maps', np.zeros(SIZE, 'u1')
    maps.mkdir(parents=True)
    fixations[4, 30] = 1
    for name in ('0001', '0002', '0010'):
        savemat(maps / f'{name}.mat', dict(I=fixations))
    for number, folder in enumerate((maps, maps.parent)):
        out = tmp_path / f'out{number}'
        assert run(folder, '--recipe', 'dhf1k', '--out', out, '--format', 'npy') == 0
        assert names_in(out)[:3] == ['0001.npy', '0002.npy', '0010.npy']
        expected = density_map(fixations, **DENSITY_RECIPES['dhf1k'])
        assert np.array_equal(read(out / '0010.npy'), expected)


def test_a_data_set_becomes_one_that_trains(root):
    assert run(root, '--ppd', 8, '--sigma-deg', 0.5, '--workers', 2) == 0
    dataset = VideoSaliencyDataset(str(root), 'test', clip_len=4)
    assert [len(video.densities) for video in dataset.videos] == [5]
    video = root / 'train' / 'train001'
    expected = np.rint(255 * expected_map(video, '0002', sigma_px=4))
    assert np.array_equal(read(video / 'maps' / '0002.png'), expected)
    note = json.loads((video / 'maps' / 'density.json').read_text())['settings']
    assert note['density']['sigma_px'] == 4


def test_a_data_set_beside_another(root, tmp_path):
    out = tmp_path / 'out'
    assert run(root, '--sigma-px', 3, '--out', out) == 0
    videos = {path.relative_to(out).as_posix() for path in out.glob('*/*/maps')}
    assert videos == {'train/train000/maps', 'train/train001/maps', 'test/test000/maps'}
    assert not list(root.glob('*/*/maps'))
    # A split, and a video, of it.
    assert run(root / 'train', '--sigma-px', 3, '--out', tmp_path / 'split') == 0
    assert names_in(tmp_path / 'split') == ['train000', 'train001']
    assert run(root / 'train' / 'train000', '--sigma-px', 3, '--out', tmp_path / 'video') == 0
    assert names_in(tmp_path / 'video') == ['maps']


def test_maps_are_replaced_on_demand_only(root, capsys):
    published = root / 'train' / 'train000' / 'maps'
    published.mkdir()
    Image.fromarray(np.full(SIZE, 7, 'u1')).save(published / '0001.png')
    line = fails(capsys, root, '--sigma-px', 3)
    assert f'{published}: holds files already; --overwrite replaces them' in line
    # Refused before anything was written.
    assert [path.parent.name for path in root.glob('*/*/maps')] == ['train000']
    assert names_in(published) == ['0001.png']
    assert run(root, '--sigma-px', 3, '--overwrite') == 0
    assert len(names_in(published)) == 6
    line = fails(capsys, root, '--sigma-px', 4)
    assert 'made otherwise (density); --overwrite' in line
    line = fails(capsys, root, '--sigma-px', 3, '--format', 'npy')
    assert 'made otherwise (format); --overwrite' in line
    fixations = root / 'train' / 'train000' / 'fixation' / '0002.png'
    Image.fromarray(255 * np.eye(*SIZE, dtype='u1')).save(fixations)
    assert 'made otherwise (fixations)' in fails(capsys, root, '--sigma-px', 3)
    assert run(root, '--sigma-px', 3, '--overwrite') == 0
    assert '1 videos of 5 frames' in capsys.readouterr().out
    # What lacks a map is not finished.
    (published / '0004.png').unlink()
    assert run(root, '--sigma-px', 3) == 0 and len(names_in(published)) == 6
    assert '1 videos of 5 frames' in capsys.readouterr().out


def test_nothing_but_maps_is_overwritten(root, tmp_path, capsys):
    home = tmp_path / 'home'
    home.mkdir()
    (home / 'thesis.tex').write_text('everything')
    argv = [root / 'test' / 'test000' / 'fixation', '--sigma-px', 3, '--out', home, '--overwrite']
    assert 'holds more than maps, thesis.tex: not overwritten' in fails(capsys, *argv)
    assert names_in(home) == ['thesis.tex']


def test_what_is_done_stays(root, capsys):
    assert run(root, '--sigma-px', 3) == 0
    stamps = {path: path.stat().st_mtime_ns for path in root.glob('*/*/maps/*')}
    shutil.rmtree(root / 'train' / 'train001' / 'maps')
    capsys.readouterr()
    assert run(root, '--sigma-px', 3) == 0
    assert '1 videos of 5 frames' in (out := capsys.readouterr().out)
    assert '(2 were there already)' in out
    for path, stamp in stamps.items():
        assert (path.stat().st_mtime_ns == stamp) == ('train001' not in path.parts)


# Writes two of four videos; each worker then says that it has written a part of another, and waits.
SOME_OF_A_RUN = """
import os, time
from salkit.prepare.fixations import write

write_video, write_map = write._write_video, write.write_map_file

def write_some(number, targets):
    if number >= 2:
        write.write_map_file = write_a_part
    return write_video(number, targets)

def write_a_part(density, path, format):
    write_map(density, path, format)
    if path.name == '0003':
        os.write(1, b'begun\\n')
        while True:
            time.sleep(0.01)

write._write_video = write_some
"""


@pytest.mark.slow
def test_killed_and_run_again(tmp_path, nursery):
    """Nothing half-written, no finished video made twice."""
    rng = np.random.default_rng(0)
    for i in range(4):
        fixation = tmp_path / 'set' / 'train' / f'{i:02d}' / 'fixation'
        fixation.mkdir(parents=True)
        for j in range(5):
            Image.fromarray(255 * (rng.random(SIZE) < 0.01).astype('u1')).save(
                fixation / f'{j + 1:04d}.png'
            )
    root = tmp_path / 'set' / 'train'
    argv = ['density', str(tmp_path / 'set'), '--sigma-px', '9', '--workers', '2']
    run = nursery.start(argv, tmp_path / 'log', SOME_OF_A_RUN)
    run.until(lambda: run.printed().count('begun\n') == 2)
    run.send(signal.SIGKILL)
    assert run.end() == -9
    # The workers notice.
    assert run.leaves_nobody() and 'Traceback' not in run.printed()
    stamps = {path: path.stat().st_mtime_ns for path in root.glob('*/maps/*.png')}
    assert len(stamps) == 10 and len(list(root.glob('*/maps'))) == 2
    assert main(argv) == 0
    assert len(list(root.glob('*/maps/*.png'))) == 20
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    for video in root.iterdir():
        assert names_in(video) == ['fixation', 'maps']
        assert names_in(video / 'maps') == [*(f'{j + 1:04d}.png' for j in range(5)), 'density.json']
        expected = np.rint(255 * expected_map(video, '0003', sigma_px=9))
        assert np.array_equal(read(video / 'maps' / '0003.png'), expected)


def test_an_error_on_the_way_leaves_no_folder(root, capsys):
    (root / 'train' / 'train001' / 'fixation' / '0003.png').write_bytes(b'not an image')
    assert '0003.png: cannot be read as an image' in fails(capsys, root, '--sigma-px', 3)
    assert not (root / 'train' / 'train001' / 'maps').exists()
    Image.fromarray(np.zeros(SIZE, 'u1')).save(root / 'train/train001/fixation/0003.png')
    assert run(root, '--sigma-px', 3) == 0
    # A frame that nobody looked at.
    assert not read(root / 'train' / 'train001' / 'maps' / '0003.png').any()


def test_a_share_of_the_width(root, tmp_path, capsys):
    out = tmp_path / 'out'
    argv = [root, '--sigma-width', 0.1, '--out', out, '--format', 'npy']
    assert run(*argv) == 0 and run(*argv) == 0
    assert '(3 were there already)' in capsys.readouterr().out
    expected = expected_map(root / 'test' / 'test000', '0003', sigma_px=0.1 * SIZE[1])
    folder = out / 'test' / 'test000' / 'maps'
    assert np.array_equal(read(folder / '0003.npy'), expected)
    assert json.loads((folder / 'density.json').read_text())['settings']['density'] == dict(
        sigma_width=0.1, pixel_aspect=1.0, window_px=None, shift_px=0, normalize='max'
    )
    argv[2] = 0.2
    assert 'made otherwise (density)' in fails(capsys, *argv)


def test_recorded_fixations_of_a_published_set(tmp_path):
    root = write_pictures(tmp_path / 'osie', {'1001': [[(5, 3)], [(20, 10)]]}, SIZE)
    out = tmp_path / 'out'
    assert run(root, '--recipe', 'osie', '--out', out, '--format', 'npy') == 0
    expected = density_map([(3, 5), (10, 20)], SIZE, sigma_width=0.03)
    assert np.array_equal(read(out / 'osie-1001' / 'maps' / '1001.npy'), expected)


# Gaze --------------------------------------------------------------------------------------------


def write_gaze(path, rows, header='video,frame,x,y,observer'):
    path.write_text('\n'.join([header, *(','.join(map(str, row)) for row in rows)]) + '\n')
    return path


def test_gaze_by_frame(tmp_path, capsys):
    rows = [
        ('a.mp4', 1, 10, 5, 'o'),
        ('a.mp4', 1, 10.5, 5, 'p'),
        ('a.mp4', 1, 30, 20, 'o'),
        ('a.mp4', 3, 0, 0, 'o'),
        ('a.mp4', 2, 99, 0, 'o'),
        ('b', 1, 3, 4, 'o'),
    ]
    gaze, out = write_gaze(tmp_path / 'gaze.csv', rows), tmp_path / 'out'
    argv = [gaze, '--sigma-px', 2, '--out', out, '--size', '48x32', '--format', 'npy']
    assert run(*argv) == 0
    printed = capsys.readouterr().out
    assert '1 of 6 samples were left out' in printed and '2 videos of 4 frames' in printed
    assert names_in(out) == ['a', 'b'] and names_in(out / 'a') == ['fixation', 'maps']
    fixations = read(out / 'a' / 'fixation' / '0001.png')
    assert fixations.dtype == np.uint8 and set(np.unique(fixations)) == {0, 255}
    assert np.argwhere(fixations).tolist() == [[5, 10], [20, 30]]
    assert not read(out / 'a' / 'fixation' / '0002.png').any()
    # Two looked at the same pixel.
    expected = density_map([(5, 10), (5, 10), (20, 30)], SIZE, sigma_px=2)
    assert np.array_equal(read(out / 'a' / 'maps' / '0001.npy'), expected)
    assert expected[20, 30] == pytest.approx(0.5, abs=1e-6)
    assert run(*argv) == 0
    assert '(2 were there already)' in capsys.readouterr().out
    argv[2] = 3
    assert 'made otherwise (density)' in fails(capsys, *argv)
    assert run(*argv, '--overwrite') == 0
    # A run that was killed between two folders.
    shutil.rmtree(out / 'a' / 'maps')
    capsys.readouterr()
    assert run(*argv) == 0
    assert '1 videos of 3 frames' in (printed := capsys.readouterr().out)
    assert '(1 were there already)' in printed


def test_gaze_on_one_of_two_videos_of_a_name(tmp_path, capsys):
    for name in ('clip.mp4', 'deep/clip.mkv', '1.mp4', '0001.mp4'):
        encode_video(tmp_path / 'videos' / name, frames=2)
    gaze = tmp_path / 'gaze.csv'
    argv = [gaze, '--sigma-px', 2, '--out', tmp_path / 'out', '--videos', tmp_path / 'videos']
    for video, second in (('clip', r'clip\.mkv'), ('01', r'1\.mp4')):
        write_gaze(gaze, [(video, 1, 40, 20)], 'video,frame,x,y')
        told = fails(capsys, *argv)
        assert re.search(rf'{video}: expected one video of this name, got \S+, \S+{second}', told)
    write_gaze(gaze, [('1', 1, 40, 20)], 'video,frame,x,y')
    assert run(*argv) == 0
    # A dot alone is no ending.
    for name in ('run.mp4', 'run.v2.mp4', 'run.v3.mp4'):
        encode_video(tmp_path / 'videos' / name, frames=2)
    write_gaze(gaze, [('run.v2', 1, 40, 20), ('run.v3.mp4', 1, 40, 20)], 'video,frame,x,y')
    assert run(*argv) == 0
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['1', 'run.v2', 'run.v3']


def test_gaze_by_time_beside_its_video(tmp_path, capsys):
    videos = tmp_path / 'videos'
    videos.mkdir()
    encode_video(videos / 'clip.mp4', frames=12, fps=10)
    # 80 x 48 on a screen of 800 x 600: 60 rows of the screen above and below.
    rows = [
        ('clip', 0, 0, 60),
        ('clip', 0.35, 799, 539),
        ('clip', 1.19, 400, 300),
        ('clip', 1.25, 400, 300),
        ('clip', 0.5, 400, 59),
    ]
    gaze = write_gaze(tmp_path / 'gaze.csv', rows, 'video,time_s,x,y')
    argv = [gaze, '--sigma-px', 2, '--out', tmp_path / 'out', '--screen', '800x600']
    assert '--size WIDTHxHEIGHT' in fails(capsys, *argv)
    assert '--fps' in fails(capsys, *argv, '--size', '80x48')
    assert run(*argv, '--videos', videos) == 0
    assert 'note: 2 of 5 samples were left out' in capsys.readouterr().out
    turned = [*argv[:4], tmp_path / 'turned', '--screen', '600x800', '--videos', videos]
    assert run(*turned) == 0
    assert 'warning: 4 of 5 samples were left out' in capsys.readouterr().out
    maps = sorted((tmp_path / 'out' / 'clip' / 'fixation').glob('*.png'))
    fixated = {int(path.stem): np.argwhere(read(path)).tolist() for path in maps}
    assert len(maps) == 12
    assert {k: v for k, v in fixated.items() if v} == {1: [[0, 0]], 4: [[47, 79]], 12: [[24, 40]]}
    assert 'holds no video other' in fails(
        capsys,
        write_gaze(tmp_path / 'b.csv', [('other', 1, 1, 1)], 'video,frame,x,y'),
        '--sigma-px',
        2,
        '--out',
        tmp_path / 'b',
        '--videos',
        videos,
    )


def test_gaze_on_frames_of_a_data_set(root, tmp_path):
    rows = [('test000', 2, 0.5, 0.25)]
    gaze = write_gaze(tmp_path / 'gaze.csv', rows, 'video,frame,x,y')
    argv = [gaze, '--sigma-px', 2, '--out', tmp_path / 'out', '--videos', root, '--normalized']
    assert run(*argv) == 0
    maps = sorted((tmp_path / 'out' / 'test000' / 'fixation').glob('*.png'))
    assert [np.argwhere(read(path)).tolist() for path in maps] == [[], [[8, 24]], [], [], []]


def test_lists_of_fixations(tmp_path, capsys):
    lists = tmp_path / 'avimos' / 'Fixations' / 'Train'
    points = [[[5, 10], [5, 10]], [], [[0, 47]]]
    for name in ('v1', 'v2'):
        (lists / name).mkdir(parents=True)
        (lists / name / 'fixations.json').write_text(json.dumps(points))
    argv = ['--recipe', 'ucf-hollywood2', '--format', 'npy']
    assert '--size' in fails(capsys, tmp_path / 'avimos', *argv, '--out', tmp_path / 'out')
    argv += ['--size', '48x32']
    assert run(tmp_path / 'avimos', *argv, '--out', tmp_path / 'out') == 0
    assert names_in(tmp_path / 'out') == ['v1', 'v2']
    assert len(names_in(tmp_path / 'out' / 'v2' / 'fixation')) == 4
    assert not read(tmp_path / 'out' / 'v2' / 'maps' / '0002.npy').any()
    assert run(lists / 'v1' / 'fixations.json', *argv, '--out', tmp_path / 'one') == 0
    found = read(tmp_path / 'one' / 'v1' / 'maps' / '0003.npy')
    expected = density_map([(0, 47)], SIZE, **DENSITY_RECIPES['ucf-hollywood2'])
    assert np.array_equal(found, expected)
    (lists / 'v1' / 'fixations.json').write_text('[[[5, 99]]]')
    line = fails(capsys, tmp_path / 'avimos', *argv, '--out', tmp_path / 'bad')
    assert 'v1/fixations.json, frame 1: the fixation [5, 99] lies outside' in line


# Mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'argv, message',
    [
        ([], 'by one of a recipe, sigma_px, sigma_width'),
        (['--sigma-px', 3, '--ppd', 3], 'by one of a recipe, sigma_px, sigma_width'),
        (['--sigma-px', 3, '--sigma-deg', 3], 'sigma_deg goes with ppd'),
        (['--recipe', 'mine'], '--recipe must be one of crowd, dhf1k, '),
        (['--recipe', 'dhf1k', '--window-px', 3], '--recipe and --window-px: give one'),
        (['--sigma-px', -1], 'sigma_px must be above 0, got -1.0'),
        (
            ['--sigma-px', 3, '--size', '48x32'],
            'holds fixation maps, which need no options of gaze',
        ),
        (['--sigma-px', 3, '--screen', '10,20'], '--screen must be two whole numbers'),
    ],
)
def test_options_that_do_not_fit(root, argv, message, capsys):
    assert message in fails(capsys, root, *argv)
    assert not list(root.glob('*/*/maps'))


def test_no_workers(root, capsys):
    assert run(root, '--sigma-px', 3, '--workers', 0) == 2
    assert 'workers must be at least 1, got 0' in capsys.readouterr().err


def test_places_that_hold_nothing(root, tmp_path, capsys):
    argv = ['--sigma-px', 3]
    assert 'does not exist' in fails(capsys, tmp_path / 'nowhere', *argv)
    (tmp_path / 'empty').mkdir()
    assert 'empty: holds no fixations; expected' in fails(capsys, tmp_path / 'empty', *argv)
    (tmp_path / 'a.xml').write_text('')
    assert 'a.xml: expected' in fails(capsys, tmp_path / 'a.xml', *argv)
    os.mkfifo(tmp_path / 'pipe.csv')
    assert 'pipe.csv: is a pipe' in fails(capsys, tmp_path / 'pipe.csv', *argv)
    line = fails(capsys, root / 'test' / 'test000' / 'fixation', *argv)
    assert '--out must say where' in line
    gaze = write_gaze(tmp_path / 'gaze.csv', [('a', 1, 1, 1)], 'video,frame,x,y')
    assert '--out must say where' in fails(capsys, gaze, *argv, '--size', '9x9')
