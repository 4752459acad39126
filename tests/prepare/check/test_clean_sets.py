"""Clean data sets of many kinds give no false alarm."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from make_data import write_dataset, write_video
from make_video import encode_video
from PIL import Image
from scipy.io import savemat

from salkit.functional.density import gaussian_density
from salkit.prepare.check import check_dataset


def test_the_sets_of_other_tests(tmp_path):
    """They draw the same videos in every split, which is told and no error."""
    report = check_dataset(write_dataset(tmp_path, frames=6), workers=1)
    assert report.ok and {fault.kind for fault in report.faults} == {'duplicate-video'}


def test_the_real_sequence(sample_sequence):
    root = sample_sequence.parents[1]
    for quick in (False, True):
        report = check_dataset(root, workers=1, quick=quick)
        assert report.ok and not report.faults and report.dataset == 'ucf-sports'
        assert report.counts == {
            'test': {'videos': 1, 'frames': 54, 'density maps': 54, 'fixation maps': 54}
        }
    assert report.notes and 'part' in report.notes[0]
    for place in (sample_sequence, sample_sequence.parent):
        assert check_dataset(place, workers=1, quick=True).ok


def density_of(points, size, sigma):
    rows, columns = np.mgrid[: size[0], : size[1]]
    density = np.zeros(size)
    for y, x in points:
        density += np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))
    return density / density.max()


def write_gaze(folder, rng, frames, size, points, sigma, options):
    """A video of noise, with `points` fixations a frame that are clustered or spread."""
    for part in ('images', 'maps', 'fixation'):
        (folder / part).mkdir(parents=True)
    centre = rng.uniform(0, 1, 2) * size
    for i in range(frames):
        stem = options['name'].format(i + options['first'])
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / 'images' / f'{stem}{options["frame_suffix"]}')
        centre = centre + rng.normal(0, options['speed'], 2)
        spread = rng.choice([0.02, 0.1, 0.5]) * np.array(size)
        gaze = np.rint(centre + rng.normal(0, 1, (points, 2)) * spread)
        gaze = np.clip(gaze, 0, np.array(size) - 1).astype(int)
        fixations = np.zeros(size, np.uint8)
        fixations[gaze[:, 0], gaze[:, 1]] = 255
        # Published densities count each fixation, or each fixated pixel.
        density = density_of(gaze if options['counted'] else np.argwhere(fixations), size, sigma)
        depth = options['depth']
        density = np.rint(density * np.iinfo(depth).max).astype(depth)
        Image.fromarray(density).save(folder / 'maps' / f'{stem}.png')
        if options['mat']:
            (folder / 'fixation' / 'maps').mkdir(exist_ok=True)
            savemat(folder / 'fixation' / 'maps' / f'{stem}.mat', {'I': fixations / 255})
        else:
            Image.fromarray(fixations).save(folder / 'fixation' / f'{stem}.png')


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 14),
    size=st.tuples(st.integers(8, 48), st.integers(8, 64)),
    points=st.integers(1, 12),
    sigma=st.floats(1.0, 8.0),
    options=st.fixed_dictionaries(
        dict(
            name=st.sampled_from(['{:04d}', '{}', 'clip_01_{:05d}', 'frame{}']),
            first=st.integers(0, 1200),
            frame_suffix=st.sampled_from(['.png', '.jpg']),
            speed=st.sampled_from([0, 0.5, 4]),
            counted=st.booleans(),
            depth=st.sampled_from([np.uint8, np.uint16]),
            mat=st.booleans(),
        )
    ),
)
@example(
    # Ten fixations in two pixels of a small frame, which a map marks once each.
    112806467,
    10,
    (21, 23),
    10,
    4.75,
    dict(
        name='{:04d}',
        first=0,
        frame_suffix='.png',
        speed=0,
        counted=True,
        depth=np.uint8,
        mat=False,
    ),
)
def test_gaze_of_all_kinds(seed, frames, size, points, sigma, options):
    rng = np.random.default_rng(seed)
    root = Path(tempfile.mkdtemp())
    try:
        for name in ('train/a', 'test/b'):
            write_gaze(root / name, rng, frames, size, points, sigma, options)
        report = check_dataset(root, workers=1)
        assert not report.faults, report.faults
        quick = check_dataset(root, workers=1, quick=True, sample=3)
        assert not quick.faults, quick.faults
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize('sigma', [2.0, 12.74])
def test_the_density_maps_that_salkit_makes(tmp_path, sigma):
    folder = write_video(tmp_path / 'train' / 'a', frames=10, size=(90, 160))
    rng = np.random.default_rng(0)
    for path in (folder / 'fixation').iterdir():
        fixations = np.zeros((90, 160), np.uint8)
        fixations[rng.integers(0, 90, 5), rng.integers(0, 160, 5)] = 255
        Image.fromarray(fixations).save(path)
        density = np.asarray(gaussian_density(fixations > 0, sigma))
        density = np.rint(255 * density / density.max()).astype(np.uint8)
        Image.fromarray(density).save(folder / 'maps' / path.name)
    assert not check_dataset(tmp_path, workers=1).faults


def test_without_fixations_where_the_set_has_none(tmp_path):
    for seed, name in enumerate(('train/a', 'train/b', 'test/c')):
        shutil.rmtree(write_video(tmp_path / name, frames=5, seed=seed) / 'fixation')
    report = check_dataset(tmp_path, workers=1)
    assert report.ok and [f.kind for f in report.faults] == ['missing-folder']
    assert 'require_fixations=False' in report.faults[0].remedy
    # Of a data set that has them, they are missing.
    assert not check_dataset(tmp_path, 'dhf1k', workers=1).ok


def test_the_demo_data(tmp_path):
    from salkit.datasets.demo.generator import generate_demo_data

    generate_demo_data(tmp_path / 'demo', videos=dict(train=1, test=1), frames=32, progress=False)
    assert check_dataset(tmp_path / 'demo', workers=1).ok


def test_dhf1k_as_downloaded(tmp_path):
    for number in (1, 2, 601):
        folder = write_video(tmp_path / 'annotation' / f'{number:04d}', frames=6, seed=number)
        shutil.rmtree(folder / 'images')
    (tmp_path / 'video').mkdir()
    for number in (1, 2, 601, 701):
        path = tmp_path / 'video' / f'{number:03d}.AVI'
        encode_video(path, frames=6, size=(32, 48), codec='mpeg4')
    report = check_dataset(tmp_path, workers=1)
    kinds = {fault.kind for fault in report.faults}
    # All four show the same pictures; 701 has no ground truth to be missed.
    assert report.ok and kinds == {'duplicate-video'} and report.dataset == 'dhf1k'
    assert {split: count['videos'] for split, count in report.counts.items()} == {
        'train': 2,
        'val': 1,
        'test': 1,
    }
    (tmp_path / 'video' / '002.AVI').unlink()
    report = check_dataset(tmp_path, workers=1)
    assert not report.ok and report.faults[0].path == str(tmp_path / 'video' / '002.AVI')
