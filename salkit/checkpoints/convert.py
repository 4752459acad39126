"""From anybody's weights to salkit's files, and back to the authors' names."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError
from ..plugin import plugins_of
from ..utils.files import sha256_of
from ..version import __version__
from .fit import SALFOM, adapter_of, fit_weights, kind_of
from .io import read_checkpoint, separate, write_checkpoint, write_safetensors
from .locate import locate
from .made_with import naming_plugins
from .official import DEAD, to_official
from .report import FitReport
from .target import find_target

# Where a converted file keeps the entries that the authors' code wants back and no model has.
UNUSED = 'unused_official_entries'


@dataclass
class Conversion:
    """What a conversion read and wrote.

    Attributes:
        report: what became of every entry.
        destination: the file written.
        config: name of the config, or the part's config as JSON where it has no name.
        entries: number of entries written.
        beside: what the source held beside the weights, and was left out.
        invented: dead official entries that got their initial value, as no source held them.
    """

    report: FitReport
    destination: Path
    config: str
    entries: int
    beside: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        report = self.report
        return dict(
            source=report.source,
            kind=report.kind,
            part=report.part,
            config=self.config,
            destination=str(self.destination),
            entries=self.entries,
            used=report.used,
            derived=report.derived,
            dropped=report.dropped,
            missing=report.missing,
            unexpected=report.unexpected,
            wrong=report.wrong,
            cast=report.cast,
            beside=self.beside,
            invented=self.invented,
        )


def _pack(tensors: dict[str, Tensor]) -> str:
    from safetensors.torch import save

    return base64.b64encode(save(separate(tensors))).decode()


def _unpack(text: str, source: str) -> dict[str, Tensor]:
    from safetensors.torch import load

    try:
        return load(base64.b64decode(text, validate=True))
    except Exception as error:
        raise CheckpointError(f'{source}: its entry "{UNUSED}" is broken ({error})') from error


def _dead_in(checkpoint: Mapping[str, Any], source: str) -> dict[str, Tensor]:
    """The dead official entries that a file brings, by official name."""
    packed = (checkpoint.get('metadata') or {}).get(UNUSED)
    if packed:
        return _unpack(packed, source)
    if kind_of(checkpoint['state_dict']) != SALFOM:
        return {}
    return {
        key: value
        for key, value in checkpoint['state_dict'].items()
        if any(re.fullmatch(pattern, key) for pattern in DEAD)
    }


def convert(
    source: str | Path,
    destination: str | Path,
    *,
    to: str = 'salkit',
    config: str | None = None,
    options: Mapping[str, Any] | None = None,
    source_grid: tuple[int, int, int] | None = None,
) -> Conversion:
    """Convert a checkpoint, checking every entry against the model it is for.

    Recognised are the authors' SalFoM files, UMT's fine-tuned and pre-trained ones, salkit's
    training checkpoints and what this function wrote. An encoder's file becomes an encoder's file.

    Args:
        source: what `locate` takes.
        destination: the file to write; .safetensors, with the config, the name of the source and
            its sha256 as metadata. For `to='official'` also .pth or .pt, a plain state dict.
        to: 'salkit', or 'official': the authors' names and all that their code wants to find.
        config: the model that the weights are for; without, what the file tells. For a UMT file it
            says which frames and how many blocks the encoder keeps.
        options: overrides of that config.
        source_grid: frames, rows and columns of a stored position table, where its size does not
            tell.

    Raises:
        CheckpointError: a file that cannot be read, is not recognised, or does not fill the model
            in every entry; nothing is written then. Its attribute `report` holds the `FitReport`
            where there is one.
        ConfigError: a config that does not exist or does not build.
    """
    path, destination = locate(source), Path(destination)
    suffixes = ('.safetensors',) if to == 'salkit' else ('.safetensors', '.pth', '.pt')
    if destination.suffix not in suffixes:
        raise CheckpointError(f'{destination}: expected a name that ends in {", ".join(suffixes)}')
    if destination.exists() and destination.samefile(path):
        raise CheckpointError(f'{destination}: is the source itself')
    checkpoint = read_checkpoint(path)
    with naming_plugins(checkpoint):
        target = find_target(checkpoint, str(path), config, options)
    state, report = fit_weights(
        target.module.state_dict(),
        checkpoint,
        path,
        source_grid=source_grid,
        adapt=adapter_of(target.module),
    )
    try:
        report.check()
    except CheckpointError as error:
        error.report = report
        raise
    if report.kept:
        name, why = next(iter(report.kept.items()))
        raise CheckpointError(
            f'{path}: fills all but {len(report.kept)} entries, such as {name} ({why}), so that '
            'no whole file can be made of it; start training from it with init_cfg'
        )
    beside = sorted(
        str(key) for key in checkpoint if key not in ('state_dict', 'metadata', 'model', 'module')
    )
    dead = _dead_in(checkpoint, str(path))
    conversion = Conversion(report, destination, target.config, len(state), beside)
    metadata = dict(
        config=target.config,
        part=report.part,
        source=path.name,
        sha256=sha256_of(path),
        source_kind=report.kind,
        salkit_version=__version__,
    )
    if target.cfg is not None:
        metadata['model'] = json.dumps(target.cfg)
        metadata['plugins'] = json.dumps(plugins_of(target.cfg))
    if to == 'official':
        if report.part != 'model':
            raise CheckpointError(f'{path}: holds an encoder alone, which is no SalFoM model')
        official, conversion.invented = to_official(state, dead, str(path))
        conversion.entries = len(official)
        if destination.suffix == '.safetensors':
            write_safetensors(official, destination, metadata)
        else:
            write_checkpoint(official, destination)
        return conversion
    if dead:
        metadata[UNUSED] = _pack(dead)
    write_safetensors(state, destination, metadata)
    return conversion
