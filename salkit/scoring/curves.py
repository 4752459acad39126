"""Curves of trainings: what runs have logged, as one picture."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, DataError
from ..utils.files import whole_file
from ..utils.text import nearest_names
from .plot import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOG = 'vis_data/scalars.json'
FORMATS = ('.png', '.svg')
# What is neither a loss, a score nor anything else to look at.
_COUNTS = ('epoch', 'iter', 'step', 'videos', 'frames', 'memory')
# Drawn where no keys are asked for and the runs have logged them.
_USUAL = ('loss', 'CC', 'lr')
_COLUMNS = 3

# By name: the step and value of each point.
Curve = list[tuple[int, float]]


class RunLog:
    """What the sessions of one run have logged, joined.

    A session that resumed the run replaces what an earlier one logged from its first step on.

    Args:
        folder: the work dir of the run, with a `<time>/vis_data/scalars.json` a session.

    Attributes:
        name: of the folder.
        curves: by name, the points in the order of their steps.
        validated: names of what was measured on the validation set.

    Raises:
        DataError: the folder holds no log, or one that cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        logs = sorted(folder.glob(f'*/{LOG}'))
        if not logs:
            raise DataError(
                f'{folder}: holds no log of a training, expected the work dir of a run with '
                f'<time>/{LOG} in it'
            )
        self.name = folder.resolve().name
        self.curves: dict[str, Curve] = {}
        self.validated: set[str] = set()
        for log in logs:
            self._join(log)
        if not self.curves:
            raise DataError(f'{folder}: its logs hold no step yet')

    def _join(self, log: Path) -> None:
        lines = _lines(log)
        first = min((step for step, _, _ in lines), default=math.inf)
        self.curves = {
            name: [point for point in points if point[0] < first]
            for name, points in self.curves.items()
        }
        for step, values, is_validation in lines:
            for name, value in values.items():
                # Training has a time of its own.
                if is_validation and name in ('time', 'data_time'):
                    continue
                self.curves.setdefault(name, []).append((step, value))
                if is_validation:
                    self.validated.add(name)


def _lines(log: Path) -> list[tuple[int, dict[str, float], bool]]:
    """Of each line of a log: its step, its numbers, and whether a validation wrote it."""
    found, last = [], 0
    text = log.read_text(encoding='utf-8', errors='replace')
    for number, line in enumerate(text.splitlines(), 1):
        try:
            content = json.loads(line)
            step, is_validation = int(content['step']), 'iter' not in content
            values = {
                name: float(value)
                for name, value in content.items()
                if isinstance(value, (int, float)) and name not in _COUNTS
            }
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            if number == text.count('\n') + 1:
                # The last line of a run that was killed while it wrote it.
                break
            raise DataError(
                f'{log}, line {number}: expected a JSON object with a step, got {line[:60]!r}'
            ) from error
        # Logs may count validations in epochs: they are of the step before.
        last = max(step, last) if is_validation else step
        found.append((last, values, is_validation))
    return found


def plot_runs(
    folders: Sequence[str | Path], path: str | Path, keys: Sequence[str] = ()
) -> list[str]:
    """Draw the curves of runs, a panel a key and a color a run, as PNG or SVG.

    Points of a validation are marked. The file is either complete or not there.

    Args:
        folders: work dirs of runs.
        path: of the picture; its folder is made where it does not exist.
        keys: what to draw, as logs call it; else the loss, CC and the learning rate.

    Returns:
        The keys that were drawn.

    Raises:
        ConfigError: a picture that is neither PNG nor SVG; a key that no run has logged.
        DataError: see `RunLog`.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f'{path}: the name of the picture should end in {" or ".join(FORMATS)}')
    runs = [RunLog(folder) for folder in folders]
    if len({run.name for run in runs}) < len(runs):
        # Seeds of a config, each below a folder of its own.
        for run, folder in zip(runs, folders, strict=True):
            run.name = str(folder)
    logged = list(dict.fromkeys(name for run in runs for name in run.curves))
    for key in keys:
        if key not in logged:
            raise ConfigError(f'no run has logged {key!r}; {nearest_names(key, logged)}')
    keys = list(dict.fromkeys(keys)) or [key for key in _USUAL if key in logged] or logged[:1]
    _draw(runs, keys, path)
    return keys


def _draw(runs: Sequence[RunLog], keys: Sequence[str], path: Path) -> None:
    # Heavy, and only for pictures.
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(keys))
    rows = math.ceil(len(keys) / columns)
    figure = Figure(figsize=(max(5.0, 3.6 * columns), 2.9 * rows + 0.4), layout='constrained')
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for axis, key in zip(axes, keys, strict=False):
        _panel(axis, key, runs)
    for axis in axes[len(keys) :]:
        axis.set_axis_off()
    # A run's name may begin with an underscore, which would hide it, or hold a formula's dollar.
    handles = [axes[0].plot([], [], color=_color(number))[0] for number in range(len(runs))]
    legend = figure.legend(
        handles,
        [run.name for run in runs],
        loc='outside upper left',
        fontsize='small',
        ncols=min(len(runs), columns),
        frameon=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    # The same runs give the same file; text stays text.
    settings = {'svg.hashsalt': 'salkit', 'svg.fonttype': 'none'}
    with whole_file(path) as temporary, matplotlib.rc_context(settings):
        kind = path.suffix.lower()[1:]
        metadata = {'Date': None} if kind == 'svg' else None
        figure.savefig(temporary, dpi=120, format=kind, metadata=metadata)


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]


def _panel(axis: Axes, key: str, runs: Sequence[RunLog]) -> None:
    """One key of all runs that have it."""
    validated = any(key in run.validated for run in runs)
    for number, run in enumerate(runs):
        points = run.curves.get(key, [])
        style = ('-', '--', ':')[number // len(COLORS) % 3]
        marker = 'o' if key in run.validated or len(points) == 1 else ''
        steps, values = [step for step, _ in points], [value for _, value in points]
        axis.plot(steps, values, style, color=_color(number), lw=1.3, marker=marker, ms=3.5)
    axis.set_title(
        f'{key}, validation' if validated else key, fontsize='medium', loc='left', parse_math=False
    )
    axis.set_xlabel('step', fontsize='small')
    axis.tick_params(labelsize='small', labelbottom=True)
    axis.grid(alpha=0.25)
    axis.spines[['top', 'right']].set_visible(False)
    # A formatter that is a function; else learning rates get a power of ten above the panel.
    axis.yaxis.set_major_formatter(lambda value, _: f'{value:.4g}')
