"""A tiny data set on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

FRAME_SIZE = (32, 48)


def write_video(
    folder: Path, frames: int = 6, size: tuple[int, int] = FRAME_SIZE, seed: int = 0
) -> Path:
    """Write `images`, `maps` and `fixation` of one video: a bright square that gaze follows."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    for part in ('images', 'maps', 'fixation'):
        (folder / part).mkdir(parents=True)
    for number in range(frames):
        y, x = size[0] // 2, 6 + (3 * number) % (size[1] - 12)
        image = rng.integers(0, 80, (*size, 3), dtype=np.uint8)
        image[y - 3 : y + 3, x - 3 : x + 3] = 255
        density = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 4.0**2))
        fixations = np.zeros(size, np.uint8)
        fixations[y, x] = fixations[y - 1, x + 1] = 255
        pictures = dict(images=image, maps=np.uint8(255 * density), fixation=fixations)
        for part, picture in pictures.items():
            Image.fromarray(picture).save(folder / part / f'{number + 1:04d}.png')
    return folder


def write_dataset(root: Path, videos: int = 2) -> Path:
    """Write a few videos of six frames as `<root>/{train,val,test}/<video>`."""
    for seed, split in enumerate(('train', 'val', 'test')):
        for number in range(videos):
            write_video(root / split / f'{number + 1:03d}', seed=10 * seed + number)
    return root
