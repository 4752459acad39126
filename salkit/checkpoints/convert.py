"""From anybody's weights to salkit's files, and back to the authors' names."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors.torch import load, save
from torch import Tensor

from ..errors import CheckpointError
from ..plugin import plugins_of
from ..utils.files import sha256_of
from ..version import __version__
from .checkpoint import Checkpoint
from .fit import fit_weights
from .fit_report import FitReport
from .locate import locate
from .official import DEAD, to_official
from .read import read_checkpoint
from .write import separate, write_checkpoint, write_safetensors

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

    def to_json(self) -> dict[str, object]:
        """Plain values, those of the report among them."""
        plain = {**vars(self.report), **vars(self), 'destination': str(self.destination)}
        del plain['report']
        return plain


def convert(
    source: str | Path,
    destination: str | Path,
    *,
    to: str = 'salkit',
    config: str | None = None,
    options: Mapping[str, object] | None = None,
) -> Conversion:
    """Convert a checkpoint, checking every entry against the model it is for.

    Recognized are the authors' SalFoM files, published files of encoders, salkit's training
    checkpoints and what this function wrote. An encoder's file becomes an encoder's file.

    Args:
        source: what `locate` takes.
        destination: the file to write; .safetensors, with the config, the name of the source and
            its sha256 as metadata. For `to='official'` also .pth or .pt, a plain state dict.
        to: 'salkit', or 'official': the authors' names and all that their code wants to find.
        config: the model that the weights are for; None for what the file says. For an encoder's
            file it says which frames and how many blocks the encoder keeps.
        options: overrides of that config.

    Raises:
        CheckpointError: a file that cannot be read, is not recognized, or does not fill the model
            in every entry; nothing is written then. Its attribute `report` holds the `FitReport`
            where there is one.
        ConfigError: a config that does not exist or does not build.
    """
    destination = Path(destination)
    suffixes = ('.safetensors',) if to == 'salkit' else ('.safetensors', '.pth', '.pt')
    if destination.suffix not in suffixes:
        raise CheckpointError(f'{destination}: expected a name that ends in {", ".join(suffixes)}')
    path = locate(source)
    if destination.exists() and destination.samefile(path):
        raise CheckpointError(f'{destination}: is the source itself')
    checkpoint = read_checkpoint(path)
    with checkpoint.plugin_hints():
        target = checkpoint.target(config, options)
    state, report = fit_weights(target.module, checkpoint)
    report.check(whole=True)
    conversion = Conversion(
        report, destination, target.name, len(state), sorted(map(str, checkpoint.rest))
    )
    dead = _dead_in(checkpoint)
    metadata = dict(
        config=target.name,
        part=report.part,
        source=path.name,
        sha256=sha256_of(path),
        source_kind=report.kind,
        salkit_version=__version__,
        model=json.dumps(target.config),
        plugins=json.dumps(plugins_of(target.config)),
    )
    if to == 'official':
        if report.part != 'model':
            raise CheckpointError(f'{path}: holds an encoder alone, expected a whole SalFoM model')
        state, conversion.invented = to_official(state, dead, str(path))
        conversion.entries = len(state)
    elif dead:
        metadata[UNUSED] = base64.b64encode(save(separate(dead))).decode()
    if destination.suffix == '.safetensors':
        write_safetensors(state, destination, metadata)
    else:
        write_checkpoint(state, destination)
    return conversion


def _dead_in(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The dead official entries that a file brings, by official name."""
    packed = checkpoint.meta.get(UNUSED)
    if isinstance(packed, str):
        try:
            return load(base64.b64decode(packed, validate=True))
        except Exception as error:
            raise CheckpointError(
                f'{checkpoint.source}: its entry "{UNUSED}" is broken ({error})'
            ) from error
    if not checkpoint.is_official:
        return {}
    return {
        key: value
        for key, value in checkpoint.weights.items()
        if any(re.fullmatch(pattern, key) for pattern in DEAD)
    }
