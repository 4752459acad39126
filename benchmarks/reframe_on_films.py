"""How many real fixations a 9:16 window keeps that follows predicted attention: on films.

    OMP_NUM_THREADS=2 python benchmarks/reframe_on_films.py FOLDER [--aspect 9:16] [--stride K]
        [--json FILE]
    OMP_NUM_THREADS=2 python benchmarks/reframe_on_films.py FOLDER --time FILM ...

FOLDER holds `videos/NAME.avi` and `fixations.csv` (video, time_s, duration_s, x, y in pixels), as
of the films of Xu et al. A fixation counts in every frame that it lasts on, so long as that frame
is shown. Beside the window by lite0's maps stand those that know the fixations themselves: the one
that stands still, the best one that moves within the same limits (at no cost), and one that jumps
in every frame. `--time` runs the whole command on films instead, one after another.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from lite0_scores import LOOKED_AT

from salkit import SaliencyPredictor
from salkit.inference.reframe import Reframing
from salkit.inference.reframe.window import between_places, kept_shares
from salkit.media.video import VideoReader
from salkit.models.measuring import describe_machine
from salkit.utils.files import write_json
from salkit.utils.parallel import share_cores
from salkit.utils.reframe_options import ReframeOptions
from salkit.utils.text import aligned

# Parts of the frame along the window's way that fixations are counted in.
BINS = 1024
MAPS_PER_SECOND = 6.25


@dataclass(frozen=True)
class Kept:
    """Shares of a film's fixations inside of windows, by the time that they last.

    Attributes:
        film: its name, or what is the mean of.
        middle: by the window in the middle of the frame.
        ours: by the one that follows predicted attention.
        best_fixed: by the best of those that stand still.
        best_smooth: by the best of those that move as ours may.
        best_jumping: by the best of all.
    """

    film: str
    middle: float
    ours: float
    best_fixed: float
    best_smooth: float
    best_jumping: float


def read_fixations(path: Path) -> dict[str, np.ndarray]:
    """By film, (n, 4): start and length in seconds, x and y in pixels."""
    found: dict[str, list[list[float]]] = {}
    with open(path, newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            values = [float(row[name]) for name in ('time_s', 'duration_s', 'x', 'y')]
            found.setdefault(row['video'], []).append(values)
    return {name: np.array(rows) for name, rows in found.items()}


def counted(fixations: np.ndarray, found: Reframing) -> np.ndarray:
    """Fixations in each frame (T, BINS), by where along the window's way; those in the frame."""
    rows, columns = found.window.frame_size
    table = np.zeros((len(found), BINS), np.float32)
    for start, length, x, y in fixations:
        if 0 <= x < columns and 0 <= y < rows:
            at = (x, y)[1 - found.window.axis] / found.window.side
            first, last = np.searchsorted(found.times, [start, start + length])
            table[first:last, int(at * BINS)] += 1
    return table


def kept_of(found: Reframing, fixations: np.ndarray) -> Kept:
    """What windows keep of the fixations on a film."""
    window, table = found.window, counted(fixations, found)
    lines = table[:, None, :] if window.axis else table[:, :, None]
    seconds = np.diff(found.times, append=found.times[-1] + 1 / found.fps)
    # Seconds of fixations inside of the window at each place.
    inside = kept_shares(lines, len(table), window)[0] * table.sum(1, keepdims=True)
    total = float(table.sum(1) @ seconds)
    at = len(window.grid()) - 1

    def share(places: np.ndarray) -> float:
        return float(between_places(inside, places / window.free * at) @ seconds) / total

    starts = [int(np.searchsorted(found.times, shot.start_s)) for shot in found.shots]
    knowing = ReframeOptions(move_cost=0, turn_cost=0)
    wanted = inside / inside.max()
    best = Reframing(ShownOf(found), window, inside, wanted, starts, knowing)
    return Kept(
        found.stimulus.name,
        share(np.full(len(table), window.free / 2)),
        share(found.path[:, 1 - window.axis]),
        float((seconds @ inside).max()) / total,
        share(best.path[:, 1 - window.axis]),
        float(inside.max(1) @ seconds) / total,
    )


class ShownOf:
    """The frames of a reframing, to find another window's way through them."""

    def __init__(self, found: Reframing) -> None:
        self.stimulus, self.times, self.fps = found.stimulus, found.times, found.fps
        self.frames = range(len(found))


def mean_of(title: str, films: Sequence[Kept]) -> Kept:
    """The mean over films."""
    columns = [list(asdict(film).values())[1:] for film in films]
    return Kept(title, *np.mean(columns, axis=0).tolist())


def measure(args: argparse.Namespace) -> None:
    """Print what is kept of each film's fixations, and the means."""
    share_cores()
    predictor = SaliencyPredictor('lite0', device='cpu')
    films: list[Kept] = []
    for name, fixations in sorted(read_fixations(args.folder / 'fixations.csv').items()):
        video = args.folder / 'videos' / f'{name}.avi'
        stride = args.stride or max(1, round(VideoReader(video).info.fps / MAPS_PER_SECOND))
        found = predictor.predict(video, stride=stride).reframe(args.aspect)
        films.append(kept_of(found, fixations))
        still = float((np.ptp(np.diff(found.path[:, :2], axis=0), axis=1) == 0).mean())
        print(
            films[-1], f'{len(found.shots)} shots, still in {still:.0%} of the frames', flush=True
        )
    looked_at = [film for film in films if film.film in LOOKED_AT]
    others = [film for film in films if film.film not in LOOKED_AT]
    means = [
        mean_of(f'mean of {len(part)} {title}', part)
        for title, part in (('films', films), ('looked at', looked_at), ('others', others))
        if part
    ]
    rows = [['film', 'middle', 'ours', 'best fixed', 'best smooth', 'best jumping', 'of smooth']]
    for kept in (*films, *means):
        film, *shares = asdict(kept).values()
        rows.append([film, *(f'{100 * s:.1f}' for s in shares)])
        rows[-1].append(f'{100 * kept.ours / kept.best_smooth:.0f} %')
    print('\n'.join(aligned(rows)))
    if args.json:
        machine = asdict(describe_machine('cpu'))
        write_json(dict(machine=machine, films=[*map(asdict, films)]), args.json)


def time_command(args: argparse.Namespace) -> None:
    """Print how long the whole command takes."""
    rows = [['film', 'seconds long', 'seconds taken', 'seconds of CPU', 'times its speed']]
    for name in args.time:
        video = args.folder / 'videos' / f'{name}.avi'
        info = VideoReader(video).info
        length = info.frames / info.fps
        with tempfile.TemporaryDirectory() as out:
            command = ['reframe', str(video), '--aspect', args.aspect, '--out', out]
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            subprocess.run([sys.executable, '-m', 'salkit', *command], check=True)
            taken = time.monotonic() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        rows.append([name, *(f'{s:.1f}' for s in (length, taken, cpu)), f'{length / taken:.2f}'])
    print('\n'.join(aligned(rows)))


def main() -> None:
    """Measure, or time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--aspect', default='9:16')
    parser.add_argument('--stride', type=int)
    parser.add_argument('--json')
    parser.add_argument('--time', nargs='+', metavar='FILM')
    args = parser.parse_args()
    time_command(args) if args.time else measure(args)


if __name__ == '__main__':
    main()
