"""One call that predicts many inputs: what fails does not stop the others."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tqdm import tqdm

from ...errors import ConfigError, SalkitError, one_line, printable
from ...utils.files import is_disk_full
from ...utils.folders import check_folder_place
from ...utils.leftovers import remove_leftovers
from ...utils.ray_tasks import ray_session, run_on_ray
from ..predictor import SaliencyPredictor
from .inputs import Input
from .one_input import PredictOptions, predict_one
from .report import FAILED, FINISHED, Outcome, PredictReport, count_submission


def prepare_folder(out: Path) -> None:
    """Make the folder of outputs, and remove what killed runs left half-made in it.

    Raises:
        ConfigError: it cannot be made.
    """
    check_folder_place('--out', out)
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
    report.outcomes += attempt_inputs(
        inputs, out, lambda source, label: predict_one(predictor, source, out, options, label)
    )
    _close(report, options, began)
    return report


def attempt_inputs(
    inputs: Sequence[Input], out: Path, work: Callable[[Input, str], Outcome]
) -> list[Outcome]:
    """Work on inputs one after another, with lines about what fails on stderr.

    Args:
        inputs: to work on; a full disk ends the list.
        out: folder of the outputs.
        work: does it, given an input and what its bar is called.

    Raises:
        KeyboardInterrupt: as it comes; finished inputs are kept.
    """
    outcomes = []
    for number, source in enumerate(inputs):
        label = f'{number + 1}/{len(inputs)} {printable(source.name)}'
        try:
            outcome, is_full = _attempt(work, source, out, label)
        except KeyboardInterrupt:
            _say_what_is_done(number, inputs)
            raise
        outcomes.append(outcome)
        _tell(outcome)
        if is_full:
            _say(f'the disk is full: {len(inputs) - number - 1} inputs are not tried')
            break
    return outcomes


def predict_on_ray(
    job: PredictJob,
    inputs: Sequence[Input],
    address: str,
    workers: int | None = None,
    gpus: bool = True,
    failures: Sequence[Outcome] = (),
) -> PredictReport:
    """Predict inputs as `predict_inputs` does, several at once, with one bar for all of them.

    Args:
        job: what every worker opens once.
        inputs: on a disk that all machines see at the same paths, as the folder of outputs is.
        address: see `ray_session`, as for the next two.
        workers: the same.
        gpus: the same.
        failures: see `predict_inputs`.

    Raises:
        SalkitError: no Ray there, or a model that cannot be opened.
        KeyboardInterrupt: as it comes; finished inputs are kept.
    """
    began = time.monotonic()
    outcomes: dict[int, Outcome] = {}
    try:
        with (
            ray_session(address, workers, gpus) as places,
            tqdm(total=len(inputs), desc='inputs', unit='inputs', leave=False) as bar,
        ):

            def take(result: tuple[int, Outcome, bool]) -> None:
                number, outcomes[number], is_full = result
                _tell(outcomes[number])
                bar.update()
                if is_full:
                    raise _DiskFull

            def died(task: tuple[int, Input]) -> None:
                number, source = task
                note = 'its workers died each time, perhaps for want of memory'
                take((number, Outcome(str(source.path), FAILED, source.name, note=note), False))

            run_on_ray(_predict_task, list(enumerate(inputs)), job, places, take, died)
    except _DiskFull:
        _say(f'the disk is full: {len(inputs) - len(outcomes)} inputs are not tried')
    except KeyboardInterrupt:
        _say_what_is_done(len(outcomes), inputs)
        raise
    finally:
        # Of workers that were ended.
        remove_leftovers(job.out)
    report = PredictReport(job.out, [*failures, *(outcomes[number] for number in sorted(outcomes))])
    _close(report, job.options, began)
    return report


@dataclass
class PredictJob:
    """What a worker of Ray predicts with.

    Attributes:
        open_model: gives the predictor, and what identifies its model, for the records.
        out: folder of the outputs.
        options: of every input; `model` is filled in by the worker.
    """

    open_model: Callable[[], tuple[SaliencyPredictor, dict[str, object]]]
    out: Path
    options: PredictOptions

    @cached_property
    def opened(self) -> tuple[SaliencyPredictor, PredictOptions]:
        """The model and the options with it; opened once in a process."""
        # What a worker that died has left on this machine.
        remove_leftovers(self.out)
        predictor, model = self.open_model()
        return predictor, replace(self.options, model=model)


class _DiskFull(Exception):
    """Ends the run of all workers."""


def _predict_task(task: tuple[int, Input], job: PredictJob) -> tuple[int, Outcome, bool]:
    number, source = task
    predictor, options = job.opened

    def work(source: Input, label: str) -> Outcome:
        return predict_one(predictor, source, job.out, options, label)

    return number, *_attempt(work, source, job.out, label='')


def _attempt(
    work: Callable[[Input, str], Outcome], source: Input, out: Path, label: str
) -> tuple[Outcome, bool]:
    """What became of an input, and whether the disk is full."""
    try:
        return work(source, label), False
    # One input of thousands must not stop the others, whatever its error.
    except Exception as error:
        outcome = Outcome(str(source.path), FAILED, source.name, note=_reason(error, out))
        return outcome, _is_full(error)


def _tell(outcome: Outcome) -> None:
    if outcome.status == FAILED:
        _say(outcome.line)
    if outcome.status == FINISHED:
        _say(f'finished before: {printable(outcome.source)} (--force makes it anew)')


def _close(report: PredictReport, options: PredictOptions, began: float) -> None:
    """Fill in what is known at the end."""
    if 'dhf1k' in options.formats:
        folder = report.out if len(options.formats) == 1 else report.out / 'dhf1k'
        report.submission = count_submission(folder)
    report.seconds = time.monotonic() - began


def _say_what_is_done(number: int, inputs: Sequence[Input]) -> None:
    _say(f'{number} of {len(inputs)} inputs are done; the same command does the others')


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
