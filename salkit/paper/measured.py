"""Scores of a model that salkit ships, as `benchmarks/lite0_scores.py` measured them.

One JSON file beside the config holds them; metafile and model card are written from it, so that no
number is typed a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..config.find import config_root
from ..errors import DataError
from ..utils.input_files import read_input_json

# By metric: the score and the ends of its 95 % bootstrap interval.
Scores = dict[str, list[float]]


@dataclass(frozen=True)
class ScoredSet:
    """What was scored on one set of videos or pictures.

    Attributes:
        title: what a reader calls it.
        split: of the data set.
        videos: how many; a picture is a video of one frame.
        frames: how many of all of them.
        rows: scores by what predicted: the model's name, 'mean', 'center', 'observers'.
        per_video: CC, NSS and AUC-J of the model by video.
    """

    title: str
    split: str
    videos: int
    frames: int
    rows: dict[str, Scores]
    per_video: dict[str, dict[str, float]]

    @property
    def is_film(self) -> bool:
        """Whether its videos have more than one frame."""
        return self.frames > self.videos


@dataclass(frozen=True)
class Speed:
    """How fast frames became maps at their own size.

    Attributes:
        frames_per_s: of the best run.
        frame: rows and columns of the frames.
        cores: that there were.
        machine: what it ran on, in words.
    """

    frames_per_s: float
    frame: list[int]
    cores: int
    machine: str


@dataclass(frozen=True)
class Measured:
    """All numbers of one model.

    Attributes:
        config: name of its config.
        protocol: that all scores are under.
        weights: name of the file.
        sha256: of that file.
        file_mb: its size in megabytes.
        parameters: of the model.
        flops: floating-point operations for a frame.
        size: rows and columns that a frame is resized to.
        sets: by name.
        seeds: CC on the val split of each set, by seed of the training.
        speed: of prediction.
        versions: of the packages that scores may depend on.
    """

    config: str
    protocol: str
    weights: str
    sha256: str
    file_mb: float
    parameters: int
    flops: int
    size: list[int]
    sets: dict[str, ScoredSet]
    seeds: dict[str, dict[str, float]]
    speed: Speed
    versions: dict[str, str]

    @property
    def name(self) -> str:
        """What the model is called: lite0."""
        return Path(self.config).name.split('_')[0]


def measured_file(config: str) -> Path:
    """Where the scores of a config lie: `configs/lite/lite0_scores.json` for lite/lite0_cc-kl."""
    path = config_root() / config
    return path.with_name(f'{path.name.split("_")[0]}_scores.json')


def read_measured(path: Path) -> Measured:
    """Read the file of a model.

    Raises:
        DataError: a file of another layout.
    """
    content = read_input_json(path)
    try:
        if not isinstance(content, dict):
            raise TypeError('no object with names')
        content['sets'] = {name: ScoredSet(**one) for name, one in content['sets'].items()}
        content['speed'] = Speed(**content['speed'])
        return Measured(**content)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f'{path}: holds no measured scores ({type(error).__name__}: {error})'
        ) from error
