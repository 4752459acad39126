"""One call that predicts many inputs: what fails does not stop the others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, SalkitError, one_line
from ..utils.files import is_disk_full, whole_file
from ..utils.folders import remove_leftovers
from ..version import __version__
from .inputs import Input, expected_frames
from .one_input import PredictOptions, predict_one
from .submission import Submission, check_submission

if TYPE_CHECKING:
    from .predictor import SaliencyPredictor

PREDICTED, FINISHED, FAILED, NOT_TRIED = 'predicted', 'finished before', 'failed', 'not tried'
# Errors after which all other inputs would fail, too.


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        source: path, or what the user named where that is nothing to predict on.
        status: 'predicted', 'finished before', 'failed' or 'not tried'.
        name: of its outputs.
        frames: that have a map.
        seconds: taken.
        outputs: paths by format, 'overlay' for that.
        note: why it failed.
    """

    source: str
    status: str
    name: str = ''
    frames: int = 0
    seconds: float = 0.0
    outputs: dict[str, str] = field(default_factory=dict)
    note: str = ''

    @property
    def line(self) -> str:
        """For a terminal."""
        told = self.note if self.source in self.note else f'{self.source}: {self.note}'
        return f'{self.status}: {told}'


@dataclass
class PredictReport:
    """What a call did.

    Attributes:
        out: folder of the outputs.
        outcomes: by input, in order.
        seconds: in all.
        submission: what there is of a DHF1K submission, where one is being made.
    """

    out: Path
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    submission: Submission | None = None

    def of(self, status: str) -> list[Outcome]:
        """The inputs of a status."""
        return [outcome for outcome in self.outcomes if outcome.status == status]

    @property
    def failures(self) -> list[Outcome]:
        """Inputs that could not be predicted, or were not tried for a full disk."""
        return self.of(FAILED) + self.of(NOT_TRIED)

    def summary(self) -> str:
        """One line for a terminal."""
        made, parts = self.of(PREDICTED), []
        if made:
            frames, seconds = sum(o.frames for o in made), sum(o.seconds for o in made)
            rate = f' ({frames / seconds:.1f} frames/s)' if seconds else ''
            parts.append(f'{len(made)} predicted: {frames:,} frames in {seconds:.1f} s{rate}')
        for status in (FINISHED, FAILED, NOT_TRIED):
            if self.of(status):
                parts.append(f'{len(self.of(status))} {status}')
        return f'{"; ".join(parts)}; in {self.out}'

    def write(self, path: str | Path) -> None:
        """Write everything as JSON."""
        content = dict(
            salkit_version=__version__,
            out=str(self.out),
            counts={s: len(self.of(s)) for s in (PREDICTED, FINISHED, FAILED, NOT_TRIED)},
            seconds=round(self.seconds, 3),
            inputs=[vars(outcome) for outcome in self.outcomes],
            dhf1k=None if self.submission is None else self.submission.to_json(),
        )
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')


def prepare_folder(out: Path) -> None:
    """Make the folder of outputs, and try whether it can be written to.

    Raises:
        ConfigError: it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out)
        with whole_file(out / '.writable') as temporary:
            temporary.touch()
        (out / '.writable').unlink()
    except OSError as error:
        reason = 'it is a file' if out.is_file() else error.strerror or one_line(error)
        raise ConfigError(f'--out {out}: cannot be written to ({reason})') from error


def predict_inputs(
    predictor: SaliencyPredictor,
    inputs: Sequence[Input],
    out: Path,
    options: PredictOptions,
    *,
    failures: Sequence[tuple[str, str]] = (),
    progress: bool = True,
    tell: Callable[[str], Any] | None = None,
) -> PredictReport:
    """Predict inputs one after another.

    Args:
        predictor: the model.
        inputs: see `expand_inputs`.
        out: folder of the outputs.
        options: what to make.
        failures: what `expand_inputs` did not understand, for the report.
        progress: show a bar on stderr.
        tell: called with a line about each input that was finished before or failed; None writes
            them to stderr.

    Raises:
        ConfigError: a folder that cannot be written to.
        KeyboardInterrupt: as it comes; finished inputs are kept.
    """
    began = time.monotonic()
    prepare_folder(out)
    report = PredictReport(out, [Outcome(text, FAILED, note=note) for text, note in failures])
    with _Bar([expected_frames(source) for source in inputs], progress) as bar:
        tell = tell or bar.write
        for number, source in enumerate(inputs):
            bar.start(number, source.name)
            try:
                outcome, full = _outcome(predictor, source, out, options, bar)
            except KeyboardInterrupt:
                if len(inputs) > 1:
                    tell(
                        f'{number} of {len(inputs)} inputs are done; the same command goes on from '
                        'there'
                    )
                raise
            report.outcomes.append(outcome)
            bar.done(outcome.frames if outcome.status == PREDICTED else 0)
            if outcome.status == FAILED:
                tell(outcome.line)
            elif outcome.status == FINISHED:
                tell(f'finished before: {source.path} (--force makes it anew)')
            if full:
                report.outcomes += [
                    Outcome(str(other.path), NOT_TRIED, other.name, note='the disk is full')
                    for other in inputs[number + 1 :]
                ]
                break
    if 'dhf1k' in options.formats:
        folder = out if len(options.formats) == 1 else out / 'dhf1k'
        report.submission = check_submission(folder, out)
    report.seconds = time.monotonic() - began
    return report


def _outcome(
    predictor: SaliencyPredictor, source: Input, out: Path, options: PredictOptions, bar: _Bar
) -> tuple[Outcome, bool]:
    """What becomes of an input, and whether the disk is full."""
    try:
        made = predict_one(predictor, source, out, options, bar.advance, bar.expect)
    except (SalkitError, OSError) as error:
        note = _reason(error)
        return Outcome(str(source.path), FAILED, source.name, note=note), _is_full(error)
    except Exception as error:
        # One input of thousands must not stop the others.
        note = f'{type(error).__name__}: {one_line(error)}'
        return Outcome(str(source.path), FAILED, source.name, note=note), _is_full(error)
    status = PREDICTED if made.made else FINISHED
    outputs = {name: str(path) for name, path in made.outputs.items()}
    return Outcome(
        str(source.path), status, source.name, made.frames, round(made.seconds, 3), outputs
    ), False


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f'{error.filename}: {error.strerror}' if error.filename else error.strerror
    return one_line(error)


def _is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, tells of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and is_disk_full(error):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Bar:
    """A bar of frames over all inputs, whose lengths become known one by one.

    Args:
        frames: of each input, as far as they can be told.
        shown: on stderr.
    """

    def __init__(self, frames: list[int], shown: bool) -> None:
        self._frames = frames
        self._shown = shown
        self._at, self._before, self._done = 0, 0, 0.0

    def __enter__(self) -> _Bar:
        from tqdm import tqdm

        self._bar = tqdm(
            total=sum(self._frames),
            desc='predict',
            smoothing=0.05,
            unit='frames',
            disable=not self._shown,
            # Parts of frames are counted.
            bar_format='{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} '
            '[{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]',
        )
        return self

    def __exit__(self, *exception: Any) -> None:
        self._bar.close()

    def write(self, line: str) -> None:
        """Write a line above the bar."""
        import sys

        self._bar.write(line, file=sys.stderr)

    def start(self, at: int, name: str) -> None:
        """Begin with an input."""
        self._at, self._before, self._done = at, sum(self._frames[:at]), 0.0
        self._bar.set_postfix_str(name, refresh=False)

    def expect(self, frames: int) -> None:
        """Correct the number of frames of this input."""
        self._frames[self._at] = frames
        self._bar.total = sum(self._frames)

    def advance(self, share: float) -> None:
        """Count frames, or parts of them."""
        # Parts do not add up to the last digit.
        self._done = min(self._done + share, self._frames[self._at])
        self._bar.update(self._before + self._done - self._bar.n)

    def done(self, frames: int) -> None:
        """Be through with an input of which so many frames were predicted now."""
        self.expect(frames)
        self.advance(frames - self._done)
        self._bar.refresh()
