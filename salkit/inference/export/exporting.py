"""From a config and its weights to one checked file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from ...checkpoints import locate
from ...config.load import load_config
from ...errors import CheckpointError, ConfigError, ShapeError
from ...media.clips import ClipSettings
from ...models import SaliencyModel
from ...models.load import build_model
from ...plugin import plugins_of
from ...utils.files import sha256_of
from ...utils.folders import unfinished_folder
from ...version import __version__
from ..backends.metadata import ExportMetadata, sized
from ..backends.onnx import OnnxBackend
from ..backends.torch import settings_of
from .agreement import Agreement, compare, random_clips
from .graph import export_errors, trace
from .onnx_file import OPSETS, check_installed, to_onnx, write_onnx

# Largest difference to the model: of any value in float32, as a share of the maps' range in
# float16. docs/export.md says what was measured.
TOLERANCES = {'float32': 1e-4, 'float16': 2e-2}


@dataclass(frozen=True)
class ExportOptions:
    """What a file is made like.

    Attributes:
        half: compute in float16.
        dynamic_batch: take any number of clips at once; otherwise one.
        size: (rows, columns) of the clips, where it is not to be that of the config's test set.
        opset: version of the ONNX operators; None for the exporter's choice.
        options: overrides of the config.
        tolerance: largest difference allowed; of any value, with `half` as a share of the maps'
            range. None for 1e-4 and 2e-2.

    Raises:
        ConfigError: an opset or tolerance out of range.
    """

    half: bool = False
    dynamic_batch: bool = False
    size: tuple[int, int] | None = None
    opset: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if self.opset is not None and self.opset not in OPSETS:
            raise ConfigError(f'--opset must be {OPSETS[0]} to {OPSETS[-1]}, got {self.opset}')
        if self.tolerance is not None and not self.tolerance > 0:
            raise ConfigError(f'--tolerance must be above 0, got {self.tolerance}')

    @property
    def precision(self) -> str:
        """What is computed in."""
        return 'float16' if self.half else 'float32'


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        path: the file to open.
        files: all files, its own last.
        metadata: what the file says about itself.
        agreement: how far it is from the model.
        opset: version of the ONNX operators.
    """

    path: Path
    files: tuple[Path, ...]
    metadata: ExportMetadata
    agreement: Agreement
    opset: int

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)


def _check_out(out: str | Path) -> Path:
    """The path of a file to export to.

    Raises:
        ConfigError: a folder, or a name that does not end in .onnx.
    """
    out = Path(out)
    if out.suffix == '.pt2':
        raise ConfigError(
            f'{out}: .pt2 is not written any more, since loading such a file can run code; '
            'expected a name that ends in .onnx'
        )
    if out.suffix != '.onnx':
        raise ConfigError(f'{out}: expected a name that ends in .onnx')
    if out.is_dir():
        raise ConfigError(f'{out}: expected the name of a file, this is a folder')
    return out


def _put(files: list[Path], out: Path) -> tuple[Path, ...]:
    """Move files that belong together beside `out`, the one to be opened last."""
    if len(files) > 1:
        # An earlier graph must not be found beside the new weights.
        out.unlink(missing_ok=True)
    for path in files:
        os.replace(path, out.parent / path.name)
    return tuple(out.parent / path.name for path in files)


def _settings(cfg: Config, model: SaliencyModel, size: tuple[int, int] | None) -> ClipSettings:
    settings, _ = settings_of(cfg, model)
    settings = dataclasses.replace(settings, size=size or settings.size)
    sized(settings)
    return settings


@torch.no_grad()
def _reference(
    model: SaliencyModel, settings: ClipSettings, batches: tuple[int, ...]
) -> list[np.ndarray]:
    """The model's maps of the clips that the file will be checked with."""
    clips = random_clips(settings, batches)
    try:
        return [model(torch.from_numpy(clip)).numpy() for clip in clips]
    except ShapeError as error:
        raise ConfigError(f'{settings.name}: cannot be exported at this size: {error}') from error


def export_model(
    config: str | Path,
    checkpoint: str | Path | None,
    out: str | Path,
    export: ExportOptions | None = None,
    *,
    on_step: Callable[[str], object] = lambda step: None,
    **options: Any,
) -> Export:
    """Export the model of a config as ONNX and check the file against it.

    The file takes `clip` (B, 3, T, H, W) float32, normalized, and gives `saliency_map` (B, H, W)
    float32, before resizing to the frame and blurring. It appears under its name only when it
    agrees with the model.

    Args:
        config: file or name.
        checkpoint: what `salkit.build_model` takes; None for random weights, for trials.
        out: the .onnx file to write.
        export: what it is made like.
        on_step: called with what begins, in words.
        options: of `ExportOptions`, in place of `export`.

    Returns:
        What was written.

    Raises:
        ConfigError: a config, name, size or number that does not fit; a model that cannot be
            exported.
        CheckpointError: weights that do not fit the model, or a file that does not agree with it.
    """
    export = export or ExportOptions(**options)
    out = _check_out(out)
    check_installed()
    cfg = load_config(config, export.options)
    source = None if checkpoint is None else locate(checkpoint)
    on_step('building the model')
    model = build_model(cfg, source)
    settings = _settings(cfg, model, export.size)
    metadata = ExportMetadata(
        clip=settings,
        config=settings.name,
        checkpoint=None if source is None else source.name,
        checkpoint_sha256=None if source is None else sha256_of(source),
        salkit_version=__version__,
        precision=export.precision,
        dynamic_batch=export.dynamic_batch,
        plugins=plugins_of(cfg.model),
        options=dict(export.options),
    )
    on_step('predicting with the model')
    reference = _reference(model, settings, (1, 2, 3) if export.dynamic_batch else (1, 1, 1))
    on_step('tracing it')
    with export_errors(metadata.config, 'tracing'):
        program = trace(model, settings, export.precision, export.dynamic_batch)
    # So that large models are not in memory several times.
    del model
    with unfinished_folder(out.parent, out.name) as folder:
        on_step('writing it')
        with export_errors(metadata.config, 'translating to ONNX'):
            translated = to_onnx(program, export.dynamic_batch, export.opset)
        files = write_onnx(translated, folder / out.name, metadata)
        opset = translated.model.opset_imports['']
        del program, translated
        on_step('checking the file')
        agreement = compare(
            reference,
            OnnxBackend(folder / out.name, 'cpu').run,
            settings,
            TOLERANCES[export.precision] if export.tolerance is None else export.tolerance,
            relative=export.half,
        )
        if not agreement.holds:
            raise CheckpointError(
                f'{out}: not written, the exported model does not agree with the model: {agreement}'
            )
        return Export(out, _put(files, out), metadata, agreement, opset)
