"""Random cuts, colours and speed of training clips, and their consistency with the maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_data import write_dataset
from torch.utils.data import DataLoader

from salkit.builder import build
from salkit.config.load import load_config
from salkit.datasets import VideoSaliencyDataset
from salkit.datasets.clip_cache_build import build_cache
from salkit.datasets.transforms import ColorJitterClip, FlipClip, RandomResizedCropClip, RecolorClip
from salkit.datasets.transforms.augment import GRAY, color_matrix
from salkit.errors import ConfigError, DataError
from salkit.registry import TRANSFORMS

SIZE = (64, 80)


def marked(point, size=SIZE, frames=3):
    """A sample with a bright spot at `point` in every frame, where its maps are largest."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    spot = np.exp(-((rows - point[0]) ** 2 + (columns - point[1]) ** 2) / (2 * 3.0**2))
    fixations = np.zeros(size, bool)
    fixations[point] = True
    frame = np.repeat(np.rint(255 * spot).astype(np.uint8)[..., None], 3, axis=2)
    return dict(
        clip=np.stack([frame] * frames),
        density_map=spot.astype(np.float32),
        fixation_map=fixations,
        size=size,
    )


def peak(values):
    return np.array(np.unravel_index(np.argmax(values), values.shape))


points = st.tuples(st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1))
ranges = st.tuples(st.floats(0.1, 1), st.floats(0.1, 1)).map(lambda pair: tuple(sorted(pair)))
shapes = st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)).map(lambda pair: tuple(sorted(pair)))
sizes = st.tuples(st.integers(24, 90), st.integers(24, 90))


@settings(max_examples=60)
@given(points, ranges, shapes, sizes, st.integers(0, 2**32))
def test_maps_stay_with_what_the_frames_show(point, scale, ratio, size, seed):
    sample = marked(point) | dict(rng=np.random.default_rng(seed))
    sample = RandomResizedCropClip(size, scale, ratio).transform(sample)
    sample = FlipClip(0.5, 0.5).transform(sample)
    assert sample['clip'].shape == (3, *size, 3) and sample['clip'].dtype == np.uint8
    assert sample['density_map'].shape == sample['fixation_map'].shape == size
    assert sample['density_map'].dtype == np.float32
    assert 0 <= sample['density_map'].min() <= sample['density_map'].max() <= 1
    assert all((frame == sample['clip'][0]).all() for frame in sample['clip'])
    # Nobody looked anywhere else, so that the spot is in every part that is taken.
    (fixated,) = np.argwhere(sample['fixation_map'])
    # A pixel of the frame covers so many of the clip, and 8 bits do not tell the very top.
    tolerance = 1.5 + 1.5 * max(size[0] / SIZE[0], size[1] / SIZE[1]) / np.sqrt(scale[0] / 2)
    shown = sample['clip'][0, ..., 0].astype(float)
    assert np.abs(peak(shown) - peak(sample['density_map'])).max() <= tolerance
    assert np.abs(peak(sample['density_map']) - fixated).max() <= tolerance
    # Fixations land where the frame shows what was looked at.
    assert shown[tuple(fixated)] >= 0.6 * shown.max()


@settings(max_examples=30)
@given(st.integers(0, 2**32), ranges)
def test_fixations_of_a_cut_are_those_inside_it(seed, scale):
    rng = np.random.default_rng(seed)
    fixations = rng.random(SIZE) < 0.02
    number = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE)
    frame = np.stack([number // 256, number % 256, fixations * 255], axis=-1).astype(np.uint8)
    sample = dict(
        clip=frame[None], density_map=None, fixation_map=fixations, rng=np.random.default_rng(seed)
    )

    class Same(RandomResizedCropClip):
        def _draw(self, results, frame):
            box = super()._draw(results, frame)
            # Without resizing, every pixel tells where it comes from.
            self.size = (box[0].stop - box[0].start, box[1].stop - box[1].start)
            return box

    sample = Same((1, 1), scale).transform(sample)
    np.testing.assert_array_equal(sample['clip'][0, ..., 2] > 0, sample['fixation_map'])
    assert sample['density_map'] is None


def test_a_cut_that_nobody_looked_at_is_drawn_again():
    corner = marked((0, 0))
    for seed in range(20):
        sample = dict(corner, rng=np.random.default_rng(seed))
        cut = RandomResizedCropClip((32, 40), (0.1, 0.1), (1, 1), tries=1).transform(sample)
        # The only draw missed the corner: the whole frame.
        assert cut['fixation_map'][0, 0] and cut['fixation_map'].sum() == 1
    many = dict(corner, rng=np.random.default_rng(0))
    cut = RandomResizedCropClip((32, 40), (0.5, 0.5), (1, 1), tries=200).transform(many)
    assert cut['fixation_map'].any() and cut['density_map'].max() > 0.8


def test_empty_maps_are_no_reason_to_draw_again():
    sample = marked((5, 5))
    sample['density_map'] = np.zeros(SIZE, np.float32)
    sample['fixation_map'] = np.zeros(SIZE, bool)
    cut = RandomResizedCropClip((32, 40), (0.1, 0.1)).transform(
        dict(sample, rng=np.random.default_rng(1))
    )
    assert not cut['density_map'].any() and not cut['fixation_map'].any()


def test_maps_of_another_size_than_the_clip():
    sample = marked((5, 5)) | dict(rng=np.random.default_rng(0))
    sample['density_map'] = np.ones((9, 9), np.float32)
    with pytest.raises(DataError, match='64 x 80 pixels, its density_map 9 x 9'):
        RandomResizedCropClip((32, 40)).transform(sample)


@pytest.mark.parametrize(
    'arguments',
    [
        dict(size=(0, 3)),
        dict(size=(3,)),
        dict(size=(3, 3), scale=(0, 1)),
        dict(size=(3, 3), scale=(0.6, 0.5)),
        dict(size=(3, 3), scale=(0.5, 1.1)),
        dict(size=(3, 3), ratio=(0, 1)),
        dict(size=(3, 3), ratio=(2, 1)),
        dict(size=(3, 3), tries=0),
    ],
)
def test_cuts_that_are_none(arguments):
    with pytest.raises(ConfigError, match='RandomResizedCropClip'):
        RandomResizedCropClip(**arguments)


# Colours ------------------------------------------------------------------------------------------

spreads = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5))


@settings(max_examples=40)
@given(spreads, st.integers(0, 2**32))
def test_colours_change_alike_in_all_frames_and_maps_stay(spread, seed):
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)
    other = rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)
    density = np.ones((8, 9), np.float32)
    sample = dict(clip=np.stack([frame, other, frame]), density_map=density, rng=rng)
    jittered = ColorJitterClip(*spread).transform(sample)
    assert jittered['clip'].shape == (3, 8, 9, 3) and jittered['clip'].dtype == np.uint8
    np.testing.assert_array_equal(jittered['clip'][0], jittered['clip'][2])
    assert jittered['density_map'] is density


def test_no_spread_leaves_the_clip():
    clip = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    sample = dict(clip=clip, rng=np.random.default_rng(0))
    assert ColorJitterClip().transform(sample)['clip'] is clip


@given(st.floats(0, 2), st.floats(0, 2), st.floats(0, 2), st.floats(-0.5, 0.5))
def test_what_each_change_does(brightness, contrast, saturation, hue):
    colours = np.array([[200, 100, 50], [30, 60, 90], [0, 0, 0], [128, 128, 128]], float)

    def change(b=1.0, c=1.0, s=1.0, h=0.0):
        return np.column_stack([colours, np.ones(4)]) @ color_matrix(b, c, s, h, 70.0).T

    np.testing.assert_allclose(change(), colours, atol=1e-9)
    np.testing.assert_allclose(change(b=brightness), brightness * colours, atol=1e-9)
    np.testing.assert_allclose(change(c=contrast), 70 + contrast * (colours - 70), atol=1e-9)
    grey = (colours @ GRAY)[:, None]
    np.testing.assert_allclose(change(s=saturation), grey + saturation * (colours - grey))
    # A turn of the hue leaves the grey of every pixel, and grey pixels as they are.
    np.testing.assert_allclose(change(h=hue) @ GRAY, grey[:, 0], atol=1e-6)
    np.testing.assert_allclose(change(h=hue)[2:], colours[2:], atol=1e-6)


@pytest.mark.parametrize('arguments', [dict(brightness=-1), dict(contrast=2), dict(hue=0.6)])
def test_jitter_out_of_range(arguments):
    with pytest.raises(ConfigError, match=f'ColorJitterClip: {next(iter(arguments))} must be'):
        ColorJitterClip(**arguments)


@pytest.mark.parametrize(
    ('name', 'cls'), [('ColourJitterClip', ColorJitterClip), ('RecolourClip', RecolorClip)]
)
def test_configs_may_spell_it_as_in_salkit_0_1(name, cls):
    assert type(build(TRANSFORMS, dict(type=name))) is cls


# Speed --------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / 'data', dict(clips=2), frames=20, size=(32, 48))


def open_set(root, **options):
    return VideoSaliencyDataset(str(root), **{**dict(split='clips', clip_len=4), **options})


def test_frames_between_those_of_a_clip(root):
    clips = open_set(root, sampling='all', clip_stride=3)
    assert clips.sample_files(15)['frame_indices'] == [6, 9, 12, 15]
    assert clips.sample_files(4)['frame_indices'] == [0, 0, 1, 4]
    backwards = open_set(root, sampling='all', clip_stride=3, head='reverse-time')
    assert backwards.sample_files(4)['frame_indices'] == [13, 10, 7, 4]
    strided = open_set(root, sampling='strided', clip_stride=3, stride=5)
    assert [strided.locate(i)[1] for i in range(4)] == [9, 14, 19, 9]
    assert len(open_set(root, sampling='all', head='skip', clip_stride=3)) == 2 * 11


def test_random_speed(root):
    dataset = open_set(root, clip_stride=(1, 9))
    plain = open_set(root)
    seen = set()
    for epoch in range(60):
        for each in (dataset, plain):
            each.set_epoch(epoch)
        indices = dataset.sample_files(1)['frame_indices']
        (stride,) = set(np.diff(indices))
        seen.add(int(stride))
        assert indices[-1] == dataset.locate(1)[1] < 20
        assert dataset.sample_files(1)['frame_indices'] == indices
    # 20 frames hold no clip of 4 that are 7 apart.
    assert seen == {1, 2, 3, 4, 5, 6}
    short = open_set(root, clip_len=16, clip_stride=(1, 3))
    assert short.sample_files(0)['frame_indices'][0] >= 0


def test_the_speed_of_one_is_what_it_was(root):
    for epoch in range(5):
        a, b = open_set(root), open_set(root, clip_stride=(1, 1))
        a.set_epoch(epoch)
        b.set_epoch(epoch)
        assert a.sample_files(0)['frame_paths'] == b.sample_files(0)['frame_paths']
        rng = np.random.default_rng((0, epoch, 0))
        assert a.locate(0)[1] == rng.integers(3, 20)


@pytest.mark.parametrize('clip_stride', [0, (0, 1), (2, 1), (1, 2, 3)])
def test_speeds_that_are_none(root, clip_stride):
    with pytest.raises(ConfigError, match='clip_stride must be'):
        open_set(root, clip_stride=clip_stride)
    with pytest.raises(ConfigError, match="for sampling 'random' only"):
        open_set(root, clip_stride=(1, 2), sampling='all')


# All together -------------------------------------------------------------------------------------


def recipe(root, cache='auto', seed=0):
    """The pipeline of the augmented recipe, small."""
    training = load_config('salfom/umt-l16_cc-kl_aug').train_dataloader.dataset
    pipeline = [dict(transform) for transform in training.pipeline]
    pipeline[0] |= dict(size=(40, 40), cache=cache)
    pipeline[1]['size'] = (40, 40)
    pipeline[2]['size'] = (32, 32)
    return open_set(
        root, clip_stride=training.clip_stride, pipeline=pipeline, clips_per_video=3, seed=seed
    )


def content(sample):
    return tuple(sample[key].numpy().tobytes() for key in ('clip', 'density_map', 'fixation_map'))


def test_samples_follow_from_seed_and_epoch_whatever_the_workers_and_the_cache(root):
    dataset = recipe(root, cache=None)
    loaders = []
    for count, cache in ((0, None), (1, None), (0, 'auto'), (2, 'auto')):
        if cache:
            build_cache(dataset.videos, (40, 40), workers=1)
        other = recipe(root, cache)
        workers = dict(persistent_workers=True) if count else {}
        loaders.append((other, DataLoader(other, batch_size=None, num_workers=count, **workers)))
    seen = []
    for epoch in (0, 3):
        dataset.set_epoch(epoch)
        seen.append([content(dataset[i]) for i in range(len(dataset))])
        for other, loader in loaders:
            other.set_epoch(epoch)
            assert [content(sample) for sample in loader] == seen[-1]
    assert not set(seen[0]) & set(seen[1])
    assert content(recipe(root, seed=1)[0]) not in seen[0]
    assert dataset[0]['clip'].shape == (3, 4, 32, 32)


def test_the_papers_recipe_has_none_of_it():
    plain = load_config('salfom/umt-l16_cc-kl').train_dataloader.dataset
    assert [t.type for t in plain.pipeline] == ['LoadClip', 'LoadTargets', 'PackClip']
    assert 'clip_stride' not in plain
    augmented = load_config('salfom/umt-l16_cc-kl_aug')
    for loader in (augmented.val_dataloader, augmented.test_dataloader):
        assert [t.type for t in loader.dataset.pipeline] == ['LoadClip', 'LoadTargets', 'PackClip']
        assert loader.dataset.pipeline[0].size == (224, 224)
