"""Time lite0 by every engine and precision, and say how far its maps are from PyTorch's.

    OMP_NUM_THREADS=2 python benchmarks/lite0_engines.py [--size 576x320] [--rounds 8]
        [--films DIR] [--scores DIR] [--out FILE]

The model alone, one clip at once, its frames prepared before: clips per second by the median and
at best, and milliseconds of CPU a clip, which other work on the machine changes least; all engines
in turns. CC and the largest difference are to the maps of PyTorch in float32,
of `panned_photographs` and, with `--films` (a folder of videos), of four frames of each; files in
int8 were made with two thirds of the photographs, and no film. OpenVINO is left out where it is not
installed.

`--scores DIR`, what `salkit prepare xu-video` wrote with `--keep-video`, scores the exported
models, in float32 and in int8, on the frames of those films that `lite0_scores.py` scores, each
predicted alone: minutes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from lite0_scores import FILMS, Task, score

from salkit import SaliencyPredictor
from salkit.cli.common import rows_and_columns
from salkit.functional import cc
from salkit.inference.export import export_model
from salkit.media.images import resize_image
from salkit.media.maps import write_map_file
from salkit.media.photographs import panned_photographs
from salkit.media.video import VideoReader
from salkit.models.measuring import describe_machine
from salkit.utils.folders import whole_folder
from salkit.utils.parallel import share_cores
from salkit.utils.text import aligned

RUNS, METRICS = 10, ('CC', 'KL', 'SIM', 'NSS', 'AUC-J')
Predictors = dict[str, SaliencyPredictor]


def open_all(folder: Path, size: tuple[int, int]) -> Predictors:
    """lite0 by each engine; what is exported lies in the folder."""
    files = {name: folder / f'{name}.onnx' for name in ('float32', 'int8')}
    for name, path in files.items():
        export_model('lite0', None, path, precision=name, size=size)
    found = {
        'PyTorch float32': SaliencyPredictor('lite0', device='cpu', size=size),
        'PyTorch bfloat16': SaliencyPredictor('lite0', device='cpu', precision='bf16', size=size),
        'onnxruntime float32': SaliencyPredictor(files['float32'], device='cpu'),
        'onnxruntime int8': SaliencyPredictor(files['int8'], device='cpu'),
    }
    if find_spec('openvino'):
        for name, path in files.items():
            found[f'OpenVINO {name}'] = SaliencyPredictor(path, engine='openvino')
        for name, model in (
            ('bfloat16', files['float32']),
            ('bfloat16, of the config', 'lite0'),
            ('int8 and bfloat16', files['int8']),
        ):
            found[f'OpenVINO {name}'] = SaliencyPredictor(
                model, engine='openvino', precision='bf16', size=size
            )
    return found


def runner(predictor: SaliencyPredictor, frame: np.ndarray) -> Callable[[], np.ndarray]:
    """Predicts one frame (H, W, 3), which is prepared now."""
    ready = [predictor.backend.prepare(frame)]
    return lambda: predictor.backend.predict([ready])[0]


def rates(predictors: Predictors, frame: np.ndarray, rounds: int) -> dict[str, dict[str, float]]:
    """Clips per second of each, and what of the CPU they take, in turns."""
    runs = {name: runner(predictor, frame) for name, predictor in predictors.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    of_cpu: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            for _ in range(RUNS if number else 1):
                start, cpu = time.perf_counter(), time.process_time()
                run()
                # The first one of each sets things up.
                if number:
                    seconds[name].append(time.perf_counter() - start)
                    of_cpu[name].append(time.process_time() - cpu)
    return {
        name: dict(
            clips_per_s=round(1 / float(np.median(times)), 1),
            best=round(1 / min(times), 1),
            cpu_ms=round(1e3 * float(np.median(of_cpu[name])), 1),
        )
        for name, times in seconds.items()
    }


def distances(predictors: Predictors, frames: list[np.ndarray]) -> dict[str, dict[str, float]]:
    """How far the maps of each lie from those of the first."""
    maps = {
        name: np.stack([runner(predictor, frame)() for frame in frames]).astype(np.float64)
        for name, predictor in predictors.items()
    }
    reference = next(iter(maps.values()))
    found = {}
    for name, others in maps.items():
        ccs = cc(others, reference)
        found[name] = dict(
            cc_mean=round(float(ccs.mean()), 5),
            cc_min=round(float(ccs.min()), 5),
            max_abs=round(float(np.abs(others - reference).max()), 6),
        )
    return found


def film_frames(folder: Path, size: tuple[int, int]) -> list[np.ndarray]:
    """Four frames of each video, resized."""
    found = []
    for path in sorted(folder.iterdir()):
        with VideoReader(path) as video:
            numbers = [len(video) * fifth // 5 for fifth in range(1, 5)]
            found += [video.read([number], size)[0] for number in numbers]
    return found


def scores(folder: Path, root: Path) -> dict[str, dict[str, float]]:
    """Means over all films of the exported models."""
    task = Task(FILMS, '', root, 'VideoSaliencyDataset')
    found = {}
    for name in ('float32', 'int8'):
        predictor, maps = SaliencyPredictor(folder / f'{name}.onnx', device='cpu'), folder / name
        for video in task.videos:
            with VideoReader(video.video_path) as frames, whole_folder(maps / video.name) as out:
                for number in range(0, len(video.frames), task.every):
                    # Alone: smoothing along time would hide differences.
                    saliency_map = predictor.predict(frames.read([number])[0])[0]
                    write_map_file(saliency_map, out / Path(video.frames[number]).stem, 'npy')
        report = score(task, maps, folder / f'{name}.json')
        found[name] = {metric: round(report['scores'][metric], 5) for metric in METRICS}
    return found


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--size', default='576x320', metavar='WIDTHxHEIGHT')
    parser.add_argument('--rounds', type=int, default=8)
    parser.add_argument('--films', type=Path, help='videos to compare maps on, too')
    parser.add_argument('--scores', type=Path, help='the prepared films, to score both files on')
    parser.add_argument('--out', type=Path, help='write the JSON there')
    args = parser.parse_args()
    size = rows_and_columns('--size', args.size)
    share_cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        predictors = open_all(folder, size)
        photographs = [resize_image(frame, size) for frame in panned_photographs()[::10]]
        sets = dict(photographs=photographs)
        if args.films:
            sets['films'] = film_frames(args.films, size)
        engines = rates(predictors, photographs[0], args.rounds)
        for name, frames in sets.items():
            for engine, found in distances(predictors, frames).items():
                engines[engine][name] = found
        packages = ('torch', 'onnxruntime', *(['openvino'] if find_spec('openvino') else []))
        result = dict(
            machine=describe_machine('cpu'),
            versions={name: version(name) for name in packages},
            size=list(size),
            engines=engines,
            files_mb={p.stem: round(p.stat().st_size / 1e6, 1) for p in folder.glob('*.onnx')},
        )
        if args.scores:
            result['scores'] = scores(folder, args.scores)
    rows = [
        ['', 'clips/s', 'best', 'CPU ms', *(f'{s}: CC mean, min, largest difference' for s in sets)]
    ]
    for engine, found in engines.items():
        cells = [' '.join(map(str, found[name].values())) for name in sets]
        rows.append([engine, *(str(found[f]) for f in ('clips_per_s', 'best', 'cpu_ms')), *cells])
    print('\n'.join(aligned(rows)))
    for name, found in result.get('scores', {}).items():
        print(name, *(f'{metric} {value}' for metric, value in found.items()))
    if args.out:
        args.out.write_text(json.dumps(result, indent=2, default=vars) + '\n')


if __name__ == '__main__':
    main()
