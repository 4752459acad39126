import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from salkit.datasets.transforms import FlipClip, LoadClip, LoadTargets, PackClip, RecolorClip
from salkit.datasets.transforms.load_targets import resize_fixation_map
from salkit.errors import ConfigError, DataError

RNG = np.random.default_rng(0)


def save(path, array):
    Image.fromarray(array).save(path)
    return str(path)


def frame_files(tmp_path, count=3, shape=(20, 30, 3), suffix='png'):
    return [
        save(tmp_path / f'{i:04d}.{suffix}', RNG.integers(0, 256, shape, dtype=np.uint8))
        for i in range(count)
    ]


def test_load_clip_reads_rgb_in_order(tmp_path):
    paths = frame_files(tmp_path)
    results = LoadClip().transform(dict(frame_paths=[paths[0], paths[0], paths[2]]))
    assert results['clip'].shape == (3, 20, 30, 3) and results['size'] == (20, 30)
    np.testing.assert_array_equal(results['clip'][2], np.asarray(Image.open(paths[2])))
    np.testing.assert_array_equal(results['clip'][0], results['clip'][1])


def test_load_clip_resizes_as_pillow_does(tmp_path):
    paths = frame_files(tmp_path, 1)
    results = LoadClip(size=(8, 16)).transform(dict(frame_paths=paths))
    expected = Image.open(paths[0]).resize((16, 8), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(results['clip'][0], np.asarray(expected))
    assert results['size'] == (20, 30)


def test_load_clip_keeps_the_shape_of_frames(tmp_path):
    load = LoadClip(size=(24, 32), keep_shape=8)
    for shape, expected in (((20, 30), (24, 32)), ((20, 80), (16, 56)), ((90, 30), (48, 16))):
        (tmp_path / f'{shape[0]}x{shape[1]}').mkdir()
        paths = frame_files(tmp_path / f'{shape[0]}x{shape[1]}', 1, (*shape, 3))
        results = load.transform(dict(frame_paths=paths))
        assert results['clip'].shape == (1, *expected, 3) and results['size'] == shape
        whole = Image.open(paths[0]).resize(expected[::-1], Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(results['clip'][0], np.asarray(whole))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(keep_shape=8), 'keep_shape needs a size'),
        (dict(size=(8, 8), keep_shape=-1), 'keep_shape must be at least 0, got -1'),
        (dict(size=(8, 8), keep_shape=8, cache='kept'), 'a cache is of frames of one size'),
    ],
)
def test_load_clip_says_what_does_not_go_together(options, message):
    with pytest.raises(ConfigError, match=message):
        LoadClip(**options)


def test_grey_and_palette_frames_become_rgb(tmp_path):
    grey = save(tmp_path / 'a.png', RNG.integers(0, 256, (8, 8), dtype=np.uint8))
    Image.open(grey).convert('P').save(tmp_path / 'b.png')
    clip = LoadClip().transform(dict(frame_paths=[grey, str(tmp_path / 'b.png')]))['clip']
    assert clip.shape == (2, 8, 8, 3)
    np.testing.assert_array_equal(clip[0, ..., 0], clip[0, ..., 2])


def test_the_cache_spares_reading_and_stays_small(tmp_path, monkeypatch):
    paths = frame_files(tmp_path, 5)
    load, reads = LoadClip(cache_frames=2), []
    from salkit.datasets.transforms import load_clip

    real = load_clip.read_image
    monkeypatch.setattr(load_clip, 'read_image', lambda p: reads.append(p) or real(p))
    for last in (1, 2, 3, 4):
        load.transform(dict(frame_paths=paths[last - 1 : last + 1]))
    assert reads == paths
    assert list(load._kept) == paths[3:]


def test_a_frame_of_another_size_is_named(tmp_path):
    paths = frame_files(tmp_path, 2)
    other = save(tmp_path / 'odd.png', np.zeros((10, 30, 3), np.uint8))
    with pytest.raises(DataError, match=r'odd\.png: the frame is 10 x 30 .* 20 x 30'):
        LoadClip(size=(8, 8)).transform(dict(frame_paths=[other, *paths]))


@pytest.mark.parametrize('content', [b'', b'not an image', None, 'truncated'])
@pytest.mark.parametrize('suffix', ['png', 'jpg'])
def test_unreadable_frames_are_named(tmp_path, content, suffix):
    (path,) = frame_files(tmp_path, 1, (64, 64, 3), suffix)
    whole = (tmp_path / f'0000.{suffix}').read_bytes()
    if content is None:
        (tmp_path / f'0000.{suffix}').unlink()
    else:
        broken = whole[: len(whole) // 2] if content == 'truncated' else content
        (tmp_path / f'0000.{suffix}').write_bytes(broken)
    with pytest.raises(DataError, match=rf'0000\.{suffix}') as error:
        LoadClip().transform(dict(frame_paths=[path]))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('size', [(0, 10), (10,), 'ab'])
def test_a_size_that_is_none(size):
    with pytest.raises((ConfigError, TypeError)):
        LoadClip(size=size)


def targets_of(tmp_path, density, fixations, **options):
    files = dict(
        density_path=save(tmp_path / 'density.png', density),
        fixation_path=save(tmp_path / 'fixation.png', fixations),
        size=(20, 30),
    )
    return LoadTargets(**options).transform(files)


def test_targets_are_scaled_by_their_depth(tmp_path):
    density = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
    fixations = np.zeros((20, 30), np.uint8)
    fixations[3, 4] = 255
    eight = targets_of(tmp_path, density, fixations)
    np.testing.assert_allclose(eight['density_map'], density / 255, atol=1e-7)
    assert eight['fixation_map'].sum() == 1 and eight['fixation_map'][3, 4]
    sixteen = targets_of(tmp_path, density.astype(np.uint16) * 257, fixations)
    np.testing.assert_allclose(sixteen['density_map'], eight['density_map'], atol=1e-6)


def test_colour_maps_count_as_grey(tmp_path):
    density = np.repeat(RNG.integers(0, 256, (20, 30, 1), dtype=np.uint8), 3, axis=2)
    loaded = targets_of(tmp_path, density, np.zeros((20, 30), np.uint8))
    np.testing.assert_allclose(loaded['density_map'], density[..., 0] / 255, atol=1e-7)


def test_resized_targets_keep_their_mass_and_their_points(tmp_path):
    density = np.zeros((20, 30), np.uint8)
    density[8:12, 12:18] = 200
    fixations = np.zeros((20, 30), np.uint8)
    fixations[0, 0] = fixations[19, 29] = fixations[10, 15] = 255
    small = targets_of(tmp_path, density, fixations, size=(10, 10))
    assert small['density_map'].mean() == pytest.approx(density.mean() / 255, rel=0.02)
    assert np.argwhere(small['fixation_map']).tolist() == [[0, 0], [5, 5], [9, 9]]


def test_fixations_survive_enlarging():
    points = np.zeros((3, 4), bool)
    points[2, 3] = True
    assert np.argwhere(resize_fixation_map(points, (6, 8))).tolist() == [[4, 6]]


def test_mat_files(tmp_path):
    points = np.zeros((20, 30), np.uint8)
    points[5, 6] = 1
    savemat(tmp_path / 'a.mat', dict(I=points))
    files = dict(fixation_path=str(tmp_path / 'a.mat'), density_path=None, size=(20, 30))
    loaded = LoadTargets().transform(dict(files))
    assert np.argwhere(loaded['fixation_map']).tolist() == [[5, 6]]
    assert loaded['density_map'] is None
    savemat(tmp_path / 'a.mat', dict(J=points))
    with pytest.raises(DataError, match=r'a\.mat: expected a variable I .* found J'):
        LoadTargets().transform(dict(files))
    (tmp_path / 'a.mat').write_bytes(b'broken')
    with pytest.raises(DataError, match=r'a\.mat: cannot be read'):
        LoadTargets().transform(dict(files))


def test_targets_are_read_as_they_are_scored(tmp_path):
    density = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
    points = np.eye(20, 30, dtype=np.uint8)
    files = {}
    for kind, levels in (('density', density), ('fixation', 255 * points)):
        # Black has the last index.
        image = Image.fromarray(255 - levels)
        image.putpalette([255 - level for level in range(256) for _ in 'rgb'])
        image.save(tmp_path / f'{kind}.png')
        files[f'{kind}_path'] = str(tmp_path / f'{kind}.png')
    loaded = LoadTargets().transform(dict(files, size=(20, 30)))
    np.testing.assert_allclose(loaded['density_map'], density / 255, atol=1e-6)
    np.testing.assert_array_equal(loaded['fixation_map'], points > 0)
    Image.fromarray(np.full((20, 30), np.nan, np.float32)).save(tmp_path / 'density.tif')
    files['density_path'] = str(tmp_path / 'density.tif')
    with pytest.raises(DataError, match=r'density\.tif: expected .* that are NaN'):
        LoadTargets().transform(dict(files, size=(20, 30)))


def test_a_map_of_another_size_than_its_frame_is_named(tmp_path):
    with pytest.raises(DataError, match=r'density\.png: the map is 20 x 31 .* frame is 20 x 30'):
        targets_of(tmp_path, np.zeros((20, 31), np.uint8), np.zeros((20, 30), np.uint8))
    with pytest.raises(DataError, match=r'fixation\.png: the map is 10 x 30'):
        targets_of(tmp_path, np.zeros((20, 30), np.uint8), np.zeros((10, 30), np.uint8))


def test_pack_clip_puts_channels_first(tmp_path):
    clip = RNG.integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    packed = PackClip().transform(
        dict(
            clip=clip,
            density_map=None,
            fixation_map=np.ones((4, 5), bool),
            size=(40, 50),
            dataset='D',
            split='test',
            video='v',
            frame='0001',
        )
    )
    assert packed['clip'].shape == (3, 2, 4, 5)
    np.testing.assert_array_equal(packed['clip'][1, 0], clip[0, ..., 1])
    assert packed['density_map'] is None and packed['fixation_map'].sum() == 20
    assert packed['meta'].size == (40, 50) and packed['meta'].video == 'v'


def loaded_sample(seed=0):
    points = np.zeros((4, 6), bool)
    points[0, 1] = True
    return dict(
        clip=RNG.integers(0, 256, (3, 4, 6, 3), dtype=np.uint8),
        density_map=RNG.random((4, 6), dtype=np.float32),
        fixation_map=points,
        rng=np.random.default_rng(seed),
    )


@pytest.mark.parametrize(
    ('horizontal', 'vertical', 'point'), [(1, 0, (0, 4)), (0, 1, (3, 1)), (1, 1, (3, 4))]
)
def test_flips_move_clip_and_maps_together(horizontal, vertical, point):
    before = loaded_sample()
    after = FlipClip(horizontal, vertical).transform(dict(before))
    assert np.argwhere(after['fixation_map']).tolist() == [list(point)]
    assert after['density_map'][point] == before['density_map'][0, 1]
    np.testing.assert_array_equal(after['clip'][:, point[0], point[1]], before['clip'][:, 0, 1])


def test_random_transforms_follow_their_generator():
    for transform in (FlipClip(0.5, 0.5), RecolorClip(0.5, 0.5)):
        sample = loaded_sample()
        clips = [
            transform.transform(dict(sample, rng=np.random.default_rng(seed)))['clip'].tobytes()
            for seed in [*range(12), *range(12)]
        ]
        assert clips[:12] == clips[12:] and len(set(clips)) > 2


def test_recolouring_treats_all_frames_alike_and_leaves_the_maps():
    before = loaded_sample()
    after = RecolorClip(0.0, 1.0).transform(dict(before))
    np.testing.assert_array_equal(after['clip'], 255 - before['clip'])
    assert after['density_map'] is before['density_map']
    swapped = RecolorClip(1.0, 0.0).transform(dict(before, rng=np.random.default_rng(5)))['clip']
    np.testing.assert_array_equal(np.sort(swapped, -1), np.sort(before['clip'], -1))
    assert not np.array_equal(swapped, before['clip'])


@pytest.mark.parametrize('transform', [FlipClip, RecolorClip])
def test_probabilities_are_checked(transform):
    for options in ((1.5, 0), (0.5, -0.1)):
        with pytest.raises(ConfigError, match='between 0 and 1'):
            transform(*options)


def test_packed_flips_are_contiguous_tensors():
    flipped = FlipClip(1, 1).transform(loaded_sample())
    packed = PackClip().transform(
        dict(flipped, size=(4, 6), dataset='D', split='train', video='v', frame='1')
    )
    assert packed['density_map'].is_contiguous() and packed['clip'].is_contiguous()
