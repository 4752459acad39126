"""Training and testing on features that a frozen encoder has computed before."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from torch import nn

from ..config import dataset_configs
from ..config.load import plain_config
from ..config.options import DATALOADERS
from ..datasets.feature_cache import FeatureIndex
from ..encoders import Encoder
from ..errors import ConfigError
from .split_steps import sees_the_whole

# What a pipeline may do to clips whose features are kept.
_READING = ('LoadClip', 'LoadTargets', 'PackClip')
# Of an encoder's config, what changes no feature.
_NO_MATTER = ('init_cfg', 'pretrained', 'activation_checkpointing')


# Whose features -----------------------------------------------------------------------------------


def fingerprint(encoder: nn.Module) -> str:
    """A text that changes with the weights of an encoder; in shards, all processes call this."""
    digest = blake2b(digest_size=16)
    for name, value in sorted(encoder.state_dict().items()):
        # Of a DTensor; its class takes long to import.
        value = value.full_tensor() if hasattr(value, 'full_tensor') else value
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}'.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def encoder_text(cfg: Mapping[str, Any]) -> str:
    """An encoder's config as far as features depend on it."""
    return json.dumps(
        {k: v for k, v in plain_config(cfg).items() if k not in _NO_MATTER}, sort_keys=True
    )


def check_frozen(encoder: nn.Module) -> None:
    """Raise ConfigError unless nothing in an encoder is trained, batch norms included.

    Whether it draws random numbers is asked where features are made, of a config that stays.
    """
    encoder.train()
    trained = [name for name, each in encoder.named_parameters() if each.requires_grad]
    trained += [name for name, module in encoder.named_modules() if sees_the_whole(module)]
    if trained:
        raise ConfigError(
            f'features are kept of encoders that are not trained, {type(encoder).__name__} trains '
            f'{trained[0]}: freeze it, model.encoder.frozen_stages=DEPTH of UMT and torchvision, '
            'frozen_trunk=True temporal_depth=0 of timm'
        )


def check_features(index: FeatureIndex, encoder: Encoder, cfg: Mapping[str, Any]) -> None:
    """Raise ConfigError unless features are those of a frozen encoder with this config."""
    check_frozen(encoder)
    if index.encoder != encoder_text(cfg) or index.weights != fingerprint(encoder):
        what = 'weights' if index.encoder == encoder_text(cfg) else 'config'
        raise ConfigError(
            f'the features were made by an encoder of another {what}; salkit cache --features '
            'makes them anew in another folder'
        )


# Which clips --------------------------------------------------------------------------------------


def readable(
    cfg: Config, splits: Collection[str] | None = None
) -> Iterator[tuple[str, ConfigDict, ConfigDict]]:
    """Each data set of a config with the name of its loader and its LoadClip.

    Args:
        cfg: whose clips are looked at.
        splits: of which; None for all.

    Raises:
        ConfigError: clips that features cannot stand for.
    """
    if tuple(cfg.model.get('test_scales', (1.0,))) != (1.0,):
        raise ConfigError('features are kept of one size: leave out model.test_scales')
    for key in DATALOADERS:
        for dataset in dataset_configs((cfg.get(key) or {}).get('dataset')):
            if splits is not None and dataset.get('split', 'train') not in splits:
                continue
            pipeline = dataset.get('pipeline', ())
            for step in pipeline:
                if step['type'] not in _READING:
                    raise ConfigError(
                        f'{key}: {step["type"]} changes clips that were read, features are of '
                        'clips as they are: leave it out of the pipeline'
                    )
            load = next((step for step in pipeline if step['type'] == 'LoadClip'), None)
            if load is None or load.get('size') is None or load.get('keep_shape'):
                raise ConfigError(f'{key}: features need a LoadClip of one size')
            if not isinstance(dataset.get('clip_stride', 1), int):
                raise ConfigError(
                    f'{key}: features need one clip_stride, got {dataset.clip_stride}'
                )
            yield key, dataset, load


def use_features(cfg: Config, folder: str | Path) -> None:
    """Have a config train and test on the features in a folder, of the splits that it has.

    The model stays as it is, its encoder is left out where clips come as features; the run checks
    that they are its own.

    Raises:
        ConfigError: clips that features cannot stand for.
        DataError: the folder holds no features.
    """
    index = FeatureIndex.read(folder)
    for key, dataset, load in readable(cfg, index.splits):
        if tuple(load['size']) != index.size:
            raise ConfigError(
                f'{key}: clips are of {tuple(load["size"])} pixels (rows, columns), the features '
                f'in {folder} of {index.size}'
            )
        if dataset.get('sampling', 'random') == 'random':
            dataset['every'] = index.every
        for step in dataset['pipeline']:
            if step['type'] == 'LoadClip':
                step.clear()
                step.update(type='LoadFeatures', folder=str(folder))
    hooks = cfg.get('default_hooks') or {}
    if 'validation_panel' in hooks and 'val' in index.splits:
        # It draws frames, which are not read.
        hooks['validation_panel'] = None
    hook = dict(type='CachedFeaturesHook', folder=str(folder))
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]
