"""Time the scoring: each function, and `salkit score` end to end; print both as JSON.

    python benchmarks/scoring.py [--frames 2000] [--protocol exact,dhf1k-matlab] [--out FILE]

The functions are those of `scoring_functions.py`. End to end: DHF1K-like videos of 8-bit maps of
360 x 640 are generated, and `salkit score` run on them as a command, once with 1 and once with 2
workers, everything from the start of Python to the written scores. `startup_s` of it is what a
set of a few frames takes; `frames_per_s` is of the whole command, `frames_per_s_running` without
that. `peak_memory_mib` is of all processes together, memory that they share counted once.

    python benchmarks/scoring.py --memory 100000

scores so many frames of 36 x 64 instead, and tells the memory that took.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import scoring_functions
from scoring_functions import eight_bit, make_frame

# Frames of a video; different maps of a video, which its frames take in turn.
VIDEO, MAPS = 250, 25


def write_data(folder: Path, frames: int, size: tuple[int, int], fixations: int) -> None:
    """Predictions and ground truth of `frames` frames, all of them files of their own."""
    for video in range(-(-frames // VIDEO)):
        name = f'{video + 601:04d}'
        made = [make_frame(*size, fixations, seed=1000 * video + i) for i in range(MAPS)]
        for part, key in (
            (folder / 'predictions' / name, 'pred'),
            (folder / 'truth' / 'test' / name / 'maps', 'density'),
            (folder / 'truth' / 'test' / name / 'fixation', 'fixations'),
        ):
            part.mkdir(parents=True)
            coded = []
            for frame in made:
                values = frame[key] if key == 'fixations' else eight_bit(frame[key])
                coded.append(cv2.imencode('.png', values)[1].tobytes())
            for number in range(min(VIDEO, frames - VIDEO * video)):
                (part / f'{number + 1:04d}.png').write_bytes(coded[number % MAPS])


def memory_mib(root: int) -> float:
    """Memory of a process and all its children, shared pages counted once (Linux)."""
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        try:
            tasks = Path(f'/proc/{process}/task')
            for task in tasks.iterdir():
                waiting += map(int, (task / 'children').read_text().split())
            lines = Path(f'/proc/{process}/smaps_rollup').read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith('Pss:'))
        except (OSError, StopIteration):
            # It has ended meanwhile.
            continue
    return total / 1024


def run_score(folder: Path, protocol: str, workers: int, sample: bool = True) -> dict:
    """One run of the command."""
    out = folder / f'scores_{workers}.json'
    command = [
        sys.executable,
        '-m',
        'salkit',
        'score',
        str(folder / 'predictions'),
        str(folder / 'truth'),
        '--protocol',
        protocol,
        '--workers',
        str(workers),
        '--out',
        str(out),
    ]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = [0.0]

    def watch() -> None:
        while process.poll() is None:
            peak[0] = max(peak[0], memory_mib(process.pid))
            time.sleep(2)

    if sample:
        threading.Thread(target=watch, daemon=True).start()
    if process.wait():
        raise SystemExit(f'{" ".join(command)}: status {process.returncode}')
    seconds = time.perf_counter() - start
    content = json.loads(out.read_text())
    frames = content.get('reports', [content])[0]['frames']
    return dict(workers=workers, frames=frames, seconds=seconds, peak_memory_mib=round(peak[0]))


def time_command(frames: int, protocol: str) -> dict:
    """The command with 1 and with 2 workers."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / 'few', Path(folder) / 'many'
        write_data(few, VIDEO + 2, (36, 64), 5)
        write_data(many, frames, (360, 640), 35)
        # The first run fills the caches of the system.
        run_score(few, protocol, 1)
        startup = min(run_score(few, protocol, 1, False)['seconds'] for _ in range(3))
        runs = []
        for workers in (1, 2):
            run = run_score(many, protocol, workers)
            run['frames_per_s'] = round(run['frames'] / run['seconds'], 1)
            run['frames_per_s_running'] = round(run['frames'] / (run['seconds'] - startup), 1)
            run['seconds'] = round(run['seconds'], 2)
            runs.append(run)
    return dict(
        protocol=protocol,
        size='360x640',
        startup_s=round(startup, 2),
        runs=runs,
        speedup=round(runs[1]['frames_per_s'] / runs[0]['frames_per_s'], 2),
        speedup_running=round(runs[1]['frames_per_s_running'] / runs[0]['frames_per_s_running'], 2),
    )


def main(argv: list[str] | None = None) -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--frames', type=int, default=2000, help='of the timed runs')
    parser.add_argument('--protocol', default='exact,dhf1k-matlab', help='one run for each')
    parser.add_argument('--memory', type=int, metavar='FRAMES', help='only measure the memory')
    parser.add_argument('--runs', type=int, default=40, help='timed runs of each function')
    parser.add_argument('--out', type=Path, help='also write the JSON here')
    options = parser.parse_args(argv)
    protocols = options.protocol.split(',')
    if options.memory:
        with tempfile.TemporaryDirectory() as folder:
            write_data(Path(folder), options.memory, (36, 64), 5)
            result = dict(
                protocol=options.protocol,
                size='36x64',
                **run_score(Path(folder), options.protocol, len(os.sched_getaffinity(0))),
            )
    else:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / 'functions.json'
            scoring_functions.main(['--runs', str(options.runs), '--out', str(file)])
            functions = json.loads(file.read_text())
        commands = [time_command(options.frames, protocol) for protocol in protocols]
        result = dict(functions, command=commands, numpy=np.__version__)
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
