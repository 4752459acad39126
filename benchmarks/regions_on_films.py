"""How near the predicted share of a region comes to the share of the gaze, on films with fixations.

    python benchmarks/regions_on_films.py [--margin SIGMAS] [--emphasis P] [--cache DIR]
        [--json FILE.json]

The films are the 18 of Xu et al. (TIP 2017) that SALKIT_SAMPLE_DATA holds, each looked at by 32
people. Regions are rectangles around clusters of the fixations in parts of a film (2 s, or the
whole film). The density of a part's fixations, weighted by how long they last in it, is blurred by
the films' recipe (sigma 0.045 of the width). A cluster is a local maximum of it that is at least a
quarter as high as the highest, with the fixations within 2 sigma of it that are nearer to it than
to another maximum; its rectangle is the smallest that holds these.

Gaze that chose a region is in it more often than any other gaze is, so that each half of the
observers is measured in the rectangles of the other half, too. Both are printed: `same` and
`other half`. `density` is what the best map of the measured gaze, its own density, would give.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

from salkit.inference import SaliencyPredictor, open_stimulus
from salkit.inference.regions import Box, KeyFrame, RecordedGaze, Region, Regions, attention_on
from salkit.inference.regions.gaze import VideoGaze

SIGMA = 0.045
# Of the highest maximum; and of sigma, how far fixations of a cluster lie from theirs.
LOWEST, FARTHEST = 0.25, 2.0
# Maps a second: two fixations are told apart, and 18 films are predicted in minutes.
RATE = 12.5
# Columns of the densities.
WIDTH = 320


def predicted_maps(
    predictor: SaliencyPredictor, film: Path, cache: Path | None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Maps (n, h, w) at the model's size, their seconds, and the CPU seconds that they took."""
    file = cache / f'{film.stem}.npz' if cache else None
    if file is not None and file.exists():
        with np.load(file) as stored:
            return stored['saliency_map'], stored['times'], 0.0
    began = time.process_time()
    stride = max(1, round(open_stimulus(film).fps / RATE))
    maps = predictor.predict(film, stride=stride)
    places = sorted({*range(0, len(maps), stride), len(maps) - 1})
    small = np.stack(
        [each for i, each in enumerate(maps.small(maps.selection.places)) if i in places]
    )
    took = time.process_time() - began
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, saliency_map=small.astype(np.float16), times=maps.times[places])
    return small, maps.times[places], took


def density(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Fixations (n, 2) as a density of `WIDTH` columns."""
    rows, columns = round(size[0] * WIDTH / size[1]), WIDTH
    counts = np.zeros((rows, columns))
    places = ((points + 0.5) * [rows / size[0], columns / size[1]]).astype(int)
    np.add.at(counts, tuple(places.T), 1)
    return gaussian_filter(counts, SIGMA * WIDTH, mode='constant')


def clusters(points: np.ndarray, size: tuple[int, int], margin: float) -> list[Box]:
    """Rectangles around the clusters of fixations (n, 2) y and x; a long one is on many frames."""
    blurred = density(points, size)
    peaks = blurred == maximum_filter(blurred, size=2 * round(SIGMA * WIDTH) + 1)
    centers = np.argwhere(peaks & (blurred >= LOWEST * blurred.max()))
    centers = (centers + 0.5) * size[1] / WIDTH
    distances = np.linalg.norm(points[:, None] + 0.5 - centers, axis=2)
    nearest = distances.argmin(1)
    near = distances.min(1) <= FARTHEST * SIGMA * size[1]
    boxes = []
    for center in range(len(centers)):
        found = points[near & (nearest == center)]
        if len(found):
            beside = margin * SIGMA * size[1]
            (top, left), (bottom, right) = found.min(0) - beside, found.max(0) + 1 + beside
            boxes.append(Box(left, top, right - left, bottom - top))
    return boxes


def part_of(gaze: VideoGaze, observers: np.ndarray) -> VideoGaze:
    """The gaze of some observers."""
    chosen = np.isin(gaze.observers, observers)
    stops = np.concatenate([[0], np.cumsum(chosen)])[gaze.stops]
    return replace(gaze, points=gaze.points[chosen], observers=gaze.observers[chosen], stops=stops)


def regions_of(gaze: VideoGaze, seconds: float, margin: float) -> Regions:
    """A region for each cluster in each part of a film, there while the part lasts."""
    frame = np.searchsorted(gaze.stops, np.arange(len(gaze.points)), side='right')
    parts = (gaze.times[frame] // seconds).astype(int)
    regions = []
    for part in np.unique(parts):
        for number, box in enumerate(clusters(gaze.points[parts == part], gaze.size, margin)):
            keys = [KeyFrame(part * seconds, box), KeyFrame((part + 1) * seconds, None)]
            regions.append(Region(f'{part * seconds:g} s, {number}', keys))
    return Regions(regions)


def measure(
    maps: np.ndarray,
    times: np.ndarray,
    chosen: VideoGaze,
    measured: VideoGaze,
    seconds: float,
    margin: float,
) -> list[dict[str, float]]:
    """Predicted share, share of the gaze, and share of its density, for each region."""
    regions = regions_of(chosen, seconds, margin)
    size = chosen.size
    whole = (each.astype(np.float32) for each in maps)
    report = attention_on(whole, regions, times, size=size, gaze=measured)
    assert report.gaze is not None
    frame = np.searchsorted(measured.stops, np.arange(len(measured.points)), side='right')
    parts = (measured.times[frame] // seconds).astype(int)
    rows = []
    for number, region in enumerate(regions):
        part = round(float(region.keys[0].at) / seconds)
        points = measured.points[parts == part]
        if not len(points) or not np.isfinite(report.gaze.share[number]):
            continue
        best = density(points, size)
        cover = region.keys[0].shape.cover(best.shape, size)
        rows.append(
            dict(
                predicted=float(report.gaze.predicted[number]),
                gaze=float(report.gaze.share[number]),
                density=cover.sum_of(best) / float(best.sum()),
                area=float(cover.area),
            )
        )
    return rows


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over regions, and the scatter of the difference."""
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    difference = table['predicted'] - table['gaze']
    return dict(
        regions=len(rows),
        **{name: float(values.mean()) for name, values in table.items()},
        difference=float(difference.mean()),
        absolute=float(np.abs(difference).mean()),
        deviation=float(difference.std(ddof=1)) if len(rows) > 1 else float('nan'),
        correlation=float(np.corrcoef(table['predicted'], table['gaze'])[0, 1])
        if len(rows) > 2
        else float('nan'),
    )


def main() -> None:
    """Measure all films."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--margin', type=float, default=0, metavar='SIGMAS')
    parser.add_argument('--emphasis', type=float, default=1, metavar='P', help='power of the maps')
    parser.add_argument('--cache', type=Path, metavar='DIR', help='of maps')
    parser.add_argument('--json', type=Path, metavar='FILE')
    parser.add_argument('--model', default='lite0')
    args = parser.parse_args()
    root = Path(os.environ['SALKIT_SAMPLE_DATA']) / 'gaze' / 'xu_video'
    films = sorted((root / 'videos').glob('*.avi'))
    recorded = RecordedGaze(root / 'fixations.csv')
    predictor = SaliencyPredictor(args.model)
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for film in films:
        maps, times, took = predicted_maps(predictor, film, args.cache)
        maps = maps.astype(np.float32) ** args.emphasis
        gaze = recorded.on(open_stimulus(film))
        everybody = np.random.default_rng(0).permutation(len(gaze.names))
        halves = [part_of(gaze, half) for half in np.array_split(everybody, 2)]
        for name, seconds in (('2 s', 2.0), ('film', float(times[-1]) + 1)):
            same = measure(maps, times, gaze, gaze, seconds, args.margin)
            other = [
                row
                for chosen, measured in (halves, halves[::-1])
                for row in measure(maps, times, chosen, measured, seconds, args.margin)
            ]
            found.setdefault(f'{name}, same', {})[film.stem] = same
            found.setdefault(f'{name}, other half', {})[film.stem] = other
        print(
            film.stem,
            f'{len(times)} maps',
            f'{took:.0f} s of CPU' if took else 'cached',
            flush=True,
        )
    results = {}
    for name, by_film in found.items():
        print(f'\n{name}')
        rows = {film: summary(each) for film, each in by_film.items()}
        # Over regions, and over films, which weigh the same.
        rows['all regions'] = summary([row for each in by_film.values() for row in each])
        columns = list(rows['all regions'])
        rows['mean of films'] = {
            column: float(np.nanmean([rows[film][column] for film in by_film]))
            for column in columns
        }
        print(f'{"":20}', *(f'{column:>11}' for column in columns))
        for film, row in rows.items():
            print(f'{film:20}', *(f'{row[column]:11.3f}' for column in columns))
        results[name] = rows
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
