"""Measure all numbers of the model card of lite0, and write them as JSON.

    python benchmarks/lite0_scores.py WEIGHTS [--seeds FILE ...] [--data data]
        [--work work_dirs/lite0_scores] [--out FILE]

`data` holds what `salkit prepare` made of OSIE, Crowd, Scene and the films of Xu et al. (`osie`,
`crowd`, `scene`, `xu-video`). On the test split of each set the model is scored beside the mean
density of the training split (of films: of all other films), a Gaussian in the middle, and half of
the observers, who predict the others. `--seeds` are checkpoints of all trainings: their CC on the
val splits tells how much chance does.

What is finished lies in `--work` and is not done again; scores of other weights are kept apart.
`python -m salkit.paper.zoo` puts the numbers into docs/models.md and configs/lite/metafile.yml.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import json
import os
import platform
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from skimage import data

import salkit
from salkit.builder import build
from salkit.checkpoints import read_checkpoint
from salkit.datasets import VideoSaliencyDataset
from salkit.datasets.layout import VideoRecord
from salkit.media.maps import write_map_file
from salkit.metrics.baseline_densities import (
    center_map,
    frame_size,
    resize_density,
    video_density,
)
from salkit.models.profile import profile
from salkit.paper.measured import Measured, ScoredSet, Scores, Speed, measured_file
from salkit.registry import DATASETS
from salkit.scoring.observers import write_inter_observer
from salkit.utils.files import sha256_of, write_json
from salkit.utils.folders import whole_folder

CONFIG, PROTOCOL, MODEL = 'lite/lite0_cc-kl', 'exact', 'lite0'
PICTURES = {
    'osie': ('OSIE', 'OSIEDataset'),
    'crowd': ('Crowd', 'CrowdDataset'),
    'scene': ('Scene', 'SceneDataset'),
}
FILMS = 'xu-video'
# Every third content in the order of their names: variants of the model were compared on these.
LOOKED_AT = ('BasketballDrive', 'Couple', 'KristenAndSara', 'RaceHorsesC', 'RaceHorsesD', 'Traffic')
TWINS = {'BasketballDrillText': 'BasketballDrill', 'RaceHorsesD': 'RaceHorsesC'}
# Of films, every 10th frame that at least 8 fixations last on.
FILM_FRAMES = dict(every=10, min_fixations=8)
# Who looked where, as `salkit prepare` writes it; the Gaussian around each, as in the density maps.
OBSERVERS, PICTURE_SIGMA, FILM_SIGMA = 'observers.csv', 0.03, 0.045
# Rows and columns at which mean densities are added up; they are smoother than that.
MEAN_SIZE = (384, 512)
SPEED_FRAMES, SPEED_RUNS = 100, 5
PACKAGES = ('torch', 'timm', 'numpy', 'opencv-python', 'pillow', 'av')


@dataclass(frozen=True)
class Task:
    """Videos that are scored together.

    Attributes:
        name: in the JSON.
        title: what a reader calls it.
        root: of the data set.
        dataset: class of the data set.
        split: of it.
        only: names of the videos that are scored; None for all.
    """

    name: str
    title: str
    root: Path
    dataset: str
    split: str = 'test'
    only: tuple[str, ...] | None = None

    @property
    def is_film(self) -> bool:
        """Whether its videos have more than one frame."""
        return self.dataset not in {dataset for _, dataset in PICTURES.values()}

    @property
    def every(self) -> int:
        """Scored are the frames 0, N, 2 N, ... of a video."""
        return FILM_FRAMES['every'] if self.is_film else 1

    def opened(self, split: str) -> list[VideoRecord]:
        """The videos of a split."""
        cfg = dict(type=self.dataset, data_root=str(self.root), split=split)
        return build(DATASETS, cfg, kind=VideoSaliencyDataset).videos

    @cached_property
    def all_videos(self) -> list[VideoRecord]:
        """Those of the data set's split, scored or not."""
        return self.opened(self.split)

    @property
    def videos(self) -> list[VideoRecord]:
        """Those that are scored."""
        return [v for v in self.all_videos if self.only is None or v.name in self.only]


def content_of(video: VideoRecord) -> str:
    """What a video shows: some films are shown in two versions."""
    return TWINS.get(video.name, video.name)


def thinned(video: VideoRecord, every: int) -> VideoRecord:
    """A video with each `every`-th of its frames."""
    parts = (list(getattr(video, name))[::every] for name in ('frames', 'densities', 'fixations'))
    return VideoRecord(video.name, *parts, video_path=video.video_path)


# Predictions -------------------------------------------------------------------------------------


def predict(predictor: salkit.SaliencyPredictor, task: Task, out: Path) -> None:
    """Write the model's maps of the videos that have none yet."""
    for video in task.videos:
        if not (out / video.name).exists():
            maps = predictor.predict(video.video_path or Path(video.frames[0]).parent)
            with whole_folder(out / video.name) as folder:
                # All are predicted: they are smoothed along time.
                for number, (frame, found) in enumerate(zip(video.frames, maps, strict=True)):
                    if number % task.every == 0:
                        write_map_file(found, folder / Path(frame).stem, 'npy')


def write_same(video: VideoRecord, every: int, saliency_map: np.ndarray, out: Path) -> None:
    """Write one map for each `every`-th frame of a video."""
    with whole_folder(out / video.name) as folder:
        for frame in list(video.frames)[::every]:
            write_map_file(saliency_map / saliency_map.max(), folder / Path(frame).stem, 'npy')


def predict_mean(task: Task, out: Path) -> None:
    """Write the mean density of what is not tested: the training split, or all other films."""
    others = task.all_videos if task.is_film else task.opened('train')
    densities = [(v, video_density(thinned(v, task.every))) for v in others]
    common = [(content_of(v), resize_density(d, MEAN_SIZE)) for v, d in densities if d is not None]
    for video in task.videos:
        mean = sum(density for content, density in common if content != content_of(video))
        write_same(video, task.every, resize_density(mean, frame_size(video)), out)


@dataclass(frozen=True)
class SomeVideos:
    """Videos in place of a data set.

    Attributes:
        videos: these.
        data_root: of the data set that they are of.
        metainfo: none.
    """

    videos: list[VideoRecord]
    data_root: Path
    metainfo: dict[str, str]


def predict_observers(task: Task, out: Path) -> None:
    """Write where half of the observers looked, and `ground_truth`: where the others did.

    Of films, on frames that would be scored.
    """
    frames = {video.name: [Path(f).stem for f in video.frames] for video in task.videos}
    with open(task.root / OBSERVERS, newline='', encoding='utf-8') as file:
        rows = [row for row in csv.DictReader(file) if row['video'] in frames]
    wanted = {(name, f) for name, stems in frames.items() for f in stems[:: task.every]}
    counts = Counter((row['video'], row['frame']) for row in rows)
    least = FILM_FRAMES['min_fixations'] if task.is_film else 2
    wanted = {place for place in wanted if counts[place] >= least}
    out.mkdir(parents=True)
    with open(out / OBSERVERS, 'w', newline='', encoding='utf-8') as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(row for row in rows if (row['video'], row['frame']) in wanted)
    dataset = SomeVideos([thinned(v, task.every) for v in task.videos], task.root, {})
    sigma = FILM_SIGMA if task.is_film else PICTURE_SIGMA
    write_inter_observer(dataset, out, out / OBSERVERS, 'npy', sigma, half=True)


def predict_center(task: Task, out: Path) -> None:
    """Write a Gaussian in the middle."""
    for video in task.videos:
        write_same(video, task.every, center_map(frame_size(video)), out)


# Scores ------------------------------------------------------------------------------------------


def score(task: Task, predictions: Path, out: Path) -> dict:
    """Score what was written, once; the maps are removed, the scores stay."""
    if not out.is_file():
        changes = FILM_FRAMES if task.is_film else {}
        # Films that are left out still tell where people look in other films (s-AUC).
        salkit.score(
            predictions,
            task.root,
            PROTOCOL,
            split=task.split,
            out=out,
            allow_missing=task.only is not None,
            **changes,
        )
        shutil.rmtree(predictions)
    return json.loads(out.read_text(encoding='utf-8'))


def score_observers(folder: Path, out: Path) -> dict:
    """Score what `predict_observers` wrote, in the same way."""
    if not out.is_file():
        salkit.score(folder / 'predictions', folder / 'ground_truth', PROTOCOL, out=out)
        shutil.rmtree(folder)
    return json.loads(out.read_text(encoding='utf-8'))


def rounded(report: dict) -> Scores:
    """Scores and ends of their intervals, by metric."""
    return {
        metric: [round(value, 4) for value in (score, *report['interval'][metric])]
        for metric, score in report['scores'].items()
    }


def score_set(task: Task, predictor: salkit.SaliencyPredictor, own: Path, work: Path) -> ScoredSet:
    """Score the model and the baselines on a set.

    Args:
        task: the set.
        predictor: the model.
        own: folder of what is the model's.
        work: folder of what no model is needed for.
    """
    steps = {
        MODEL: lambda maps: predict(predictor, task, maps),
        'observers': lambda maps: predict_observers(task, maps),
        'mean': lambda maps: predict_mean(task, maps),
        'center': lambda maps: predict_center(task, maps),
    }
    reports = {}
    for row, write in steps.items():
        folder = own if row == MODEL else work
        maps, scores = folder / 'maps' / f'{task.name}-{row}', folder / f'{task.name}-{row}.json'
        if not scores.is_file():
            if row != MODEL:
                # Nothing tells which of them were finished; they are made quickly.
                shutil.rmtree(maps, ignore_errors=True)
            write(maps)
        found = score_observers(maps, scores) if row == 'observers' else score(task, maps, scores)
        reports[row] = found
        print(task.name, row, found['scores'], flush=True)
    report = reports[MODEL]
    return ScoredSet(
        title=task.title,
        split=task.split,
        videos=report['videos'],
        frames=report['frames'],
        rows={row: rounded(found) for row, found in reports.items()},
        per_video={
            video: {metric: round(found[metric], 4) for metric in ('CC', 'NSS', 'AUC-J')}
            for video, found in report['per_video'].items()
        },
    )


def score_seeds(files: Sequence[str], root: Path, work: Path) -> dict[str, dict[str, float]]:
    """CC on the val splits, by seed and set."""
    found: dict[str, dict[str, float]] = {}
    for file in files:
        checkpoint = read_checkpoint(file)
        digest = sha256_of(checkpoint.path)[:12]
        seed, predictor = str(checkpoint.meta.get('seed', digest)), None
        if seed in found:
            raise SystemExit(f'{file}: a second file of seed {seed}')
        found[seed] = {}
        for name, (title, dataset) in PICTURES.items():
            task = Task(name, title, root / name, dataset, 'val')
            scores = work / digest / f'{name}-val.json'
            if not scores.is_file():
                predictor = predictor or salkit.SaliencyPredictor(CONFIG, checkpoint)
                predict(predictor, task, work / digest / 'maps' / f'{name}-val')
            report = score(task, work / digest / 'maps' / f'{name}-val', scores)
            found[seed][name] = round(report['scores']['CC'], 4)
        print('seed', seed, found[seed], flush=True)
    return found


def speed_of(predictor: salkit.SaliencyPredictor, out: Path) -> Speed:
    """Frames a second, from arrays to maps of their size, the best of some runs."""
    if not out.is_file():
        photo = np.ascontiguousarray(data.astronaut()[:360])
        frames = np.repeat(np.pad(photo, ((0, 0), (64, 64), (0, 0)))[None], SPEED_FRAMES, 0)
        best = min(_seconds(predictor, frames) for _ in range(SPEED_RUNS))
        speed = Speed(
            frames_per_s=round(SPEED_FRAMES / best, 1),
            frame=list(frames.shape[1:3]),
            cores=len(os.sched_getaffinity(0)),
            machine=f'{platform.system()} {platform.machine()}, PyTorch '
            f'{importlib.metadata.version("torch")}',
        )
        write_json(asdict(speed), out)
    return Speed(**json.loads(out.read_text(encoding='utf-8')))


def _seconds(predictor: salkit.SaliencyPredictor, frames: np.ndarray) -> float:
    start = time.perf_counter()
    for _ in predictor.predict(frames):
        pass
    return time.perf_counter() - start


def tasks(root: Path) -> Iterator[Task]:
    """All that is scored."""
    for name, (title, dataset) in PICTURES.items():
        yield Task(name, title, root / name, dataset)
    if (root / FILMS).is_dir():
        dataset = 'VideoSaliencyDataset'
        names = [v.name for v in Task(FILMS, '', root / FILMS, dataset).all_videos]
        held_out = tuple(name for name in names if name not in LOOKED_AT)
        title = 'Films of Xu et al.'
        yield Task(FILMS, title, root / FILMS, dataset, only=held_out)
        yield Task(
            'looked-at', f'{title} that were looked at', root / FILMS, dataset, only=LOOKED_AT
        )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('weights', help='of lite0: a checkpoint, a work dir or a shipped file')
    parser.add_argument('--seeds', nargs='*', default=[], help='checkpoints of all trainings')
    parser.add_argument('--data', type=Path, default=Path('data'), help='the prepared sets')
    parser.add_argument('--work', type=Path, default=Path('work_dirs/lite0_scores'))
    parser.add_argument('--out', type=Path, default=measured_file(CONFIG), help='the JSON')
    args = parser.parse_args()
    checkpoint = read_checkpoint(args.weights)
    digest = sha256_of(checkpoint.path)
    own, work = args.work / digest[:12], args.work / 'baselines'
    for folder in (own, work):
        folder.mkdir(parents=True, exist_ok=True)
    predictor = salkit.SaliencyPredictor(CONFIG, checkpoint, 'cpu')
    counted = profile(salkit.load_config(CONFIG))
    measured = Measured(
        config=CONFIG,
        protocol=PROTOCOL,
        weights=checkpoint.path.name,
        sha256=digest,
        file_mb=round(checkpoint.path.stat().st_size / 1e6, 1),
        parameters=counted.params_trainable + counted.params_constant,
        flops=counted.flops,
        size=list(counted.clip[1:]),
        sets={task.name: score_set(task, predictor, own, work) for task in tasks(args.data)},
        seeds=score_seeds(args.seeds, args.data, args.work),
        speed=speed_of(predictor, own / 'speed.json'),
        versions={name: importlib.metadata.version(name) for name in PACKAGES},
    )
    write_json(asdict(measured), args.out)
    print(args.out)


if __name__ == '__main__':
    main()
