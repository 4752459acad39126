"""From a config to the Runner."""

from __future__ import annotations

import copy
import itertools
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIMIZERS, PARAM_SCHEDULERS
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.utils.data import Dataset

from ..builder import build, check, check_arguments, named_errors, resolve
from ..checkpoints import read_checkpoint
from ..errors import ConfigError
from ..registry import (
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    SCOPE,
)
from .features import use_features
from .runner import SaliencyRunner
from .schedules import as_list, schedulers_of
from .sharding import strategy_of

# Runs built by this process so far; mmengine keeps loggers and the like by the run's name.
_RUNS = itertools.count()


def find_latest_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint of the highest epoch and iteration in `work_dir`, or None.

    Checkpoints get their final name only when they are complete, so the newest name is safe.
    """
    found = []
    for path in Path(work_dir).glob('*.pth'):
        match = re.fullmatch(r'(?:epoch_(\d+))?(?:(?:^|_)iter_(\d+))?\.pth', path.name)
        if match:
            found.append((match[1] is None, int(match[1] or 0), int(match[2] or 0), path))
    # A config may have changed to names that tell of iterations alone.
    families = [[item for item in found if item[0] == alone] for alone in (False, True)]
    newest = [max(family)[3] for family in families if family]
    if len(newest) < 2:
        return newest[0] if newest else None
    return max(newest, key=lambda path: int(str(read_checkpoint(path).meta.get('iter', 0))))


def check_components(cfg: Config) -> None:
    """Check types and arguments of everything that mmengine would build only later.

    Raises:
        ConfigError: an unknown type or argument.
    """
    strategy_of(cfg)
    for key in ('val_evaluator', 'test_evaluator'):
        for metric in as_list(cfg.get(key)):
            check(METRICS, metric)
    hooks = [hook for hook in (cfg.get('default_hooks') or {}).values() if hook is not None]
    for hook in [*hooks, *as_list(cfg.get('custom_hooks'))]:
        check(HOOKS, {k: v for k, v in hook.items() if k != 'priority'})
    wrapper = cfg.get('optim_wrapper') or {}
    optimizer, clip_grad = wrapper.get('optimizer'), wrapper.get('clip_grad')
    if optimizer is not None:
        check(OPTIMIZERS, optimizer, given=['params'])
    if clip_grad is not None:
        clip = clip_grad_value_ if clip_grad.get('type') == 'value' else clip_grad_norm_
        check_arguments(clip, set(clip_grad) - {'type'}, given=['parameters'])
    for scheduler in as_list(cfg.get('param_scheduler')):
        if not isinstance(scheduler, Mapping):
            raise ConfigError(f'param_scheduler: expected dicts, got {scheduler!r}')
        if 'type' in scheduler:
            resolve(PARAM_SCHEDULERS, scheduler['type'])


def _need(cfg: Config | Mapping, key: str, owner: str = 'the config') -> Any:
    if cfg.get(key) is None:
        raise ConfigError(f'{owner} has no {key}, which this command needs')
    return cfg[key]


def _check_clip_len(model: nn.Module, dataset: Dataset, key: str) -> None:
    clip_len = getattr(getattr(model, 'encoder', None), 'clip_len', None)
    given = getattr(dataset, 'clip_len', None)
    if None not in (given, clip_len) and given != clip_len:
        raise ConfigError(
            f'model.encoder takes clips of {clip_len} frames, {key}.dataset gives clips of '
            f'{given}: set clip_len of both to the same number'
        )


def open_dataloader(cfg: Config, key: str) -> dict:
    """The data loader config with its data set opened."""
    loader = dict(cfg[key], seeded=key == 'train_dataloader')
    loader['dataset'] = build(DATASETS, _need(cfg[key], 'dataset', key))
    return loader


def optim_wrapper_of(wrapper: Mapping[str, object], model: nn.Module) -> OptimWrapper:
    """The optimizer of a config with what wraps it.

    Args:
        wrapper: the config's `optim_wrapper`.
        model: whose parameters are trained.

    Raises:
        ConfigError: values that do not fit, or several optimizers.
    """
    rest = dict(wrapper)
    constructor = dict(
        type=rest.pop('constructor', 'DefaultOptimWrapperConstructor'),
        paramwise_cfg=rest.pop('paramwise_cfg', None),
        optim_wrapper_cfg=rest,
    )
    # mmengine tells the rates of every parameter.
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with named_errors('optim_wrapper'):
            built = build(OPTIM_WRAPPER_CONSTRUCTORS, constructor)(model)
    finally:
        logger.setLevel(level)
    if not isinstance(built, OptimWrapper):
        raise ConfigError(f'optim_wrapper: expected one optimizer, got {type(built).__name__}')
    return built


def use_cpu_layout(model: nn.Module) -> None:
    """Lay out the weights of convolutions as those of a CPU want them in training: channels last.

    A step of `demo/umt-tiny_cc-kl` takes a tenth less time. (Adam with `fused=True` would pair
    values of weights, gradients and averages by their place in memory, which may differ.)
    """
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for layer in model.modules():
        if isinstance(layer, nn.modules.conv._ConvNd) and layer.weight.ndim in formats:
            layout = formats[layer.weight.ndim]
            layer.weight.data = layer.weight.data.contiguous(memory_format=layout)


def build_runner(
    cfg: Config,
    work_dir: str | Path,
    stages: tuple[str, ...],
    features: str | Path | None = None,
) -> SaliencyRunner:
    """Build the Runner of a config: what takes longest comes last, so that errors come early.

    Args:
        cfg: what `load_config` gives.
        work_dir: for logs and checkpoints.
        stages: which of 'train', 'val', 'test' it will run; other data sets are not opened.
        features: a folder with those of its frozen encoder, in place of clips.

    Raises:
        SalkitError: whatever in the config, data or checkpoints does not fit.
    """
    # What the run notes is of clips: its checkpoints are predicted and tested with as any others.
    noted = cfg
    if features is not None:
        cfg = copy.deepcopy(cfg)
        use_features(cfg, features)
    check_components(cfg)
    # Validation may be left out of a config, what the command is for may not.
    stages = tuple(s for s in stages if s != 'val' or cfg.get('val_dataloader') is not None)
    for stage in stages:
        for part in ('dataloader', 'cfg', *(() if stage == 'train' else ('evaluator',))):
            _need(cfg, f'{stage}_{part}')
    if 'train' in stages:
        wrapper = _need(cfg, 'optim_wrapper')
        # One of another constructor may have several.
        if 'constructor' not in wrapper:
            _need(wrapper, 'optimizer', 'optim_wrapper')
    loaders = {name: open_dataloader(cfg, name) for name in (f'{s}_dataloader' for s in stages)}
    # Random initial weights follow from the seed too; the Runner would seed after building.
    seed = (cfg.get('randomness') or {}).get('seed')
    if seed is not None:
        torch.manual_seed(seed)
    model = build(MODELS, _need(cfg, 'model'))
    if 'train' in stages and get_device() == 'cpu' and cfg.get('launcher', 'none') == 'none':
        use_cpu_layout(model)
    for key, loader in loaders.items():
        _check_clip_len(model, loader['dataset'], key)
    arguments: dict[str, Any] = dict(loaders)
    for stage in stages:
        arguments[f'{stage}_cfg'] = cfg[f'{stage}_cfg']
        if stage == 'train':
            arguments['optim_wrapper'] = cfg.optim_wrapper
            arguments['param_scheduler'] = schedulers_of(cfg)
            arguments['auto_scale_lr'] = cfg.get('auto_scale_lr')
        else:
            # A list: mmengine takes a dict that has `metrics`, as a metric may, for an evaluator.
            arguments[f'{stage}_evaluator'] = as_list(cfg[f'{stage}_evaluator'])
    for key in (
        'default_hooks',
        'custom_hooks',
        'load_from',
        'resume',
        'launcher',
        'env_cfg',
        'log_processor',
        'log_level',
        'visualizer',
        'randomness',
        'experiment_name',
    ):
        if cfg.get(key) is not None:
            # Copied because mmengine writes the run's name into some of them.
            arguments[key] = copy.deepcopy(cfg[key])
    if arguments.get('resume') and not arguments.get('load_from'):
        # mmengine would ask the file `last_checkpoint`, which in a copied work dir names the
        # original's.
        latest = find_latest_checkpoint(work_dir)
        arguments |= dict(resume=latest is not None, load_from=latest and str(latest))
    if 'experiment_name' not in arguments:
        number = next(_RUNS)
        stem = Path(cfg.filename or 'run').stem
        arguments['experiment_name'] = f'{stem}_{number}' if number else stem
    with named_errors('the Runner'):
        return SaliencyRunner(
            model=model, work_dir=str(work_dir), default_scope=SCOPE, cfg=noted, **arguments
        )
