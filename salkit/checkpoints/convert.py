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

from ..errors import CheckpointError, ConfigError
from ..plugin import plugins_of
from ..utils.files import sha256_of
from ..version import __version__
from .checkpoint import Checkpoint
from .fit import fit_weights
from .fit_report import FitReport
from .locate import locate
from .named import check_destination
from .official import DEAD, to_official
from .read import read_checkpoint
from .write import separate, write_checkpoint, write_safetensors

# Where a converted file keeps the entries that the authors' code wants back and no model has.
UNUSED = 'unused_official_entries'
# What training checkpoints note of their run.
_OF_A_RUN = ('seed', 'epoch', 'iter')
# Of lite0 these are 5 %; in float16, they change maps eight times as much as all others
# together.
SMALL = 10_000


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
    half: bool = False,
    about: Mapping[str, str] | None = None,
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
        half: write float16, read back as float32; half the size. Entries of up to `SMALL` values
            keep their precision: they weigh little, and their errors go through all layers.
        about: what the file shall say about itself besides, by name.

    Raises:
        CheckpointError: a file that cannot be read, is not recognized, does not fill the model in
            every entry, or that float16 cannot hold; nothing is written then. Its attribute
            `report` holds the `FitReport` where there is one.
        ConfigError: a config that does not exist or does not build, or an `about` that names what
            the conversion itself notes.
    """
    destination = Path(destination)
    check_destination(destination, to)
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
        # One in shards is many files.
        **({} if path.is_dir() else dict(sha256=sha256_of(path))),
        source_kind=report.kind,
        salkit_version=__version__,
        model=json.dumps(target.config),
        plugins=json.dumps(plugins_of(target.config)),
        # Of a training: what tells its run from others with its config.
        **{key: str(checkpoint.meta[key]) for key in _OF_A_RUN if key in checkpoint.meta},
    )
    if taken := sorted({*metadata, UNUSED, 'format'} & {*(about or {})}):
        raise ConfigError(f'{destination}: {", ".join(taken)} is what the conversion itself notes')
    metadata |= about or {}
    if to == 'official':
        if report.part != 'model':
            raise CheckpointError(f'{path}: holds an encoder alone, expected a whole SalFoM model')
        state, conversion.invented = to_official(state, dead, str(path))
        conversion.entries = len(state)
    elif dead:
        metadata[UNUSED] = base64.b64encode(save(separate(dead))).decode()
    if half:
        state = {key: _halved(key, value, path) for key, value in state.items()}
    if destination.suffix == '.safetensors':
        write_safetensors(state, destination, metadata)
    else:
        write_checkpoint(state, destination)
    return conversion


def _halved(key: str, value: Tensor, path: Path) -> Tensor:
    """A large tensor in float16, others as they are."""
    if not value.is_floating_point() or value.numel() <= SMALL:
        return value
    half = value.half()
    if not half.isfinite().all():
        raise CheckpointError(f'{path}: {key} holds values that float16 cannot (--half)')
    return half


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
