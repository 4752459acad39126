"""From a config and its weights to one checked file."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...checkpoints import locate
from ...config.load import load_config
from ...errors import CheckpointError, ConfigError, ShapeError
from ...media.clips import ClipSettings
from ...models.load import build_model
from ...plugin import plugins_of
from ...utils.files import sha256_of
from ...version import __version__
from ..backends.exported import ExportedBackend
from ..backends.exported_file import ExportMetadata
from ..backends.onnx import OnnxBackend
from ..backends.torch import settings_of
from .agreement import Agreement, compare, random_clips
from .graph import export_errors, trace
from .onnx_file import OPSETS, check_installed, to_onnx, write_onnx
from .program import write_program

BACKENDS = {'.onnx': OnnxBackend, '.pt2': ExportedBackend}
# Largest difference to the model: of any value in float32, as a share of the maps' range in
# float16. docs/export.md tells what was measured.
TOLERANCES = {'float32': 1e-4, 'float16': 2e-2}


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        path: the file to open.
        files: all files, its own last.
        metadata: what the file tells about itself.
        agreement: how far it is from the model.
        opset: version of the ONNX operators; None for a program.
    """

    path: Path
    files: tuple[Path, ...]
    metadata: ExportMetadata
    agreement: Agreement
    opset: int | None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)


def check_out(out: str | Path, opset: int | None = None) -> Path:
    """The path of a file to export to.

    Raises:
        ConfigError: a name that tells no format, or an opset for a format that has none.
    """
    out = Path(out)
    if out.suffix not in BACKENDS:
        raise ConfigError(
            f'{out}: expected a name that ends in .onnx (ONNX) or .pt2 (torch.export program)'
        )
    if out.is_dir():
        raise ConfigError(f'{out}: is a folder, expected the name of a file')
    if opset is not None and out.suffix != '.onnx':
        raise ConfigError(f'{out}: --opset is for .onnx files')
    if opset is not None and opset not in OPSETS:
        raise ConfigError(f'--opset must be {OPSETS[0]} to {OPSETS[-1]}, got {opset}')
    return out


@contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    """A temporary folder on the same disk, gone afterwards."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f'.{out.name}.', suffix='.tmp', dir=out.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(files: list[Path], out: Path) -> tuple[Path, ...]:
    """Move files that belong together beside `out`, the one to be opened last."""
    if len(files) > 1:
        # An earlier graph must not be found beside the new weights.
        out.unlink(missing_ok=True)
    for path in files:
        os.replace(path, out.parent / path.name)
    return tuple(out.parent / path.name for path in files)


def _settings(cfg: Any, model: nn.Module, size: tuple[int, int] | None) -> ClipSettings:
    settings, _ = settings_of(cfg, model)
    settings = dataclasses.replace(settings, size=size or settings.size)
    if settings.size is None:
        raise ConfigError(
            f'{settings.name}: its clips have no size of their own, and an exported model has one: '
            'tell --size ROWSxCOLUMNS'
        )
    return settings


@torch.no_grad()
def _reference(model: nn.Module, settings: ClipSettings, batches: tuple[int, ...]) -> list:
    """The model's maps of the clips that the file will be checked with."""
    clips = random_clips(settings, batches)
    try:
        return [model(torch.from_numpy(clip)).numpy() for clip in clips]
    except ShapeError as error:
        raise ConfigError(f'{settings.name}: cannot be exported at this size: {error}') from error


def _write(
    model: nn.Module,
    metadata: ExportMetadata,
    path: Path,
    opset: int | None,
    on_step: Callable[[str], None],
) -> tuple[list[Path], int | None]:
    """Trace and write a model; the files, and the opset of ONNX."""
    on_step('tracing it')
    with export_errors(metadata.config, 'tracing'):
        program = trace(model, metadata.clip, metadata.precision, metadata.dynamic_batch)
    on_step(f'writing {path.suffix}')
    if path.suffix == '.pt2':
        write_program(program, path, metadata)
        return [path], None
    with export_errors(metadata.config, 'translating to ONNX'):
        translated = to_onnx(program, opset)
    return write_onnx(translated, path, metadata), translated.model.opset_imports['']


def export_model(
    config: str | Path,
    checkpoint: str | Path | None,
    out: str | Path,
    *,
    half: bool = False,
    dynamic_batch: bool = False,
    size: tuple[int, int] | None = None,
    opset: int | None = None,
    options: Mapping[str, Any] | None = None,
    tolerance: float | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Export:
    """Export the model of a config and check the file against it.

    The file takes `clip` (B, 3, T, H, W) float32, normalised, and gives `saliency_map` (B, H, W)
    float32, before resizing to the frame and blurring. It appears under its name only when it
    agrees with the model.

    Args:
        config: file or name.
        checkpoint: what `salkit.build_model` takes; None for random weights, for trials.
        out: the file to write: .onnx, or .pt2 for a `torch.export` program.
        half: compute in float16.
        dynamic_batch: take any number of clips at once; otherwise one.
        size: (rows, columns) of the clips, where it is not to be that of the config's test set.
        opset: version of the ONNX operators; None for the exporter's choice.
        options: overrides of the config.
        tolerance: largest difference allowed; of any value, with `half` as a share of the maps'
            range. None for 1e-4 and 2e-2.
        on_step: told in words what begins.

    Returns:
        What was written.

    Raises:
        ConfigError: a config, name, size or number that does not fit; a model that cannot be
            exported.
        CheckpointError: weights that do not fit the model, or a file that does not agree with it.
    """
    out = check_out(out, opset)
    if out.suffix == '.onnx':
        check_installed()
    cfg = load_config(config, options)
    source = None if checkpoint is None else locate(checkpoint)
    on_step('building the model')
    model = build_model(cfg, source)
    settings = _settings(cfg, model, size)
    precision = 'float16' if half else 'float32'
    metadata = ExportMetadata(
        clip=settings,
        config=settings.name,
        checkpoint=None if source is None else source.name,
        checkpoint_sha256=None if source is None else sha256_of(source),
        salkit_version=__version__,
        precision=precision,
        dynamic_batch=dynamic_batch,
        plugins=plugins_of(cfg.model),
        options=dict(options or {}),
    )
    on_step('predicting with the model')
    reference = _reference(model, settings, (1, 2, 3) if dynamic_batch else (1, 1, 1))
    with _folder_beside(out) as folder:
        files, found_opset = _write(model, metadata, folder / out.name, opset, on_step)
        # Before the file is read, so that large models are not in memory once more.
        del model
        on_step('checking the file')
        backend = BACKENDS[out.suffix](folder / out.name, 'cpu')
        agreement = compare(
            reference,
            backend.run,
            settings,
            TOLERANCES[precision] if tolerance is None else tolerance,
            relative=half,
        )
        if not agreement.holds:
            raise CheckpointError(
                f'{out}: not written, the exported model does not agree with the model: {agreement}'
            )
        files = _put(files, out)
    return Export(out, files, metadata, agreement, found_opset)
