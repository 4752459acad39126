"""Time prediction on a video: what stands around the model, and a naive loop beside it, as JSON.

    python benchmarks/predict.py [--frames 300] [--size 640x360] [--checkpoint FILE] [--out FILE]
    python benchmarks/predict.py --command lite0 [--frames 200] [--size 640x360] [--out FILE]

An H.264 video of a photograph that moves is predicted by the model of `salkit demo` (with random
weights unless a checkpoint is given: they take the same time). `stages_ms` is milliseconds a frame
of each stage around the model on its own (the model's: `salkit benchmark infer`);
`around_the_model_ms` those of a whole `predict(...).overlay(...)`, model left out: decoding,
resizing, finishing the maps, drawing and encoding, in threads as always. `predict_s` and `naive_s`
are seconds from the file to maps as PNG files: through salkit, and by a loop that decodes, resizes
and normalizes each window again and runs the model on it alone. The best of `--runs` runs.

`--command MODEL` times `salkit predict --model MODEL` as a process instead, to .npz and to an
overlay, of so many frames and of ten times as many: frames per second less the start (that of a
video of one frame), seconds of CPU a frame likewise, which a busy machine leaves as they are, and
the peak memory of each, which is not to grow with the frames.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from video_reading import write_video

from salkit import SaliencyPredictor
from salkit.cli.common import rows_and_columns
from salkit.inference import open_stimulus
from salkit.inference.overlay import Overlay, OverlayStyle
from salkit.media.video import VideoReader, VideoWriter
from salkit.models import postprocess_map

CONFIG = 'demo/umt-tiny_cc-kl'


def best(function: Callable[[], object], runs: int) -> float:
    """Shortest time in seconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def naive(predictor: SaliencyPredictor, path: Path, folder: Path) -> None:
    """Every window decoded, resized and normalized anew, and predicted alone."""
    model, settings = predictor.backend.model, predictor.settings
    folder.mkdir(exist_ok=True)
    video = VideoReader(path)
    size = (video.info.height, video.info.width)
    for last in range(len(video)):
        window = settings.window(last, len(video))
        frames = torch.from_numpy(video.read(window, settings.size)).permute(3, 0, 1, 2)[None]
        with torch.inference_mode():
            small = model(model.data_preprocessor.normalize(frames))
            saliency_map = postprocess_map(small, size, settings.blur_kernel)[0].numpy()
        picture = np.rint(255 * saliency_map).astype(np.uint8)
        cv2.imwrite(str(folder / f'{last + 1:04d}.png'), picture)


def stages(predictor: SaliencyPredictor, path: Path, folder: Path, runs: int) -> dict[str, float]:
    """Milliseconds a frame of each stage but those that `salkit benchmark infer` times."""
    stimulus = open_stimulus(path)
    numbers = range(len(stimulus))
    full = list(stimulus.frames(numbers))
    finished = list(predictor.predict(path))
    overlay = Overlay(OverlayStyle(), max(one.max() for one in finished))
    drawn = [overlay(*pair) for pair in zip(full, finished, strict=True)]

    def encode() -> None:
        with VideoWriter(folder / 'stage.mp4', stimulus.size, stimulus.fps) as writer:
            for frame in drawn:
                writer.write(frame)

    size = predictor.settings.size
    work = dict(
        decode=lambda: sum(1 for _ in stimulus.frames(numbers)),
        decode_and_resize=lambda: sum(1 for _ in stimulus.frames(numbers, size)),
        draw=lambda: [overlay(*pair) for pair in zip(full, finished, strict=True)],
        encode=encode,
    )
    return {
        name: round(1e3 * best(function, runs) / len(full), 3) for name, function in work.items()
    }


def around_the_model(predictor: SaliencyPredictor, path: Path, folder: Path, runs: int) -> float:
    """Milliseconds a frame of everything but the model."""
    backend = predictor.backend
    predict = backend.predict
    rng = np.random.default_rng(0)
    ready = rng.random((predictor.batch_size, *predictor.settings.size), np.float32)
    backend.predict = lambda windows: ready[: len(windows)]
    try:
        maps = predictor.predict(path)
        return 1e3 * best(lambda: maps.overlay(folder / 'overlay.mp4'), runs) / len(maps)
    finally:
        backend.predict = predict


def run_command(model: str, path: Path, outputs: list[str], folder: Path) -> tuple[float, ...]:
    """Seconds of the clock and of the CPU, and the most MiB, of a `salkit predict`."""
    argv = [sys.executable, '-m', 'salkit', 'predict', str(path), '--model', model, *outputs]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*argv, '--out', str(folder), '--force'],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0, argv
    seconds = time.perf_counter() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def time_command(
    model: str, frames: int, size: tuple[int, int], runs: int, folder: Path
) -> dict[str, object]:
    """What `--command` prints."""
    counts = (1, frames, 10 * frames)
    for count in counts:
        write_video(folder / f'{count}.mp4', count, size)
    result: dict[str, object] = dict(
        model=model, size=list(size), cores=len(os.sched_getaffinity(0)), torch=torch.__version__
    )
    for name, outputs in (('npz', ['--format', 'npz']), ('overlay', ['--format', 'none'])):
        outputs = [*outputs, *(['--overlay'] if name == 'overlay' else [])]
        found = {}
        for count in counts:
            # The long one is for its memory.
            several = [
                run_command(model, folder / f'{count}.mp4', outputs, folder / name)
                for _ in range(runs if count <= frames else 1)
            ]
            found[count] = [min(values) for values in zip(*several, strict=True)]
        (start, start_cpu, _), (seconds, cpu, peak), (*_, long_peak) = found.values()
        result[name] = dict(
            frames_per_s=round((frames - 1) / (seconds - start), 2),
            cpu_ms_per_frame=round(1e3 * (cpu - start_cpu) / (frames - 1), 2),
            start_s=round(start, 2),
            peak_mib={frames: round(peak), 10 * frames: round(long_peak)},
        )
    return result


def main() -> None:
    """Encode the video, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--frames', type=int)
    parser.add_argument('--command', metavar='MODEL')
    parser.add_argument('--size', default='640x360', metavar='WIDTHxHEIGHT')
    parser.add_argument('--checkpoint')
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--out', help='write the JSON there, too')
    args = parser.parse_args()
    size = rows_and_columns('--size', args.size)
    args.frames = args.frames or (200 if args.command else 300)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ['SALKIT_CACHE'] = str(folder / 'cache')
        if args.command:
            report(time_command(args.command, args.frames, size, args.runs, folder), args.out)
            return
        path = folder / 'clip.mp4'
        write_video(path, args.frames, size)
        predictor = SaliencyPredictor(
            CONFIG, args.checkpoint, device='cpu', random_weights=args.checkpoint is None
        )
        predictor.predict(path)[0]
        result = dict(
            frames=args.frames,
            size=list(size),
            model=CONFIG,
            batch_size=predictor.batch_size,
            cores=len(os.sched_getaffinity(0)),
            torch=torch.__version__,
            stages_ms=stages(predictor, path, folder, args.runs),
            around_the_model_ms=round(around_the_model(predictor, path, folder, args.runs), 3),
            overlay_s=best(lambda: predictor.predict(path).overlay(folder / 'o.mp4'), args.runs),
            predict_s=best(lambda: predictor.predict(path).save(folder / 'maps', 'png'), args.runs),
            naive_s=best(lambda: naive(predictor, path, folder / 'naive'), 1),
        )
        for seconds in ('overlay_s', 'predict_s', 'naive_s'):
            result[seconds] = round(result[seconds], 3)
        result['times_the_naive_loop'] = round(result['naive_s'] / result['predict_s'], 2)
        # The same maps, or the comparison means nothing.
        for mine in sorted((folder / 'maps').glob('*.png')):
            first, second = (
                cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(int)
                for file in (mine, folder / 'naive' / mine.name)
            )
            assert np.abs(first - second).max() <= 1, mine
    report(result, args.out)


def report(result: dict[str, object], out: str | None) -> None:
    """Print the result, and write it where it is asked for."""
    text = json.dumps(result, indent=2)
    print(text)
    if out:
        Path(out).write_text(text + '\n')


if __name__ == '__main__':
    main()
