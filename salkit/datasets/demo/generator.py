"""The embedded demo data set: small clips over real photographs, with simulated gaze.

Nothing is downloaded: the photographs lie in the scikit-image package. Each clip has one object
that draws the gaze because it moves, appears or stands out. Most moving ones have decoys that look
alike and rest on the background, so that one frame alone does not show where people look.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from PIL import Image
from tqdm import tqdm

from ...errors import ConfigError, DataError
from ...functional.density import gaussian_density
from ...media.maps import as_integers
from ...utils.folders import unfinished_folder
from ...utils.input_files import read_input_json
from ...utils.leftovers import remove_leftovers
from ...utils.parallel import usable_cores
from ...utils.text import check_choice
from .scene import SPLITS, DemoScene, draw_frame, plan_scene, to_frame

DEMO_VERSION = 1
DEFAULT_VIDEOS = {'train': 256, 'val': 12, 'test': 24}
MIN_FRAMES = 32
OBSERVERS = 24
INFO_NAME = 'demo.json'
# Of a video, and of a frame.
NAME = '{:04d}'

_AT_ATTRACTOR, _AT_CENTER = 0.88, 0.06  # the rest looks at a decoy or at a spot of the photo
_CENTER_BEFORE_ONSET = 0.7
_LAG = 2  # frames by which gaze trails the attractor
_DWELL = 8  # frames that an observer stays with one choice


class _Recipe(TypedDict):
    """What a data set follows from, as it stands in its `demo.json`."""

    version: int
    seed: int
    videos: dict[str, int]
    frames: int
    size: list[int]


def generate_demo_data(
    root: str | os.PathLike[str],
    *,
    seed: int = 0,
    videos: dict[str, int] | None = None,
    frames: int = 36,
    size: tuple[int, int] = (128, 192),
    progress: bool = True,
) -> Path:
    """Make the demo data set, unless `root` holds it already.

    Writes `<root>/<split>/<video>/{images,maps,fixation}/0001.png` and so on (images: JPEG;
    density maps: 8-bit gray PNG, each with its maximum at 255; fixation maps: 0/255 PNG) and
    `<root>/demo.json`, which says how each clip was made. The set is made beside `root` and moved
    there when it is complete. The same arguments give the same bytes, and no two splits share a
    photo.

    Args:
        root: Folder to make; its parents are made too.
        seed: Seed of everything random.
        videos: Number of clips by split name, out of 'train', 'val' and 'test'. Default: 256, 12
            and 24.
        frames: Frames in each clip, at least 32.
        size: Frame height and width in pixels, each at least 48. Lengths and speeds scale with the
            height.
        progress: Whether to show a bar with the time left on stderr.

    Returns:
        `root` as a path.

    Raises:
        ConfigError: An argument is out of range.
        DataError: `root` exists and is not this data set, or cannot be written.
    """
    root = Path(root).absolute()
    chosen = DEFAULT_VIDEOS if videos is None else videos
    for split in chosen:
        check_choice('demo data', 'split', split, SPLITS)
    wanted: _Recipe = {
        'version': DEMO_VERSION,
        'seed': int(seed),
        'videos': {split: int(chosen[split]) for split in SPLITS if chosen.get(split)},
        'frames': int(frames),
        'size': [int(side) for side in size],
    }
    _check_arguments(**wanted)
    # Those of a killed run, where another one has made the set meanwhile.
    remove_leftovers(root.parent, root.name)
    if not os.path.lexists(root):
        try:
            with unfinished_folder(root.parent, root.name) as scratch:
                _write_set(scratch / root.name, wanted, progress)
                try:
                    os.rename(scratch / root.name, root)
                except OSError:
                    # Another process was faster, or it failed for another reason.
                    if not os.path.lexists(root):
                        raise
        except OSError as error:
            raise DataError(f'{root}: cannot make the demo data set: {error}') from error
    _check_same(root, wanted)
    return root


def simulate_gaze(scene: DemoScene, rng: np.random.Generator) -> np.ndarray:
    """Simulate where `OBSERVERS` people look in each frame.

    An observer chooses anew every few frames: mostly the attractor, which gaze reaches some frames
    after it appears and trails a little; sometimes the middle; else a decoy or a contrasting spot
    of the photo.

    Returns:
        Fixation points (frames, observers, 2) as (y, x) in whole pixels inside the frame.
    """
    size, height = np.array(scene.size), scene.size[0]
    frames = len(scene.camera)
    time = np.arange(frames)
    segment = (time[:, None] + rng.integers(_DWELL, size=OBSERVERS)) // _DWELL
    n_segments = frames // _DWELL + 2

    def per_segment(values: np.ndarray) -> np.ndarray:
        return values[segment, np.arange(OBSERVERS)]

    choice = per_segment(rng.random((n_segments, OBSERVERS)))
    which = per_segment(rng.random((n_segments, OBSERVERS)))
    offset = per_segment(rng.standard_normal((n_segments, OBSERVERS, 2)))
    tremor = rng.normal(scale=height / 144, size=(frames, OBSERVERS, 2))
    latency = rng.integers(2, 7, OBSERVERS) if scene.kind == 'appearing' else np.zeros(OBSERVERS)

    arrived = time[:, None] >= scene.onset + latency
    attracted = arrived & (choice < _AT_ATTRACTOR)
    center_until = np.where(arrived, _AT_ATTRACTOR + _AT_CENTER, _CENTER_BEFORE_ONSET)
    centered = ~attracted & (choice < center_until)

    trailing = np.maximum(time - _LAG, scene.onset)
    attractor = scene.attractor.positions[trailing][:, None]
    spots = to_frame(scene.contrast_spots[:, None], scene.camera, scene.size)
    places = np.concatenate([spots, *(obj.positions[None] for obj in scene.decoys)])
    elsewhere = places[(which * len(places)).astype(int), time[:, None]]

    points = np.where(
        attracted[..., None],
        attractor + 0.35 * scene.attractor.radius * offset,
        np.where(
            centered[..., None],
            (size - 1) / 2 + 0.12 * size * offset,
            elsewhere + 0.05 * height * offset,
        ),
    )
    return np.clip(np.rint(points + tremor), 0, size - 1).astype(int)


def _check_arguments(
    version: int, seed: int, videos: dict[str, int], frames: int, size: list[int]
) -> None:
    if not videos or min(videos.values()) < 1:
        raise ConfigError(f'demo data: expected at least one clip, got videos={videos}')
    if frames < MIN_FRAMES:
        raise ConfigError(f'demo data: expected at least {MIN_FRAMES} frames, got {frames}')
    if len(size) != 2 or min(size) < 48:
        raise ConfigError(f'demo data: expected a size (height, width) from 48 up, got {size}')
    if seed < 0:
        raise ConfigError(f'demo data: expected a seed >= 0, got {seed}')


def _check_same(root: Path, wanted: _Recipe) -> None:
    """Raise DataError unless `root` is the data set described by `wanted`."""
    try:
        info = read_input_json(root / INFO_NAME)
        if not isinstance(info, dict):
            raise TypeError('no object with names')
        found = {key: info[key] for key in wanted}
    except (DataError, KeyError, TypeError) as error:
        raise DataError(f'{root}: exists and is not a demo data set; choose another') from error
    if found != wanted:
        raise DataError(
            f'{root}: holds a demo data set with {found}, not {wanted}; choose another folder or '
            'delete this one'
        )


def _write_set(folder: Path, wanted: _Recipe, progress: bool) -> None:
    """Write every clip, and `demo.json` last."""
    jobs = [(split, i) for split in SPLITS for i in range(wanted['videos'].get(split, 0))]
    clips: dict[str, dict[str, dict[str, object]]] = defaultdict(dict)
    # Threads, not processes: a script without a main guard can call this, and most of the work
    # (resampling, encoding) runs outside the interpreter lock.
    with ThreadPoolExecutor(max_workers=min(2, usable_cores())) as pool:
        try:
            done = pool.map(lambda job: _write_clip(folder, wanted, *job), jobs)
            # None: no bar where standard error is no terminal.
            hidden = None if progress else True
            bar = tqdm(done, total=len(jobs), desc='demo data', unit='clip', disable=hidden)
            for (split, index), clip in zip(jobs, bar, strict=True):
                clips[split][NAME.format(index + 1)] = clip
        finally:
            pool.shutdown(cancel_futures=True)
    text = json.dumps({**wanted, 'clips': clips}, indent=1) + '\n'
    (folder / INFO_NAME).write_text(text, encoding='utf-8')


def _write_clip(folder: Path, wanted: _Recipe, split: str, index: int) -> dict[str, object]:
    """Write one clip; returns its entry in `demo.json`."""
    seed, (height, width) = wanted['seed'], wanted['size']
    size = (height, width)
    scene = plan_scene(split, index, seed=seed, frames=wanted['frames'], size=size)
    rng = np.random.default_rng([seed, SPLITS.index(split), index, 1])
    fixation_points = simulate_gaze(scene, rng)
    video = folder / split / NAME.format(index + 1)
    for part in ('images', 'maps', 'fixation'):
        (video / part).mkdir(parents=True)
    for t, points in enumerate(fixation_points):
        name = NAME.format(t + 1)
        fixation_map = np.zeros(size, np.uint8)
        fixation_map[points[:, 0], points[:, 1]] = 255
        density = gaussian_density(fixation_map > 0, size[0] / 10)
        _write_image(video / 'images' / f'{name}.jpg', draw_frame(scene, t))
        _write_image(video / 'maps' / f'{name}.png', as_integers(density / density.max()))
        _write_image(video / 'fixation' / f'{name}.png', fixation_map)
    return {
        'photo': scene.photo,
        'texture_photo': scene.texture_photo,
        'kind': scene.kind,
        'onset': scene.onset,
        'shape': scene.attractor.shape,
        'fill': scene.attractor.fill,
        'decoys': len(scene.decoys),
    }


def _write_image(path: Path, image: np.ndarray) -> None:
    options: dict[str, Any] = dict(quality=95) if path.suffix == '.jpg' else dict(compress_level=3)
    Image.fromarray(image).save(path, **options)
