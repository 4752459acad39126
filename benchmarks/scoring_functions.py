"""Time the scoring functions on NumPy arrays and print medians in milliseconds as JSON.

    python benchmarks/scoring_functions.py [--runs 40] [--out FILE]

Each function is timed on maps of 360 x 640 with 30 and 300 fixations and of 1080 x 1920 with 70, in
float32 and in 8 bits. `dhf1k_frame_ms` is one frame as a scoring run meets it: three PNGs of
360 x 640 (prediction, density, fixations) are read and CC, SIM, NSS, AUC-Judd and shuffled AUC
computed, all on one core. `png_reading_ms` is the part of the reading.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from salkit import functional

CASES = [(360, 640, 30), (360, 640, 300), (1080, 1920, 70)]
# Shuffled AUC draws its negatives from this many other frames.
OTHER_FRAMES = 10


def gaze(size: tuple[int, int], count: int, rng: np.random.Generator) -> np.ndarray:
    """A map of `count` fixated pixels, about some centers of attention; 0 and 255, (H, W) uint8."""
    centers = rng.uniform(0.2, 0.8, (4, 2))
    fixations = np.zeros(size, np.uint8)
    while np.count_nonzero(fixations) < count:
        y, x = (rng.normal(centers[rng.integers(4)], 0.06) * size).astype(int)
        if 0 <= y < size[0] and 0 <= x < size[1]:
            fixations[y, x] = 255
    return fixations


def blurred(maps: np.ndarray, sigma: float) -> np.ndarray:
    """The map after a Gaussian blur, divided by its maximum, float32."""
    maps = cv2.GaussianBlur(maps.astype(np.float32), (0, 0), sigma)
    return maps / maps.max()


def make_frame(height: int, width: int, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Ground truth and a prediction that resembles it: broad, and never quite 0."""
    rng = np.random.default_rng(seed)
    size = height, width
    fixations = gaze(size, count, rng)
    noise = blurred(rng.random(size), height / 20)
    pred = 0.9 * blurred(fixations, height / 12) + 0.1 * (noise - noise.min())
    others = np.maximum.reduce([gaze(size, count, rng) for _ in range(OTHER_FRAMES)])
    return dict(
        pred=pred / pred.max(),
        density=blurred(fixations, height / 28),
        fixations=fixations,
        others=others,
    )


def eight_bit(maps: np.ndarray) -> np.ndarray:
    """A map in [0, 1] as it is written to a PNG."""
    return np.rint(255 * maps).astype(np.uint8)


def median_ms(call: Callable[[], object], runs: int) -> float:
    """Median time of a call, after a few to warm up."""
    times = []
    for run in range(runs + 5):
        start = time.perf_counter()
        call()
        if run >= 5:
            times.append(time.perf_counter() - start)
    return round(1000 * statistics.median(times), 4)


def calls(frame: dict[str, np.ndarray], as_bytes: bool) -> dict[str, Callable[[], object]]:
    """Every measure on the maps of a frame, by name."""
    pred, density = frame['pred'], frame['density']
    if as_bytes:
        pred, density = eight_bit(pred), eight_bit(density)
    fixations, others = frame['fixations'], frame['others']
    return {
        'cc': lambda: functional.cc(pred, density),
        'kl_div': lambda: functional.kl_div(pred, density),
        'sim': lambda: functional.sim(pred, density),
        'nss': lambda: functional.nss(pred, fixations),
        'information_gain': lambda: functional.information_gain(pred, fixations, density),
        'auc_judd': lambda: functional.auc_judd(pred, fixations),
        'auc_judd_pessimistic': lambda: functional.auc_judd(pred, fixations, ties='pessimistic'),
        'auc_judd_half': lambda: functional.auc_judd(pred, fixations, ties='half'),
        'auc_borji': lambda: functional.auc_borji(pred, fixations),
        'auc_shuffled': lambda: functional.auc_shuffled(pred, fixations, others),
        'auc_shuffled_exact': lambda: functional.auc_shuffled(
            pred, fixations, others, rule='exact'
        ),
    }


@contextmanager
def one_core():
    """Keep this process on one core, where the system lets it choose."""
    if not hasattr(os, 'sched_setaffinity'):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def time_frame(folder: Path, runs: int) -> dict[str, float]:
    """The five measures of one 8-bit frame of DHF1K, the reading of its PNGs included."""
    frame = make_frame(360, 640, 300)
    maps = eight_bit(frame['pred']), eight_bit(frame['density']), frame['fixations']
    files = [str(folder / f'{name}.png') for name in ('pred', 'density', 'fixations')]
    for file, image in zip(files, maps, strict=True):
        cv2.imwrite(file, image)
    others = frame['others']

    def read() -> list[np.ndarray]:
        return [cv2.imread(file, cv2.IMREAD_GRAYSCALE) for file in files]

    def score() -> tuple[float, ...]:
        pred, density, fixations = read()
        return (
            functional.cc(pred, density),
            functional.sim(pred, density),
            functional.nss(pred, fixations),
            functional.auc_judd(pred, fixations),
            functional.auc_shuffled(pred, fixations, others),
        )

    with one_core():
        return dict(dhf1k_frame_ms=median_ms(score, runs), png_reading_ms=median_ms(read, runs))


def main(argv: list[str] | None = None) -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--runs', type=int, default=40, help='timed runs of each call, at least 20')
    parser.add_argument('--out', type=Path, help='also write the JSON here')
    options = parser.parse_args(argv)
    if options.runs < 20:
        parser.error(f'--runs: expected at least 20, got {options.runs}')
    functions = {}
    for height, width, count in CASES:
        frame = make_frame(height, width, count)
        for as_bytes in (False, True):
            name = f'{height}x{width}, {count} fixations, {"uint8" if as_bytes else "float32"}'
            functions[name] = {
                measure: median_ms(call, options.runs)
                for measure, call in calls(frame, as_bytes).items()
            }
    with tempfile.TemporaryDirectory() as folder:
        frame_times = time_frame(Path(folder), options.runs)
    result = dict(
        runs=options.runs,
        numpy=np.__version__,
        python=platform.python_version(),
        machine=platform.machine(),
        cores=os.cpu_count(),
        **frame_times,
        functions_ms=functions,
    )
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
