"""From anybody's weights to salkit's files, and back to the authors' names."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .. import __version__
from ..builder import build
from ..config import config_name, config_names, load_config, plain_config
from ..errors import CheckpointError, ConfigError, one_line
from ..layers import TABLE_THW
from ..plugin import load_plugins
from ..registry import DECODERS, ENCODERS, LOSSES, MODELS
from .fit import SALFOM, UMT, FitReport, encoder_name, fit_weights, kind_of
from .io import read_checkpoint, separate, write_checkpoint, write_safetensors
from .locate import locate
from .official import DEAD, to_official

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.registry import Registry
    from torch import nn

DEFAULT_CONFIG = 'salfom/umt-l16_cc-kl'
# Width of the published UMT encoders and how a config calls them: name, blocks, letter.
UMT_SIZES = {768: ('base', 12, 'b'), 1024: ('large', 24, 'l')}
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
            source=report.source, kind=report.kind, part=report.part, config=self.config,
            destination=str(self.destination), entries=self.entries, used=report.used,
            derived=report.derived, dropped=report.dropped, missing=report.missing,
            unexpected=report.unexpected, wrong=report.wrong, cast=report.cast,
            beside=self.beside, invented=self.invented,
        )  # fmt: skip


@dataclass
class _Target:
    """The module that a file is converted for, built without memory for its weights.

    `cfg` is its config, None where the file does not tell all of it.
    """

    module: nn.Module
    config: str
    cfg: dict | None


def _on_meta(registry: Registry, cfg: dict) -> nn.Module:
    with torch.device('meta'):
        return build(registry, copy.deepcopy(cfg))


def _count(keys, pattern: str) -> int:
    found = (re.fullmatch(pattern, key) for key in keys)
    return max((int(match[1]) + 1 for match in found if match), default=0)


def _umt_arguments(weights: Mapping[str, Tensor], source: str) -> dict[str, Any]:
    """Arguments of the UMTEncoder that wrote these entries, told by their shapes."""
    patches = weights.get('patch_embed.proj.weight')
    depth = _count(weights, r'blocks\.(\d+)\..+')
    if patches is None or patches.ndim != 5 or not depth:
        lacking = 'blocks.0' if patches is not None else 'patch_embed.proj.weight'
        raise CheckpointError(f'{source}: looks like UMT weights, but has no usable {lacking}')
    dim = len(patches)
    name, full_depth, _ = UMT_SIZES.get(dim, (None, None, None))
    if name is None:
        # No shape depends on the number of heads, so the file does not tell it.
        arguments: dict[str, Any] = dict(arch=dict(embed_dim=dim, depth=depth, num_heads=1))
    elif depth > full_depth:
        raise CheckpointError(f'{source}: {depth} blocks, but UMT-{name} has {full_depth}')
    else:
        arguments = dict(arch=name, **({} if depth == full_depth else dict(depth=depth)))
    positions = weights.get('pos_embed')
    is_table = positions is not None and positions.ndim == 3
    stored = positions.shape[1] // (TABLE_THW[1] * TABLE_THW[2]) if is_table else 0
    # Files of 8-frame encoders store no positions.
    arguments['clip_len'] = 16 if stored == 16 else TABLE_THW[0]
    return arguments


def _salfom_config(weights: Mapping[str, Tensor], source: str) -> tuple[Config, str]:
    """The config of an official SalFoM file and its name; depths are told by its entries."""
    prefix = 'encoder.'
    encoder = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    arguments = _umt_arguments(encoder, source)
    embedding = weights.get('transformer_1.patch_embed.proj.weight')
    if embedding is not None and embedding.ndim == 5 and embedding.shape[2] == 1:
        arguments['clip_len'] = TABLE_THW[0]
    swin_depth = _count(weights, r'transformer_1\.layers\.0\.blocks\.(\d+)\..+')
    if isinstance(arguments['arch'], dict):
        raise CheckpointError(
            f'{source}: no published UMT has {arguments["arch"]["embed_dim"]} channels; name the '
            'config of this model (--config)'
        )
    letter = next(s for n, _, s in UMT_SIZES.values() if n == arguments['arch'])
    depth = f'-d{arguments["depth"]}' if 'depth' in arguments else ''
    swin = f'_swin3d-d{swin_depth}' if swin_depth not in (0, 6) else ''
    name = f'salfom/umt-{letter}{arguments["clip_len"]}{depth}{swin}_cc-kl'
    if name in config_names():
        return load_config(name), name
    options = {f'+model.encoder.{k}': v for k, v in arguments.items()}
    if swin_depth:
        options['model.decoder.branches.swin3d.depth'] = swin_depth
    cfg = load_config(DEFAULT_CONFIG, options)
    return cfg, json.dumps(plain_config(cfg.model))


def _target_of_config(cfg: Config, name: str, encoder_alone: bool) -> _Target:
    if cfg.get('model') is None:
        raise ConfigError(f'{name}: the config has no model')
    model = _on_meta(MODELS, cfg.model)
    if encoder_alone:
        return _Target(model.encoder, name, plain_config(cfg.model)['encoder'])
    return _Target(model, name, plain_config(cfg.model))


def stored_model(checkpoint: Mapping[str, Any], source: str) -> tuple[str | None, dict | None]:
    """The config's name and the model's config that a salkit checkpoint says it was made with.

    Raises:
        CheckpointError: an entry that is no JSON.
    """
    meta = checkpoint.get('metadata') or checkpoint.get('meta') or {}
    name, model = meta.get('config_name') or meta.get('config'), meta.get('model')
    if isinstance(model, str):
        try:
            model = json.loads(model)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f'{source}: its entry "model" is no JSON ({error})') from error
    return (
        name if isinstance(name, str) else None,
        model if isinstance(model, dict) else None,
    )


def _check_types(model: Any, source: str) -> None:
    """Raise CheckpointError unless every type in a file's config is registered.

    Looking up any other name would import, and building it call, what the file asks for.
    """
    if isinstance(model, (list, tuple)):
        for item in model:
            _check_types(item, source)
    elif isinstance(model, dict):
        for item in model.values():
            _check_types(item, source)
        if 'type' in model and model['type'] not in _registered():
            raise CheckpointError(
                f'{source}: its entry "model" asks for {model["type"]!r}, which neither salkit nor '
                'an installed plugin offers; name the config (--config)'
            )


def _registered() -> list[str]:
    """Names of all that salkit and plugins offer for models."""
    load_plugins()
    names: list[str] = []
    for registry in (MODELS, ENCODERS, DECODERS, LOSSES):
        registry.import_from_location()
        names.extend(registry.module_dict)
    return names


def _find_target(
    checkpoint: Mapping[str, Any], source: str, config: str | None, options: Mapping | None
) -> _Target:
    """What the weights are for: the config named, or the one they tell of."""
    weights = checkpoint['state_dict']
    kind = kind_of(weights)
    if config is not None:
        cfg = load_config(config, options)
        return _target_of_config(cfg, config_name(cfg.filename), encoder_alone=kind == UMT)
    if options:
        raise ConfigError('--cfg-options overrides entries of a config: name it with --config')
    name, model = stored_model(checkpoint, source)
    if model is not None:
        _check_types(model, source)
        try:
            module = _on_meta(ENCODERS if kind == UMT else MODELS, model)
        except Exception as error:
            # A file may hold anything, so this can fail in any way.
            raise CheckpointError(
                f'{source}: its entry "model" does not build ({one_line(error)}); name the config '
                '(--config)'
            ) from error
        return _Target(module, name or json.dumps(model), model)
    if kind == SALFOM:
        return _target_of_config(*_salfom_config(weights, source), encoder_alone=False)
    if kind == UMT:
        arguments = _umt_arguments({encoder_name(k): v for k, v in weights.items()}, source)
        cfg = dict(type='UMTEncoder', **arguments)
        module = _on_meta(ENCODERS, cfg)
        if isinstance(cfg['arch'], dict):
            del cfg['arch']['num_heads']
            return _Target(module, json.dumps(cfg), None)
        return _Target(module, json.dumps(cfg), cfg)
    raise CheckpointError(
        f'{source}: does not tell which model it holds; name its config (--config)'
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


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
    target = _find_target(checkpoint, str(path), config, options)
    state, report = fit_weights(
        target.module.state_dict(), checkpoint, path, source_grid=source_grid
    )
    try:
        report.check()
    except CheckpointError as error:
        error.report = report
        raise
    beside = sorted(
        str(key) for key in checkpoint if key not in ('state_dict', 'metadata', 'model', 'module')
    )
    dead = _dead_in(checkpoint, str(path))
    conversion = Conversion(report, destination, target.config, len(state), beside)
    metadata = dict(
        config=target.config, part=report.part, source=path.name, sha256=_sha256(path),
        source_kind=report.kind, salkit_version=__version__,
    )  # fmt: skip
    if target.cfg is not None:
        metadata['model'] = json.dumps(target.cfg)
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
