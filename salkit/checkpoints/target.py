"""Which model a file of weights is for: what it says, what its entries tell, or a config."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..builder import build_on_meta
from ..config.find import config_name, config_names
from ..config.load import load_config, plain_config
from ..errors import CheckpointError, ConfigError, one_line
from ..layers import TABLE_THW
from ..plugin import load_plugins
from ..registry import DECODERS, ENCODERS, LOSSES, MODELS
from .fit import SALFOM, UMT, adapter_of, encoder_name, kind_of

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import nn

DEFAULT_CONFIG = 'salfom/umt-l16_cc-kl'
# Width of the published UMT encoders and how a config calls them: name, blocks, letter.
UMT_SIZES = {768: ('base', 12, 'b'), 1024: ('large', 24, 'l')}


@dataclass
class Target:
    """The module that a file is converted for, built without memory for its weights.

    `cfg` is its config, None where the file does not tell all of it.
    """

    module: nn.Module
    config: str
    cfg: dict | None


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


def _target_of_config(cfg: Config, name: str, weights: Mapping[str, Tensor]) -> Target:
    if cfg.get('model') is None:
        raise ConfigError(f'{name}: the config has no model')
    model = build_on_meta(MODELS, cfg.model)
    adapt = adapter_of(model)
    kind = kind_of(weights)
    if kind == UMT or (kind != SALFOM and adapt and adapt(weights) is not None):
        return Target(model.encoder, name, plain_config(cfg.model)['encoder'])
    return Target(model, name, plain_config(cfg.model))


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


def find_target(
    checkpoint: Mapping[str, Any], source: str, config: str | None, options: Mapping | None
) -> Target:
    """What the weights are for: the config named, or the one they tell of."""
    weights = checkpoint['state_dict']
    kind = kind_of(weights)
    if config is not None:
        cfg = load_config(config, options)
        return _target_of_config(cfg, config_name(cfg.filename), weights)
    if options:
        raise ConfigError('--cfg-options overrides entries of a config: name it with --config')
    name, model = stored_model(checkpoint, source)
    if model is not None:
        _check_types(model, source)
        try:
            module = build_on_meta(ENCODERS if kind == UMT else MODELS, model)
        except Exception as error:
            # A file may hold anything, so this can fail in any way.
            raise CheckpointError(
                f'{source}: its entry "model" does not build ({one_line(error)}); name the config '
                '(--config)'
            ) from error
        return Target(module, name or json.dumps(model), model)
    if kind == SALFOM:
        return _target_of_config(*_salfom_config(weights, source), weights)
    if kind == UMT:
        arguments = _umt_arguments({encoder_name(k): v for k, v in weights.items()}, source)
        cfg = dict(type='UMTEncoder', **arguments)
        module = build_on_meta(ENCODERS, cfg)
        if isinstance(cfg['arch'], dict):
            del cfg['arch']['num_heads']
            return Target(module, json.dumps(cfg), None)
        return Target(module, json.dumps(cfg), cfg)
    raise CheckpointError(
        f'{source}: does not tell which model it holds; name its config (--config)'
    )
