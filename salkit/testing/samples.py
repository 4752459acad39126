"""What parts are run on: noise, maps, and a tiny data set on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

FRAME_SIZE = (32, 48)


def noise(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Normal noise from its own generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def density_maps(shape: tuple[int, int, int], sharpness: float = 6.0) -> Tensor:
    """Gaussian blobs (B, H, W) with a maximum near 1, each item's at another place."""
    batch, height, width = shape
    rows = torch.linspace(0, 1, height)[:, None]
    columns = torch.linspace(0, 1, width)[None]
    maps = []
    for item in range(batch):
        y, x = 0.3 + 0.4 * ((item * 0.37) % 1), 0.25 + 0.5 * ((item * 0.61) % 1)
        maps.append(torch.exp(-((rows - y) ** 2 + (columns - x) ** 2) * sharpness))
    return torch.stack(maps)


def fixation_maps(density: Tensor, count: int) -> Tensor:
    """Binary maps of the `count` highest places of each density map (B, H, W)."""
    flat = density.flatten(1)
    return torch.zeros_like(flat).scatter_(1, flat.topk(count).indices, 1.0).view_as(density)


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
