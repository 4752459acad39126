"""Predicts one input and writes what is asked for, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...datasets.file_list import list_files
from ...errors import ConfigError, DataError
from ...media.images import IMAGE_SUFFIXES
from ...media.maps import read_density_map, read_fixation_map
from ...utils.folders import check_folder, put_in_place, unfinished_folder
from ...utils.text import check_choice, check_range
from ...version import __version__
from ..maps import SaliencyMaps
from ..outputs import FILE_FORMATS, FORMATS, Truth, save_maps
from ..overlay import OverlayStyle
from ..predictor import SaliencyPredictor
from ..stimulus import open_stimulus
from .inputs import Input
from .record import Record, stimulus_stamp
from .report import FINISHED, PREDICTED, Outcome, submission_name

OVERLAY = 'overlay'
_BAR = (
    '{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} '
    '[{elapsed}<{remaining}, {rate_noinv_fmt}]'
)


@dataclass(frozen=True)
class PredictOptions:
    """What `salkit predict` makes of every input.

    Attributes:
        formats: of the maps, see `save_maps`; with several, each goes to a folder of its own.
        overlay: how overlays look; None for none.
        truth: folder of the ground truth that they show, `<name>/{maps,fixation}`; None for that
            of a data set's folder.
        start, end, fps, stride: see `SaliencyPredictor.predict`.
        allow_truncated: take videos that were cut off for what is left of them.
        force: make anew what was finished before.
        model: identifies the model and its weights, for the records.

    Raises:
        ConfigError: an unknown format, nothing to write, or a number that is not possible.
        DataError: no such folder of ground truth.
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
    model: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.formats:
            check_choice('', 'format', name, FORMATS)
        if not self.formats and self.overlay is None:
            raise ConfigError('nothing to write: neither maps nor an overlay are asked for')
        check_range('', '--speed', self.stride, 1)
        if self.fps is not None and not self.fps > 0:
            raise ConfigError(f'--fps must be above 0, got {self.fps}')
        if self.truth is not None:
            check_folder(self.truth, 'the folder of ground truth')


def predict_one(
    predictor: SaliencyPredictor, source: Input, out: Path, options: PredictOptions, label: str
) -> Outcome:
    """Predict one input, unless that was finished before with the same settings.

    The bar on stderr is called `label`; without one there is none.

    Raises:
        DataError: an input that cannot be read or does not go with the options, or a place that is
            taken by something else.
        OSError: a full disk, for one.
    """
    began = time.monotonic()
    record = Record(out, source.name, source.path)
    places = _places(source, options, record)
    settings = {kind: _settings(kind, predictor, source, options) for kind in places}
    outputs = {kind: str(out / place) for kind, place in places.items()}
    todo = {
        kind: place
        for kind, place in places.items()
        if options.force or not record.is_finished(place, settings[kind])
    }
    if not todo:
        frames = int(record.content.get('frames', 0))
        return Outcome(str(source.path), FINISHED, source.name, frames, 0.0, outputs)
    stimulus = open_stimulus(source.path, options.fps, options.allow_truncated)
    truth = _truth(source, len(stimulus), options) if OVERLAY in todo else None
    maps = predictor.predict(
        stimulus, start=options.start, end=options.end, fps=options.fps, stride=options.stride
    )
    about = dict(
        salkit_version=__version__,
        model=options.model,
        frames=len(maps),
        size=list(stimulus.size),
        fps=round(float(maps.fps), 6),
        names=list(maps.names),
        times=[round(float(at), 6) for at in maps.times],
    )
    with unfinished_folder(out, source.name) as temporary:
        _make(maps, {kind: temporary / todo[kind] for kind in todo}, options, truth, label)
        # Another run may have begun with an input of this name.
        record.read()
        # Should the run be killed among these lines, the next one knows what is its own.
        record.write({place: {} for place in todo.values()}, **about)
        for place in todo.values():
            (out / place).parent.mkdir(exist_ok=True)
            put_in_place(temporary / place, out / place, temporary)
    seconds = round(time.monotonic() - began, 3)
    made = {todo[kind]: dict(frames=len(maps), settings=settings[kind]) for kind in todo}
    record.write(made, **about, seconds=seconds)
    return Outcome(str(source.path), PREDICTED, source.name, len(maps), seconds, outputs)


def _places(source: Input, options: PredictOptions, record: Record) -> dict[str, str]:
    """Paths inside the folder of outputs, by format and 'overlay'; all of them may be written."""
    places = {}
    for kind in options.formats:
        stem = submission_name(source.path) if kind == 'dhf1k' else source.name
        place = f'{stem}.{kind}' if kind in FILE_FORMATS else stem
        places[kind] = place if len(options.formats) == 1 else f'{kind}/{place}'
    if options.overlay is not None:
        is_picture = source.path.suffix.lower() in IMAGE_SUFFIXES and source.path.is_file()
        places[OVERLAY] = f'{source.name}_overlay.{"png" if is_picture else "mp4"}'
    record.check_places(places.values())
    return places


def _settings(
    kind: str, predictor: SaliencyPredictor, source: Input, options: PredictOptions
) -> object:
    """Everything that an output depends on, as it comes back from a JSON file."""
    asked = dataclasses.asdict(options)
    for name in ('formats', 'force', *(['overlay', 'truth'] if kind != OVERLAY else [])):
        del asked[name]
    settings = dict(
        kind=kind,
        source=stimulus_stamp(source.path),
        clips=predictor.settings.to_json(),
        engine=predictor.backend.engine,
        precision=predictor.backend.precision,
        **asked,
    )
    return json.loads(json.dumps(settings, default=str))


def _truth(source: Input, frames: int, options: PredictOptions) -> Truth | None:
    """Reads the ground truth of a video, a map for every frame, where its overlay shows it."""
    style = options.overlay
    if style is None or not (style.fixations or style.side_by_side):
        return None
    folder = source.path if options.truth is None else options.truth / source.name

    def listed(*places: tuple[str, tuple[str, ...]]) -> Sequence[str]:
        for place, suffixes in places:
            files = list_files(folder / place, suffixes) if (folder / place).is_dir() else ()
            if files and len(files) != frames:
                raise DataError(
                    f'{folder / place}: {len(files)} maps of ground truth, expected {frames}, one '
                    f'for each frame of {source.path}'
                )
            if files:
                return files
        raise DataError(
            f'{source.path}: has no ground truth in {folder / places[0][0]}; --truth DIR names '
            f'the folder of {source.name}/maps and {source.name}/fixation'
        )

    dots = ('fixation', IMAGE_SUFFIXES), ('fixation/maps', ('.mat',))
    fixations = listed(*dots) if style.fixations else ()
    densities = listed(('maps', IMAGE_SUFFIXES)) if style.side_by_side else ()

    def read(number: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        fixation_map = read_fixation_map(fixations[number]) if fixations else None
        return fixation_map, read_density_map(densities[number]) if densities else None

    return read


def _make(
    maps: SaliencyMaps,
    paths: dict[str, Path],
    options: PredictOptions,
    truth: Truth | None,
    label: str,
) -> None:
    """Write the outputs, by format and 'overlay', while the model runs once."""
    for path in paths.values():
        path.parent.mkdir(exist_ok=True)
    overlay = paths.get(OVERLAY)
    files = [(path, kind) for kind, path in paths.items() if kind != OVERLAY]
    by_video = options.overlay is not None and options.overlay.normalize == 'video'
    is_kept = overlay is not None and (bool(files) or by_video)
    # How often a frame comes by.
    passes = is_kept + (overlay is not None) + bool(files)
    with tqdm(
        total=len(maps),
        desc=label,
        unit='frames',
        leave=False,
        bar_format=_BAR,
        disable=not label,
    ) as bar:

        def on_frame(count: int) -> None:
            bar.update(count / passes)

        folder = next(iter(paths.values())).parent
        with maps.kept(folder, on_frame) if is_kept else nullcontext(maps) as maps:
            if files:
                save_maps(maps, files, on_frame)
            if overlay is not None:
                maps.overlay(overlay, options.overlay, truth, on_frame)
