import hashlib
import json
import shutil
import socket
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
from PIL import Image

from salkit.datasets.demo import generator as demo_generator
from salkit.datasets.demo.generator import generate_demo_data, simulate_gaze
from salkit.datasets.demo.scene import PHOTOS, draw_frame, plan_scene, to_canvas, to_frame
from salkit.errors import ConfigError, DataError

VIDEOS = {'train': 2, 'val': 1, 'test': 1}
FRAMES = 32
SIZE = (72, 96)
TINY = {'videos': VIDEOS, 'frames': FRAMES, 'size': SIZE, 'progress': False}


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    return generate_demo_data(tmp_path_factory.mktemp('data') / 'nested' / 'demo', **TINY)


def digest(root):
    files = sorted(p for p in root.rglob('*') if p.is_file())
    names = [str(p.relative_to(root)) for p in files]
    return names, [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


@lru_cache
def scenes(count=20):
    return [plan_scene(split, i, size=SIZE) for split in PHOTOS for i in range(count)]


def test_layout_and_counts(demo):
    assert sorted(p.name for p in demo.iterdir()) == ['demo.json', 'test', 'train', 'val']
    for split, count in VIDEOS.items():
        videos = sorted((demo / split).iterdir())
        assert [v.name for v in videos] == [f'{i + 1:04d}' for i in range(count)]
        for video in videos:
            stems = [
                sorted(p.stem for p in (video / part).iterdir())
                for part in ('images', 'maps', 'fixation')
            ]
            assert stems == [[f'{t + 1:04d}' for t in range(FRAMES)]] * 3
    assert [p.name for p in demo.parent.iterdir()] == ['demo']


def test_frames_and_maps_are_what_they_claim(demo):
    for video in demo.glob('*/*/'):
        for t in range(FRAMES):
            name = f'{t + 1:04d}'
            image = read(video / 'images' / f'{name}.jpg')
            density_map = read(video / 'maps' / f'{name}.png')
            fixation_map = read(video / 'fixation' / f'{name}.png')
            assert image.shape == (*SIZE, 3)
            assert density_map.shape == fixation_map.shape == SIZE
            assert density_map.dtype == fixation_map.dtype == np.uint8
            assert set(np.unique(fixation_map)) == {0, 255}
            assert density_map.max() == 255
            points = np.argwhere(fixation_map)
            peak = np.unravel_index(density_map.argmax(), SIZE)
            assert np.linalg.norm(points - peak, axis=1).min() < 2 * SIZE[0] / 16
            assert density_map[tuple(points.T)].mean() > 2 * density_map.mean()


def test_images_show_the_planned_scene(demo):
    scene = plan_scene('train', 0, frames=FRAMES, size=SIZE)
    drawn = draw_frame(scene, 5).astype(float)
    stored = read(demo / 'train' / '0001' / 'images' / '0006.jpg').astype(float)
    assert np.abs(drawn - stored).mean() < 6


def test_same_arguments_give_the_same_bytes(demo, tmp_path):
    again = generate_demo_data(tmp_path / 'other', **TINY)
    assert digest(again) == digest(demo)


def test_a_clip_does_not_depend_on_how_many_there_are(demo, tmp_path):
    alone = generate_demo_data(tmp_path / 'one', **{**TINY, 'videos': {'test': 1}})
    assert digest(alone / 'test') == digest(demo / 'test')


def test_another_seed_gives_other_clips():
    first, second = (plan_scene('train', 0, seed=s, size=SIZE) for s in (0, 1))
    assert not np.array_equal(draw_frame(first, 0), draw_frame(second, 0))


def test_no_two_splits_share_a_photo(demo):
    names = [name for photos in PHOTOS.values() for name in photos]
    assert len(names) == len(set(names))
    home = {name: split for split, photos in PHOTOS.items() for name in photos}
    assert home['motorcycle_left.png'] == home['motorcycle_right.png']
    for split, clips in json.loads((demo / 'demo.json').read_text())['clips'].items():
        for clip in clips.values():
            assert home[clip['photo']] == split
            assert clip['texture_photo'] is None or home[clip['texture_photo']] == split


def test_a_complete_set_is_returned_at_once(demo, monkeypatch):
    monkeypatch.setattr(demo_generator, '_write_set', None)
    assert generate_demo_data(demo, **TINY) == demo


def test_what_a_killed_run_left_goes(demo):
    process = subprocess.Popen(['true'])
    process.wait()
    leftover = demo.with_name(f'.{demo.name}.{process.pid}@{socket.gethostname()}.unfinished')
    leftover.mkdir()
    generate_demo_data(demo, **TINY)
    assert not leftover.exists()


@pytest.mark.parametrize('change', [{'seed': 1}, {'frames': 33}, {'videos': {'train': 1}}])
def test_a_set_of_other_parameters_is_refused(demo, change):
    before = digest(demo)
    with pytest.raises(DataError, match='holds a demo data set with'):
        generate_demo_data(demo, **{**TINY, **change})
    assert digest(demo) == before


@pytest.mark.parametrize('info', [None, '{}', '[]', 'text'])
def test_a_foreign_folder_is_refused(tmp_path, info):
    root = tmp_path / 'mine'
    root.mkdir()
    if info is not None:
        (root / 'demo.json').write_text(info)
    before = digest(root)
    with pytest.raises(DataError, match='mine') as caught:
        generate_demo_data(root, **TINY)
    assert '\n' not in str(caught.value)
    assert digest(root) == before


@pytest.mark.parametrize('failure', [KeyboardInterrupt, OSError('No space left on device')])
def test_a_failure_leaves_nothing(tmp_path, monkeypatch, failure):
    write = demo_generator._write_image

    def fails_later(path, image):
        if path.stem == '0009':
            raise failure
        write(path, image)

    monkeypatch.setattr(demo_generator, '_write_image', fails_later)
    with pytest.raises(KeyboardInterrupt if failure is KeyboardInterrupt else DataError):
        generate_demo_data(tmp_path / 'demo', **TINY)
    assert list(tmp_path.iterdir()) == []


def test_the_slower_of_two_takes_the_set_of_the_faster(tmp_path, monkeypatch):
    root, write_set = tmp_path / 'demo', demo_generator._write_set
    small = {**TINY, 'videos': {'val': 1}}

    def overtaken(folder, *args):
        write_set(folder, *args)
        shutil.copytree(folder, root)
        (root / 'of-the-faster').touch()

    monkeypatch.setattr(demo_generator, '_write_set', overtaken)
    assert generate_demo_data(root, **small) == root
    assert [p.name for p in tmp_path.iterdir()] == ['demo'] and (root / 'of-the-faster').exists()


def test_two_processes_at_once_without_a_main_guard(tmp_path):
    root = tmp_path / 'demo'
    small = {**TINY, 'videos': {'val': 2}}
    code = (
        'from salkit.datasets.demo.generator import generate_demo_data\n'
        f'generate_demo_data({str(root)!r}, **{small!r})\n'
    )
    script = tmp_path / 'script.py'
    script.write_text(f'import sys\nsys.path[:0] = {sys.path!r}\n{code}')
    racers = [subprocess.Popen([sys.executable, str(script)]) for _ in range(2)]
    assert [racer.wait(timeout=120) for racer in racers] == [0, 0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ['demo', 'script.py']
    assert generate_demo_data(root, **small) == root


@pytest.mark.parametrize(
    'wrong',
    [
        {'videos': {'training': 1}},
        {'videos': {}},
        {'videos': {'train': -1}},
        {'frames': 8},
        {'size': (20, 96)},
        {'seed': -1},
    ],
)
def test_wrong_arguments_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match='demo data'):
        generate_demo_data(tmp_path / 'demo', **{**TINY, **wrong})
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_shows_a_bar(tmp_path, capsys, monkeypatch):
    one = {**TINY, 'videos': {'val': 1}, 'progress': True}
    generate_demo_data(tmp_path / 'silent', **one)
    assert capsys.readouterr() == ('', '')
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    generate_demo_data(tmp_path / 'demo', **one)
    captured = capsys.readouterr()
    assert captured.out == '' and '1/1' in captured.err


def test_frame_and_canvas_points_are_inverse():
    scene = plan_scene('train', 0, size=SIZE)
    points = np.array([[0.0, 0.0], [10.5, 70.25]])
    there = to_canvas(points, scene.camera[3], SIZE)
    np.testing.assert_allclose(to_frame(there, scene.camera[3], SIZE), points, atol=1e-9)


def test_the_camera_is_slow():
    corners = np.array([[0, 0], [0, SIZE[1] - 1], [SIZE[0] - 1, 0], [SIZE[0] - 1, SIZE[1] - 1]])
    for scene in scenes():
        points = to_canvas(corners[None].astype(float), scene.camera[:, None], SIZE)
        moved = to_frame(points[:-1], scene.camera[1:, None], SIZE) - corners
        assert np.linalg.norm(moved, axis=-1).max() <= 0.65 * SIZE[0] / 144
        inside = (points >= 0) & (points <= np.array(scene.canvas.shape[:2]) - 1)
        assert inside.all()


def test_decoys_rest_on_the_photo_and_a_moving_attractor_does_not():
    for scene in scenes():
        for obj in scene.objects:
            on_photo = to_canvas(obj.positions, scene.camera, SIZE)
            carried = to_frame(on_photo[:-1], scene.camera[1:], SIZE)
            steps = np.linalg.norm(obj.positions[1:] - carried, axis=1)[scene.onset :]
            if obj.is_attractor and scene.kind == 'moving':
                assert steps.min() >= 3 * SIZE[0] / 144 - 1e-9
                assert steps.max() <= 7 * SIZE[0] / 144 + 1e-9
            else:
                assert steps.max() < 1e-9


def test_objects_start_apart_and_stay_in_the_frame():
    for scene in scenes():
        for i, obj in enumerate(scene.objects):
            shown = obj.positions[scene.onset :]
            assert np.isfinite(shown).all()
            assert ((shown >= 0) & (shown <= np.array(SIZE) - 1)).all()
            for other in scene.objects[:i]:
                gap = np.linalg.norm(obj.positions[0] - other.positions[0])
                assert gap > (obj.radius + other.radius) * scene.camera[0, 2]


def test_the_kinds_are_mixed_and_only_moving_clips_have_decoys():
    kinds = [scene.kind for scene in scenes()]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in set(kinds)}
    assert shares == pytest.approx({'moving': 0.65, 'appearing': 0.2, 'static': 0.15}, abs=0.06)
    for scene in scenes():
        assert not scene.decoys or scene.kind == 'moving'
        assert len({(o.shape, o.fill) for o in scene.objects}) == 1
        assert scene.onset == 0 or scene.kind == 'appearing'


def test_gaze_rests_on_the_attractor_once_it_is_there():
    for scene in scenes(8):
        points = simulate_gaze(scene, np.random.default_rng(0))
        assert points.shape == (40, demo_generator.OBSERVERS, 2)
        assert ((points >= 0) & (points < np.array(SIZE))).all()
        settled = scene.onset + 8
        away = np.linalg.norm(points - scene.attractor.positions[:, None], axis=-1)
        near = away < 2 * scene.attractor.radius
        assert near[settled:].mean() > 0.6
        for decoy in scene.decoys:
            gap = np.linalg.norm(points - decoy.positions[:, None], axis=-1)
            on_decoy = (gap < decoy.radius) & ~near
            assert on_decoy[settled:].mean() < 0.2


def test_an_appearing_attractor_is_not_drawn_before_its_onset():
    scene = next(s for s in scenes() if s.kind == 'appearing')
    y, x = np.rint(scene.attractor.positions[scene.onset]).astype(int)
    reach = int(scene.attractor.radius)
    box = np.s_[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
    before, last, first = (
        draw_frame(scene, t)[box].astype(float) for t in (0, scene.onset - 1, scene.onset)
    )
    assert np.abs(first - last).mean() > 10
    assert np.abs(first - last).mean() > np.abs(last - before).mean() / 2
