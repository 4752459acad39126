"""One call that predicts many inputs: what fails does not stop the others."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from ...errors import ConfigError, SalkitError, one_line, printable
from ...utils.files import is_disk_full
from ...utils.leftovers import remove_leftovers
from ..predictor import SaliencyPredictor
from .inputs import Input
from .one_input import PredictOptions, predict_one
from .report import FAILED, FINISHED, Outcome, PredictReport, count_submission


def prepare_folder(out: Path) -> None:
    """Make the folder of outputs, and remove what killed runs left half-made in it.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f'--out {out}: cannot be written to ({error.strerror})') from error
    remove_leftovers(out)


def predict_inputs(
    predictor: SaliencyPredictor,
    inputs: Sequence[Input],
    out: Path,
    options: PredictOptions,
    failures: Sequence[Outcome] = (),
) -> PredictReport:
    """Predict inputs one after another, with a bar and lines about what fails on stderr.

    `failures` is what `expand_inputs` did not understand, for the report.

    Raises:
        KeyboardInterrupt: as it comes; finished inputs are kept.
    """
    began = time.monotonic()
    report = PredictReport(out, list(failures))
    for number, source in enumerate(inputs):
        try:
            label = f'{number + 1}/{len(inputs)} {printable(source.name)}'
            outcome = predict_one(predictor, source, out, options, label)
        except KeyboardInterrupt:
            _say(f'{number} of {len(inputs)} inputs are done; the same command does the others')
            raise
        # One input of thousands must not stop the others, whatever its error.
        except Exception as error:
            outcome = Outcome(str(source.path), FAILED, source.name, note=_reason(error, out))
            _say(outcome.line)
            if _is_full(error):
                report.outcomes.append(outcome)
                _say(f'the disk is full: {len(inputs) - number - 1} inputs are not tried')
                break
        if outcome.status == FINISHED:
            _say(f'finished before: {printable(str(source.path))} (--force makes it anew)')
        report.outcomes.append(outcome)
    if 'dhf1k' in options.formats:
        folder = out if len(options.formats) == 1 else out / 'dhf1k'
        report.submission = count_submission(folder)
    report.seconds = time.monotonic() - began
    return report


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


def _reason(error: Exception, out: Path) -> str:
    """An error in a line, with final names in place of those of unfinished folders."""
    if isinstance(error, OSError) and error.strerror:
        reason = f'{error.filename or out}: {error.strerror}'
    elif isinstance(error, (SalkitError, OSError)):
        reason = one_line(error)
    else:
        reason = f'{type(error).__name__}: {one_line(error)}'
    return re.sub(r"(?<![^\s/'])\.[^/]+\.unfinished/", '', reason)


def _is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is that of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and is_disk_full(error):
            return True
        error = error.__cause__ or error.__context__
    return False
