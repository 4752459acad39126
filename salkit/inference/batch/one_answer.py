"""Makes all outputs that a command has of one input, unless that was done before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...utils.folders import put_in_place, unfinished_folder
from .inputs import Input
from .record import Record
from .report import FINISHED, PREDICTED, Outcome


@dataclass(frozen=True)
class Answer:
    """What a command makes of an input, other than maps.

    Attributes:
        record: of the input by this command; it holds the numbers, too.
        wanted: names of the outputs inside of the folder of outputs.
        possible: all names that the command may give to outputs of this input.
        settings: everything that they depend on, as plain values or what `str` tells apart.
    """

    record: Record
    wanted: Sequence[str]
    possible: Sequence[str]
    settings: Mapping[str, object]


def make_answer(
    answer: Answer,
    source: Input,
    make: Callable[[Path], Mapping[str, object]],
    is_forced: bool = False,
) -> Outcome:
    """Make the outputs, all whole or none, and record how.

    What was made of the input with other settings goes, so that no output lies beside those of
    another run.

    Args:
        answer: what is made.
        source: the input.
        make: writes all wanted outputs into a folder, and gives what the record says of them, with
            `frames`, the number of frames.
        is_forced: also what was finished before.

    Raises:
        DataError: see `Record.check_places`, and what `make` raises.
        OSError: a full disk, for one.
    """
    record, wanted = answer.record, answer.wanted
    record.check_places(wanted)
    settings = json.loads(json.dumps(answer.settings, default=str))
    outputs = {name: str(record.out / name) for name in wanted}
    status = FINISHED
    if is_forced or not all(record.is_finished(name, settings) for name in wanted):
        status = PREDICTED
        with unfinished_folder(record.out, record.path.stem) as temporary:
            about = make(temporary)
            # Another run may have begun with an input of this name.
            record.read()
            # Should the run be killed among these lines, the next one knows what is its own.
            record.write({name: {} for name in wanted}, **about)
            for name in wanted:
                put_in_place(temporary / name, record.out / name, temporary)
        for name in answer.possible:
            entry = record.outputs.get(name)
            if name not in wanted and entry is not None and entry.get('settings') != settings:
                (record.out / name).unlink(missing_ok=True)
        record.write({name: dict(settings=settings) for name in wanted}, **about)
    frames = record.content.get('frames')
    count = frames if isinstance(frames, int) else 0
    return Outcome(str(source.path), status, source.name, count, 0.0, outputs)
