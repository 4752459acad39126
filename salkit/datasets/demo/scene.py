"""What happens in one clip of the demo data set: photo, camera, objects, and how they are drawn.

A scene is planned once and then drawn frame by frame. Points are (y, x) in pixels, in one of two
systems: the frame, and the canvas, the part of a photo over which the camera moves. An object that
is static relative to the background has one canvas point and follows the camera in the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .drawing import SPRITE_SCALE, choose_colors, crop_photo, draw_sprite, resample

# Photographs inside the scikit-image wheel. The two motorcycle views show one scene: one split.
PHOTOS: dict[str, tuple[str, ...]] = {
    'train': (
        *('astronaut.png', 'grass.png', 'motorcycle_left.png', 'moon.png', 'chelsea.png'),
        *('brick.png', 'ihc.png', 'motorcycle_right.png', 'hubble_deep_field.jpg'),
        *('clock_motion.png', 'cell.png', 'microaneurysms.png'),
    ),
    'val': ('coins.png', 'retina.jpg'),
    'test': ('coffee.png', 'camera.png', 'rocket.jpg', 'gravel.png'),
}
SPLITS = tuple(PHOTOS)
SHAPES = ('disk', 'ring', 'star', 'polygon')
FILLS = ('plain', 'stripes', 'cutout')
REFERENCE_HEIGHT = 144  # lengths and speeds are tuned at this height and scale with it
REFERENCE_FRAMES = 40  # the camera covers the same ground in a longer clip, more slowly


@dataclass(frozen=True)
class SceneObject:
    """One drawn object.

    Attributes:
        is_attractor: Whether it draws the gaze; a decoy does not.
        shape: One of `SHAPES`.
        fill: One of `FILLS`.
        radius: Canvas pixels.
        sprite: Its picture, premultiplied RGBA (n, n, 4) in [0, 1], `SPRITE_SCALE` pixels to a
            canvas pixel.
        positions: Centre in the frame (frames, 2), NaN while it is not shown.
    """

    is_attractor: bool
    shape: str
    fill: str
    radius: float
    sprite: np.ndarray
    positions: np.ndarray


@dataclass(frozen=True)
class DemoScene:
    """One clip, planned.

    Attributes:
        kind: 'moving', 'appearing' or 'static': what makes the attractor attract.
        photo: File name of the background photo.
        texture_photo: File name of the photo that cut-outs come from, or None.
        size: Frame height and width in pixels.
        onset: First frame that shows the attractor.
        canvas: (h, w, 3) in [0, 1].
        camera: (frames, 3): canvas point (y, x) at the frame's centre, frame pixels per canvas
            pixel.
        objects: In drawing order, the last one on top.
        contrast_spots: Canvas points (n, 2) where the photo itself has strong local contrast.
    """

    kind: str
    photo: str
    texture_photo: str | None
    size: tuple[int, int]
    onset: int
    canvas: np.ndarray
    camera: np.ndarray
    objects: tuple[SceneObject, ...]
    contrast_spots: np.ndarray

    @property
    def attractor(self) -> SceneObject:
        """The one object that draws the gaze."""
        return next(o for o in self.objects if o.is_attractor)

    @property
    def decoys(self) -> tuple[SceneObject, ...]:
        """The objects of the same look that are static relative to the background."""
        return tuple(o for o in self.objects if not o.is_attractor)


def plan_scene(
    split: str,
    index: int,
    *,
    seed: int = 0,
    frames: int = REFERENCE_FRAMES,
    size: tuple[int, int] = (144, 192),
) -> DemoScene:
    """Plan the clip number `index` of a split; the same arguments give the same scene.

    Args:
        split: 'train', 'val' or 'test'.
        index: Number of the clip in its split, from 0.
        seed: Seed of the data set.
        frames: Number of frames.
        size: Frame height and width in pixels.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), index, 0])
    photo = PHOTOS[split][index % len(PHOTOS[split])]
    kind = _kind(index)
    canvas = crop_photo(rng, photo, (round(1.5 * size[0]), round(1.5 * size[1])))
    camera = _camera_path(rng, frames, size, canvas.shape[:2])
    n_decoys = int(rng.choice(3, p=(0.5, 0.4, 0.1))) if kind == 'moving' else 0

    shape, fill = str(rng.choice(SHAPES)), str(rng.choice(FILLS, p=(0.5, 0.4, 0.1)))
    texture_photo = str(rng.choice(PHOTOS[split])) if fill == 'cutout' else None
    onset = int(rng.uniform(0.3, 0.6) * frames) if kind == 'appearing' else 0
    objects: list[SceneObject] = []
    for number in range(1 + n_decoys):
        radius = size[0] * rng.uniform(0.12, 0.18)
        if number == 0 and kind == 'moving':
            positions = _moving_path(rng, camera, size, radius)
        else:
            positions = _static_path(rng, camera, size, radius, objects)
            positions[:onset] = np.nan
        middle = to_canvas(positions[onset], camera[onset], size)
        colors = choose_colors(rng, canvas, middle, radius)
        texture = crop_photo(rng, texture_photo, (64, 64), 0.3) if texture_photo else None
        objects.append(
            SceneObject(
                is_attractor=number == 0,
                shape=shape,
                fill=fill,
                radius=radius,
                sprite=draw_sprite(rng, shape, fill, radius, colors, texture),
                positions=positions,
            )
        )
    order = rng.permutation(len(objects))  # which one is on top must not give the attractor away
    return DemoScene(
        kind=kind,
        photo=photo,
        texture_photo=texture_photo,
        size=size,
        onset=onset,
        canvas=canvas,
        camera=camera,
        objects=tuple(objects[i] for i in order),
        contrast_spots=_contrast_spots(canvas, size),
    )


def to_frame(points: np.ndarray, camera: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Map canvas points (..., 2) into the frame seen by `camera` (..., 3)."""
    return (points - camera[..., :2]) * camera[..., 2:] + (np.array(size) - 1) / 2


def to_canvas(points: np.ndarray, camera: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Map frame points (..., 2) back to the canvas: the inverse of `to_frame`."""
    return (points - (np.array(size) - 1) / 2) / camera[..., 2:] + camera[..., :2]


def draw_frame(scene: DemoScene, t: int) -> np.ndarray:
    """Draw frame `t` of a scene.

    Returns:
        (height, width, 3), uint8.
    """
    zoom = scene.camera[t, 2]
    corner = to_canvas(np.zeros(2), scene.camera[t], scene.size)
    frame = resample(scene.canvas, corner, 1 / zoom, scene.size)
    for obj in scene.objects:
        center = obj.positions[t]
        if np.isnan(center[0]):
            continue
        reach = obj.radius * zoom
        low = np.maximum(np.floor(center - reach).astype(int) - 1, 0)
        high = np.minimum(np.ceil(center + reach).astype(int) + 2, scene.size)
        if (high <= low).any():
            continue
        step = SPRITE_SCALE / zoom
        corner = (low - center) * step + (len(obj.sprite) - 1) / 2
        sprite = resample(obj.sprite, corner, step, tuple(high - low))
        patch = frame[low[0] : high[0], low[1] : high[1]]
        patch *= 1 - sprite[..., 3:]
        patch += sprite[..., :3]
    return np.clip(np.rint(frame * 255), 0, 255).astype(np.uint8)


def _kind(index: int) -> str:
    """65 % moving, 20 % appearing, 15 % static, evenly mixed in any run of clips."""
    share = (index + 0.5) * 0.6180339887498949 % 1
    return 'moving' if share < 0.65 else 'appearing' if share < 0.85 else 'static'


def _camera_path(
    rng: np.random.Generator, frames: int, size: tuple[int, int], canvas_size: tuple[int, int]
) -> np.ndarray:
    """A slow pan, a slow zoom, or half of each: at most 0.6 px a frame at the frame's corner."""
    slow = size[0] / REFERENCE_HEIGHT * min(1, REFERENCE_FRAMES / frames)
    pan_share = rng.choice((0, 0.5, 1))
    speed = 0.6 * pan_share * rng.uniform(0.4, 1) * slow
    corner = np.hypot(*size) / 2
    zoom_rate = 0.55 / corner * (1 - pan_share) * rng.uniform(0.4, 1) * slow * rng.choice((-1, 1))
    steps = np.arange(frames) - (frames - 1) / 2
    heading = rng.uniform(0, 2 * np.pi) + rng.uniform(-0.8, 0.8) * steps / frames
    offsets = np.cumsum(speed * np.stack([np.sin(heading), np.cos(heading)], -1), axis=0)
    middle = (np.array(canvas_size) - 1) / 2
    centers = middle + offsets - (offsets[0] + offsets[-1]) / 2
    return np.column_stack([centers, np.exp(zoom_rate * steps)])


def _moving_path(
    rng: np.random.Generator, camera: np.ndarray, size: tuple[int, int], radius: float
) -> np.ndarray:
    """A curved path (frames, 2) that bounces inside the frame, 3-7 px a frame on the photo."""
    low = np.full(2, 0.6 * radius)
    high = np.array(size) - 1 - low
    speed = rng.uniform(3, 7) * size[0] / REFERENCE_HEIGHT
    heading, turn = rng.uniform(0, 2 * np.pi), rng.uniform(-0.05, 0.05)
    velocity = speed * np.array([np.sin(heading), np.cos(heading)])
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    path = [rng.uniform(low, high)]
    for now, following in pairwise(camera):
        carried = to_frame(to_canvas(path[-1], now, size), following, size)
        ahead = carried + velocity
        leaves = ((ahead < low) & (velocity < 0)) | ((ahead > high) & (velocity > 0))
        velocity = np.where(leaves, -velocity, velocity)
        path.append(carried + velocity)
        velocity = rotation @ velocity
    return np.array(path)


def _static_path(
    rng: np.random.Generator,
    camera: np.ndarray,
    size: tuple[int, int],
    radius: float,
    others: list[SceneObject],
) -> np.ndarray:
    """Where a point fixed to the photo is in each frame (frames, 2), away from others at first."""
    low, high = 0.6 * radius, np.array(size) - 1 - 0.6 * radius
    starts = rng.uniform(low, high, (256, 2))
    points = to_canvas(starts, camera[0], size)
    paths = to_frame(points[:, None], camera, size)
    stays = ((paths >= low) & (paths <= high)).all(axis=(1, 2))
    room = np.full(len(starts), np.inf)
    for other in others:
        gap = np.linalg.norm(starts - other.positions[0], axis=1) - radius - other.radius
        room = np.minimum(room, gap / camera[0, 2])
    wanted = 6 * size[0] / REFERENCE_HEIGHT
    score = np.where(stays, np.minimum(room, wanted), -np.inf)
    return paths[np.argmax(score)].copy()


def _contrast_spots(canvas: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Canvas points (n, 2), 1 to 4, of the highest local contrast within the mid view."""
    from scipy.ndimage import gaussian_filter
    from skimage.feature import peak_local_max

    gray = canvas.mean(axis=-1)
    sigma = size[0] / 24
    variance = gaussian_filter(gray**2, sigma) - gaussian_filter(gray, sigma) ** 2
    border = tuple((n - round(0.85 * m)) // 2 for n, m in zip(gray.shape, size, strict=True))
    contrast = np.sqrt(np.maximum(variance, 0))
    inner = contrast[border[0] : -border[0], border[1] : -border[1]]
    spots = peak_local_max(inner, min_distance=max(1, size[0] // 8), num_peaks=4)
    if not len(spots):  # a photo without any contrast
        spots = np.array(inner.shape)[None] // 2
    return spots + np.array(border, dtype=float)
