"""Draw the loss and the scores of trainings, step by step, from what their work dirs logged.

    python benchmarks/training_curves.py WORK_DIR [WORK_DIR ...] --out curves.png

Of each work dir the latest run is taken (`<time>/vis_data/scalars.json`); several are drawn one
after another, as the steps of one recipe.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

from matplotlib.figure import Figure

from salkit.scoring.plot import COLORS
from salkit.utils.files import whole_file

# By name: (step, value) of every line of the log that has it.
Curves = dict[str, list[tuple[int, float]]]
LOG = 'vis_data/scalars.json'
# Losses differ much from batch to batch.
SMOOTHED = 5


def read_curves(work_dir: Path) -> Curves:
    """The values that the latest run in a work dir logged."""
    logs = sorted(work_dir.glob(f'*/{LOG}'))
    if not logs:
        raise SystemExit(f'{work_dir}: holds no run, expected */{LOG}')
    curves: Curves = defaultdict(list)
    step = 0
    for line in logs[-1].read_text(encoding='utf-8').splitlines():
        values = json.loads(line)
        # A line of validation counts in epochs: it is of the step that was logged last.
        step = values['iter'] if 'loss' in values else step
        for name, value in values.items():
            if isinstance(value, (int, float)):
                curves[name].append((step, value))
    return curves


def smoothed(values: list[float]) -> list[float]:
    """Each value's mean with those before it."""
    parts = (values[max(0, i + 1 - SMOOTHED) : i + 1] for i in range(len(values)))
    return [sum(part) / len(part) for part in parts]


def draw(work_dirs: list[Path], path: Path) -> None:
    """Draw a panel of the losses and one of the scores on the val splits."""
    runs = [read_curves(work_dir) for work_dir in work_dirs]
    figure = Figure(figsize=(7.5, 3.0), layout='constrained')
    left, right = figure.subplots(1, 2)
    start = 0
    for number, (work_dir, curves) in enumerate(zip(work_dirs, runs, strict=True)):
        color = COLORS[1 + number % (len(COLORS) - 1)]
        steps = [start + step for step, _ in curves['loss']]
        left.plot(steps, smoothed([v for _, v in curves['loss']]), color=color, label=work_dir.name)
        scores = curves.get('CC', [])
        right.plot([start + s for s, _ in scores], [v for _, v in scores], '.-', color=color)
        start = steps[-1]
    left.set_title('loss of the training split', fontsize='medium', loc='left')
    right.set_title('CC on the val splits', fontsize='medium', loc='left')
    for axis in (left, right):
        axis.set_xlabel('step')
        axis.grid(axis='y', alpha=0.3)
    left.legend(fontsize='small')
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=100, format='png')


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('work_dirs', nargs='+', type=Path, metavar='WORK_DIR')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.png')
    args = parser.parse_args()
    draw(args.work_dirs, args.out)
    print(args.out)


if __name__ == '__main__':
    main()
