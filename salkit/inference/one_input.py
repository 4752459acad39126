"""Predicts one input and writes what is asked for, whole or not at all."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, DataError
from ..utils.folders import put_in_place, unfinished_folder
from ..version import __version__
from .inputs import Input
from .outputs import FILE_FORMATS, FORMATS, save_maps
from .record import FOREIGN, Record, stamp_of, stimulus_stamp
from .stimulus import Stimulus, open_stimulus
from .submission import submission_name
from .truth import StimulusTruth

if TYPE_CHECKING:
    from .maps import SaliencyMaps
    from .overlay import OverlayStyle
    from .predictor import SaliencyPredictor

# Called with a share of a frame's work, each time that it is done.
Advance = Callable[[float], Any]


@dataclass(frozen=True)
class PredictOptions:
    """What `salkit predict` makes of every input.

    Attributes:
        formats: of the maps, see `open_output`; with several, each goes to a folder of its own.
        overlay: how overlays look; None for none.
        truth: folder with a folder of ground truth for each input, for overlays that show it; None
            for what lies in data sets' folders themselves.
        start: seconds, see `SaliencyPredictor.predict`.
        end: likewise.
        fps: likewise.
        stride: likewise.
        allow_truncated: take videos that were cut off for what is left of them.
        force: make anew what was finished before.
        model: tells the model and its weights, for the records.

    Raises:
        ConfigError: an unknown format, or nothing to write.
    """

    formats: tuple[str, ...] = ('png',)
    overlay: OverlayStyle | None = None
    truth: Path | None = None
    start: float | None = None
    end: float | None = None
    fps: float | None = None
    stride: int = 1
    allow_truncated: bool = False
    force: bool = False
    model: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.formats:
            if name not in FORMATS:
                raise ConfigError(f'format must be one of {", ".join(FORMATS)}, got {name!r}')
        if not self.formats and self.overlay is None:
            raise ConfigError('nothing to write: neither maps nor an overlay are asked for')

    @property
    def needs_fixations(self) -> bool:
        """Whether overlays show fixations."""
        return self.overlay is not None and self.overlay.fixations

    @property
    def needs_densities(self) -> bool:
        """Whether overlays show density maps."""
        return self.overlay is not None and self.overlay.side_by_side


@dataclass
class Made:
    """What was made of an input.

    Attributes:
        outputs: files and folders by format, 'overlay' for that.
        frames: frames that have a map.
        made: whether anything was made now, or all was finished before.
        seconds: that it took.
    """

    outputs: dict[str, Path]
    frames: int
    made: bool
    seconds: float = 0.0


def planned_outputs(source: Input, options: PredictOptions) -> dict[str, str]:
    """Paths inside the folder of outputs, by format and 'overlay'.

    Raises:
        DataError: an input that does not go with a format.
    """
    planned = {}
    for name in options.formats:
        stem = submission_name(source.path) if name == 'dhf1k' else source.name
        place = f'{stem}.{name}' if name in FILE_FORMATS else stem
        planned[name] = place if len(options.formats) == 1 else f'{name}/{place}'
    if options.overlay is not None:
        planned['overlay'] = f'{source.name}_overlay.{"png" if source.is_picture else "mp4"}'
    return planned


def truth_folder(source: Input, options: PredictOptions) -> Path | None:
    """Where the ground truth of an input lies, where overlays show it.

    Raises:
        DataError: nowhere.
    """
    if not (options.needs_fixations or options.needs_densities):
        return None
    if options.truth is None:
        if source.truth_folder is None:
            raise DataError(
                f'{source.path}: has no ground truth beside it: no maps/ or fixation/; --truth DIR '
                f'names the folder that holds {source.name}/maps and {source.name}/fixation'
            )
        return source.truth_folder
    folder = options.truth / source.name
    if not folder.is_dir():
        raise DataError(f'{folder}: the folder of ground truth of {source.path} does not exist')
    return folder


def predict_one(
    predictor: SaliencyPredictor,
    source: Input,
    out: Path,
    options: PredictOptions,
    advance: Advance = lambda share: None,
    expect: Callable[[int], Any] = lambda frames: None,
) -> Made:
    """Predict one input, unless that was finished before with the same settings.

    Args:
        predictor: the model.
        source: the input.
        out: folder of the outputs and of the record.
        options: what to make.
        advance: called with shares of frames that are done.
        expect: called with the number of frames, once that is known.

    Raises:
        DataError: an input that cannot be read or does not go with the options, or a place that is
            taken by something else.
        OSError: a full disk, for one.
    """
    began = time.monotonic()
    planned = planned_outputs(source, options)
    record = Record(out, source.name)
    _check_places(source, out, planned, record)
    truth_place = truth_folder(source, options)
    settings = {
        name: _settings(predictor, source, options, truth_place if name == 'overlay' else None)
        | (dict(style=dataclasses.asdict(options.overlay)) if name == 'overlay' else {})
        for name in planned
    }
    places = {name: out / place for name, place in planned.items()}
    todo = {
        name: place
        for name, place in planned.items()
        if options.force or not record.is_finished(place, settings[name])
    }
    if not todo:
        frames = int(record.content.get('frames', 0))
        return Made(places, frames, made=False)
    if source.path.is_file() and not source.path.stat().st_size:
        raise DataError(f'{source.path}: the file is empty')
    stimulus = open_stimulus(source.path, options.fps, options.allow_truncated)
    truth = None
    if truth_place is not None and 'overlay' in todo:
        wanted = options.needs_fixations, options.needs_densities
        truth = StimulusTruth(truth_place, stimulus, *wanted)
    maps = predictor.predict(
        stimulus, start=options.start, end=options.end, fps=options.fps, stride=options.stride
    )
    expect(len(maps))
    with unfinished_folder(out, source.name) as temporary:
        try:
            _make(maps, todo, temporary, options, truth, advance)
        except (DataError, OSError) as error:
            raise _with_final_names(error, temporary, out) from error
        entries = {
            place: dict(
                format=name,
                frames=len(maps),
                settings=settings[name],
                **(_submission_entry(place, stimulus) if name == 'dhf1k' else {}),
            )
            for name, place in todo.items()
        }
        about = _about(source, maps, stimulus, options)
        # Should the run be killed among these lines, the next one knows what is its own.
        record.write(_finished(entries, False), **about)
        for place in todo.values():
            (out / place).parent.mkdir(exist_ok=True)
            put_in_place(temporary / place, out / place, temporary)
    seconds = time.monotonic() - began
    record.write(_finished(entries, True), **about, seconds=round(seconds, 3))
    return Made(places, len(maps), made=True, seconds=seconds)


def _check_places(source: Input, out: Path, planned: dict[str, str], record: Record) -> None:
    stimulus = source.path.resolve()
    for place in planned.values():
        path = out / place
        real = path.resolve()
        if real == stimulus or real in stimulus.parents or stimulus in real.parents:
            raise DataError(f'{path}: would take the place of what is read; choose another --out')
        if os.path.lexists(path) and not record.owns(place):
            raise DataError(f'{path}: {FOREIGN}')


def _settings(
    predictor: SaliencyPredictor, source: Input, options: PredictOptions, truth: Path | None
) -> dict[str, Any]:
    """Everything that the values of an output depend on."""
    settings = dict(
        source=stimulus_stamp(source.path),
        model=options.model,
        clips=predictor.settings.to_json(),
        precision=getattr(predictor.backend, 'precision', None),
        **{name: getattr(options, name) for name in ('start', 'end', 'fps', 'stride')},
        allow_truncated=options.allow_truncated,
    )
    if truth is not None:
        folders = (truth / 'maps', truth / 'fixation', truth / 'fixation' / 'maps')
        settings['truth'] = [stamp_of(folder) for folder in folders if folder.is_dir()]
    return settings


def _make(
    maps: SaliencyMaps,
    todo: dict[str, str],
    temporary: Path,
    options: PredictOptions,
    truth: StimulusTruth | None,
    advance: Advance,
) -> None:
    for place in todo.values():
        (temporary / place).parent.mkdir(exist_ok=True)
    written = [(temporary / place, name) for name, place in todo.items() if name != 'overlay']
    if 'overlay' not in todo:
        save_maps(maps, written, advance)
        return
    share = 1 / (2 + bool(written))

    def step(count: int) -> None:
        advance(share * count)

    with maps.kept(temporary, step) as kept:
        if written:
            save_maps(kept, written, step)
        kept.overlay(temporary / todo['overlay'], options.overlay, truth, step)


def _with_final_names(error: Exception, temporary: Path, out: Path) -> Exception:
    """The error without the hidden folder in its message."""
    if not isinstance(error, OSError):
        return type(error)(str(error).replace(str(temporary), str(out)))
    if not error.errno:
        return OSError(str(error).replace(str(temporary), str(out)))
    name = str(error.filename or out).replace(str(temporary), str(out))
    return OSError(error.errno, error.strerror, name)


def _finished(entries: dict[str, dict[str, Any]], whether: bool) -> dict[str, dict[str, Any]]:
    return {place: dict(entry, finished=whether) for place, entry in entries.items()}


def _submission_entry(place: str, stimulus: Stimulus) -> dict[str, Any]:
    return dict(submission=Path(place).name, stimulus_frames=len(stimulus))


def _about(
    source: Input, maps: SaliencyMaps, stimulus: Stimulus, options: PredictOptions
) -> dict[str, Any]:
    return dict(
        salkit_version=__version__,
        source=str(source.path),
        model=options.model,
        frames=len(maps),
        size=list(stimulus.size),
        fps=round(float(maps.fps), 6),
        names=list(maps.names),
        times=[round(float(at), 6) for at in maps.times],
    )
