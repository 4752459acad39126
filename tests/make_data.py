"""Small data sets on disk, in the canonical layout."""

import numpy as np
from PIL import Image


def write_video(folder, frames=10, size=(32, 48), seed=0, suffixes=('png',), name='{:04d}'):
    """One video with a bright square that moves; gaze follows it."""
    rng = np.random.default_rng(seed)
    for part in ('images', 'maps', 'fixation'):
        (folder / part).mkdir(parents=True)
    rows, columns = np.mgrid[: size[0], : size[1]]
    for i in range(frames):
        y, x = size[0] // 2, 4 + i % (size[1] - 8)
        image = rng.integers(0, 60, (*size, 3), dtype=np.uint8)
        image[y - 3 : y + 3, x - 3 : x + 3] = 255
        density = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 4.0**2))
        fixations = np.zeros(size, np.uint8)
        fixations[y, x] = fixations[y - 1, x + 1] = 255
        stem = name.format(i + 1)
        Image.fromarray(image).save(folder / 'images' / f'{stem}.{suffixes[i % len(suffixes)]}')
        Image.fromarray(np.rint(255 * density).astype(np.uint8)).save(
            folder / 'maps' / f'{stem}.png'
        )
        Image.fromarray(fixations).save(folder / 'fixation' / f'{stem}.png')
    return folder


def write_dataset(root, splits=None, **options):
    """Videos by split folder, `{'train': 4, 'val': 1, 'test': 2}` unless told otherwise."""
    for split, count in (splits or dict(train=4, val=1, test=2)).items():
        for i in range(count):
            write_video(root / split / f'{split}{i:03d}', seed=i, **options)
    return root
