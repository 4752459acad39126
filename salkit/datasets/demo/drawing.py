"""Pictures for the demo clips: parts of photos, and objects drawn with transparency."""

from __future__ import annotations

import colorsys
from functools import lru_cache

import numpy as np

from ...media.photographs import read_photograph

SPRITE_SCALE = 2
SUPERSAMPLING = 2


def resample(
    image: np.ndarray, corner: np.ndarray, step: float, size: tuple[int, int]
) -> np.ndarray:
    """Sample `size` points of an image, `step` apart from the point `corner` (y, x) on."""
    from skimage.transform import AffineTransform, warp

    view = AffineTransform(matrix=np.array([[step, 0, corner[1]], [0, step, corner[0]], [0, 0, 1]]))
    return warp(image, view, output_shape=size, order=1, mode='edge')


def draw_sprite(
    rng: np.random.Generator,
    shape: str,
    fill: str,
    radius: float,
    colors: np.ndarray,
    texture: np.ndarray | None,
) -> np.ndarray:
    """Draw an object, `SPRITE_SCALE` pixels to a canvas pixel, premultiplied RGBA (n, n, 4)."""
    from skimage.draw import polygon2mask

    n = 2 * int(np.ceil(SPRITE_SCALE * radius)) + 5  # with an empty border
    fine = SUPERSAMPLING
    outline = _outline(rng, shape)

    def cover(scale: float) -> np.ndarray:
        vertices = outline * (scale * radius * SPRITE_SCALE * fine) + (n * fine - 1) / 2
        mask = polygon2mask((n * fine, n * fine), vertices)
        return mask.reshape(n, fine, n, fine).mean(axis=(1, 3))[..., None]

    whole, inside = cover(1), cover(0.8)
    if shape == 'ring':
        whole, inside = whole - cover(0.3), np.maximum(inside - cover(0.45), 0)
    if texture is not None:
        paint = resample(texture, np.zeros(2), (len(texture) - 1) / (n - 1), (n, n))
    elif fill == 'stripes':
        v, u = (np.mgrid[:n, :n] - (n - 1) / 2) / (radius * SPRITE_SCALE)
        mix = np.clip(0.5 + 2 * np.sin(7 * (u + v)), 0, 1)[..., None]
        paint = mix * colors[0] + (1 - mix) * colors[1]
    else:
        paint = colors[0]
    paint = paint * inside + colors[0] * (1 - inside)
    return np.concatenate([paint * whole, whole], axis=-1)


def _outline(rng: np.random.Generator, shape: str) -> np.ndarray:
    """Vertices (n, 2) of a shape of radius 1 around the origin, at a random angle."""
    radii: np.ndarray | float = 1.0
    if shape == 'star':
        angles, radii = np.arange(10) * np.pi / 5, np.tile((1, 0.45), 5)
    elif shape == 'polygon':
        angles = np.arange(corners := rng.integers(3, 7)) * 2 * np.pi / corners
    else:
        angles = np.arange(48) * np.pi / 24
    angles = angles + rng.uniform(0, 2 * np.pi)
    return np.stack([radii * np.sin(angles), radii * np.cos(angles)], axis=-1)


def choose_colors(
    rng: np.random.Generator, canvas: np.ndarray, middle: np.ndarray, radius: float
) -> np.ndarray:
    """Two saturated colours (2, 3); of six candidates the first stands out most from the photo."""
    (top, left), (bottom, right) = (np.maximum(middle + s * radius, 0).astype(int) for s in (-1, 1))
    ground = canvas[top : bottom + 1, left : right + 1].mean(axis=(0, 1))
    hues, values = rng.random(6), rng.uniform(0.7, 1, 6)
    candidates = np.array(
        [colorsys.hsv_to_rgb(h, 0.95, v) for h, v in zip(hues, values, strict=True)]
    )
    best = np.argmax(np.linalg.norm(candidates - ground, axis=1))
    second = colorsys.hsv_to_rgb((hues[best] + rng.uniform(0.25, 0.75)) % 1, 0.9, 1)
    return np.array([candidates[best], second])


@lru_cache(maxsize=32)
def _load_photo(name: str) -> np.ndarray:
    """Read a photo that scikit-image carries, as (h, w, 3) float32 in [0, 1]."""
    return read_photograph(name).astype(np.float32) / 255


def crop_photo(
    rng: np.random.Generator, photo: str, size: tuple[int, int], smallest: float = 0.4
) -> np.ndarray:
    """Cut a random part out of a photo, perhaps mirrored, and scale it to `size`."""
    from skimage.transform import resize

    image = _load_photo(photo)
    scale = min(image.shape[0] / size[0], image.shape[1] / size[1]) * rng.uniform(smallest, 1)
    height, width = (min(round(n * scale), m) for n, m in zip(size, image.shape, strict=False))
    top = rng.integers(image.shape[0] - height + 1)
    left = rng.integers(image.shape[1] - width + 1)
    part = image[top : top + height, left : left + width]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return np.clip(resize(part, size, order=1, anti_aliasing=scale > 1), 0, 1)
