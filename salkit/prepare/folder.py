"""A folder of anybody's videos, with gaze or without."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..datasets.published import density_recipes
from ..errors import ConfigError, DataError
from ..media.video import VIDEO_SUFFIXES
from .annotation import Annotation, save_density, save_fixations
from .fixations import Gaze, density_map, fixation_points, read_gaze_csv
from .options import PrepareOptions
from .published import NO_TRUTH
from .source import UNANNOTATED, Found, VideoSource, holds_images, is_hidden, nothing_found
from .stimulus import Stimulus

NO_VIDEO = 'gaze without a video'


@dataclass(frozen=True)
class GazeOptions:
    """How gaze becomes ground truth.

    Attributes:
        density: arguments of `density_map`.
        first_frame: what the file calls a video's first frame.
        screen: (rows, columns) of the screen that gaze was recorded on; None for pixels of videos.
        normalized: whether places are shares of height and width.
        fps: of frames in images, where gaze is given by time.
    """

    density: dict[str, Any]
    first_frame: int = 1
    screen: tuple[int, int] | None = None
    normalized: bool = False
    fps: float | None = None


@dataclass(frozen=True)
class Shares:
    """How many of the videos go into each split.

    Attributes:
        val: share for validation.
        test: share for testing.
        seed: chooses them.

    Raises:
        ConfigError: shares that leave nothing for training.
    """

    val: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, share in (('val', self.val), ('test', self.test)):
            if not 0 <= share < 1:
                raise ConfigError(f'--{name} must lie between 0 and 1, got {share}')
        if self.val + self.test >= 1:
            raise ConfigError(f'--val {self.val} and --test {self.test} leave nothing to train on')


def density_options(
    recipe: str | None, sigma_px: float | None, ppd: float | None
) -> dict[str, Any]:
    """Arguments of `density_map` for one of three ways to say how wide a fixation is.

    Raises:
        ConfigError: not one of the three, or an unknown recipe.
    """
    given = dict(recipe=recipe, sigma_px=sigma_px, ppd=ppd)
    chosen = {name: value for name, value in given.items() if value is not None}
    if len(chosen) != 1:
        raise ConfigError(
            'density maps are made with one of --recipe NAME, --sigma-px PIXELS and --ppd PIXELS '
            f'(a degree of visual angle), got {", ".join(chosen) or "none of them"}'
        )
    if recipe is None:
        return chosen
    recipes = density_recipes()
    if recipe not in recipes:
        raise ConfigError(f'--recipe must be one of {", ".join(recipes)}, got {recipe!r}')
    return dict(recipes[recipe])


@dataclass(frozen=True, eq=False)
class GazeAnnotation(Annotation):
    """Density and fixation maps made from gaze.

    Args:
        gaze: on this video.
        options: how.
        bits: 8 or 16, of the density maps.
    """

    gaze: Gaze
    options: GazeOptions
    bits: int = 8
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        gaze = self.gaze.points.tobytes() + self.gaze.moments.tobytes()
        digest = hashlib.sha256(gaze).hexdigest()[:16]
        object.__setattr__(self, 'kind', f'gaze {digest}, {self.options}, {self.bits} bits')

    def lengths(self) -> dict[str, int]:
        """Any number of frames fits."""
        return {}

    def write(
        self,
        folder: Path,
        names: Sequence[str],
        stimulus: Stimulus,
        options: PrepareOptions,
        advance: Callable,
    ) -> str:
        """Write both as images; tells how many samples were beside the video."""
        size = tuple(stimulus.size)
        clock = self.options.fps if stimulus.times is None else stimulus.times
        points, left_out = fixation_points(
            self.gaze, size, len(stimulus), clock, self.options.screen, self.options.normalized
        )
        for name, places in zip(names, points, strict=False):
            density = density_map(places, size, **self.options.density)
            save_density(density, folder / 'maps' / f'{name}.png', self.bits)
            save_fixations(places, size, folder / 'fixation' / f'{name}.png')
            advance(0)
        if not left_out:
            return ''
        return f'{left_out} of {len(self.gaze.points)} gaze samples are not on the video'


def find_folder(
    root: str | Path,
    gaze_file: str | Path | None = None,
    gaze: GazeOptions | None = None,
    shares: Shares | None = None,
    unannotated: bool = False,
    bits: int = 8,
) -> Found:
    """Videos in a folder and the folders in it, by their paths; folders of images count as well.

    Args:
        root: the folder.
        gaze_file: CSV file, see `read_gaze_csv`; without it there are frames only, in `test`.
        gaze: how it becomes ground truth; needed with it.
        shares: of the splits.
        unannotated: also prepare videos that the file does not name.
        bits: 8 or 16, of the density maps.

    Raises:
        DataError: no videos, no gaze, or names that do not fit.
    """
    root = Path(root).expanduser().absolute()
    if not root.is_dir():
        raise DataError(f'{root}: the folder does not exist')
    paths = _stimuli(root)
    if not paths:
        raise nothing_found(root, f'videos ({", ".join(VIDEO_SUFFIXES)}) or folders of images')
    found = Found()
    if gaze_file is None:
        found.videos = [VideoSource(name, 'test', path) for name, path in paths.items()]
        return found
    looked = _by_name(read_gaze_csv(gaze_file, gaze.first_frame), root, paths, found)
    if not looked:
        raise DataError(
            f'{gaze_file}: names none of the videos in {root}: it has '
            f'{", ".join(found.left_out[NO_VIDEO][:3])}, the folder {", ".join(list(paths)[:3])}'
        )
    splits = split_videos(list(looked), shares or Shares())
    for name, path in paths.items():
        if name in looked:
            annotation = GazeAnnotation(looked[name], gaze, bits)
            found.videos.append(VideoSource(name, splits[name], path, annotation))
        elif unannotated:
            found.videos.append(VideoSource(name, UNANNOTATED, path))
        else:
            found.leave_out(name, NO_TRUTH)
    return found


def _stimuli(root: Path) -> dict[str, Path]:
    """Video files and folders of images by the names that they get."""
    paths: dict[str, Path] = {}

    def add(path: Path, parts: tuple[str, ...]) -> None:
        name = '_'.join(parts) or root.name
        if name in paths:
            raise DataError(f'{paths[name]} and {path} would both become {name}')
        paths[name] = path

    for place, folders, files in os.walk(root):
        folder = Path(place)
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        inside = folder.relative_to(root).parts
        for name in sorted(files):
            if name.lower().endswith(tuple(VIDEO_SUFFIXES)) and not is_hidden(name):
                add(folder / name, (*inside, Path(name).stem))
        if holds_images(folder):
            add(folder, inside[:-1] if inside[-1:] == ('images',) else inside)
    return paths


def _by_name(
    gaze: dict[str, Gaze], root: Path, paths: dict[str, Path], found: Found
) -> dict[str, Gaze]:
    """Gaze by the name of the video, whichever way the file calls it."""
    called: dict[str, set[str]] = {}
    for name, path in paths.items():
        inside = path.relative_to(root)
        ways = {name, path.name, inside.as_posix()}
        if not path.is_dir():
            ways |= {path.stem, inside.with_suffix('').as_posix()}
        for way in ways:
            called.setdefault(way, set()).add(name)
    looked: dict[str, Gaze] = {}
    for video, samples in gaze.items():
        names = called.get(video, set())
        if not names:
            found.leave_out(video, NO_VIDEO)
            continue
        if len(names) > 1:
            raise DataError(
                f'{root}: gaze on {video!r} fits several videos: {", ".join(sorted(names))}'
            )
        name = next(iter(names))
        if name in looked:
            raise DataError(f'gaze on {looked[name].video!r} and on {video!r} is on one video')
        looked[name] = samples
    return looked


def split_videos(names: Sequence[str], shares: Shares) -> dict[str, str]:
    """Train, val or test for every video.

    The choice follows from the seed and the name, so that one video more moves few others. A share
    above 0 is at least one video, where that leaves one to train on.

    Args:
        names: of the videos.
        shares: of the splits.
    """
    count = len(names)
    val = min(max(1, round(shares.val * count)), count - 1) if shares.val else 0
    test = min(max(1, round(shares.test * count)), count - 1 - val) if shares.test else 0
    order = sorted(names, key=lambda n: hashlib.sha256(f'{shares.seed}/{n}'.encode()).digest())
    chosen = dict.fromkeys(order[:val], 'val')
    chosen |= dict.fromkeys(order[val : val + test], 'test')
    return {name: chosen.get(name, 'train') for name in names}
