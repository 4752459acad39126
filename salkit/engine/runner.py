"""The Runner: mmengine's, with safe checkpoints and helpful errors."""

from __future__ import annotations

import copy
import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from mmengine.runner import find_latest_checkpoint as mmengine_latest
from torch import nn

from ..builder import build, check
from ..checkpoints import load_weights, read_checkpoint, write_checkpoint
from ..config.find import config_name
from ..config.load import plain_config
from ..errors import CheckpointError, ConfigError
from ..metrics import SaliencyMetric
from ..plugin import plugins_of
from ..registry import DATASETS, HOOKS, METRICS, MODELS, RUNNERS, SCOPE
from ..version import __version__
from .state import pack_message_hub, plain, unpack_message_hub

# Runs built by this process so far; mmengine keeps loggers and the like by the run's name.
_RUNS = itertools.count()


def find_latest_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint of the highest epoch or iteration in `work_dir`, or None.

    Checkpoints get their final name only when they are complete, so the newest name is safe.
    """
    found = []
    for path in Path(work_dir).glob('*.pth'):
        match = re.fullmatch(r'(epoch|iter)_(\d+)\.pth', path.name)
        if match:
            found.append((int(match[2]), path))
    return max(found)[1] if found else None


@RUNNERS.register_module()
class SaliencyRunner(Runner):
    """mmengine's Runner whose checkpoints are whole, plain and strictly loaded.

    They are streamed to disk (a second copy of a large model does not fit many machines), hold
    nothing but tensors and plain values, so that they load with `weights_only=True`, and must fit
    the model in every entry.
    """

    def load_checkpoint(
        self,
        filename: str,
        map_location: str | torch.device | None = 'cpu',
        strict: bool = True,
        revise_keys: list | None = None,
    ) -> dict[str, object]:
        """Load weights; with `resume`, also the rest of the state.

        An encoder's weights fill the encoder, and a warning says that the rest of the
        model stays as it was.

        Args:
            filename: what `salkit.checkpoints.locate` takes.
            map_location: as for `torch.load`.
            strict: must be True, entries are never dropped in silence.
            revise_keys: not supported.

        Raises:
            CheckpointError: a file that cannot be read or does not fit.
        """
        if not strict or revise_keys:
            raise CheckpointError(f'{filename}: only strict loading of unchanged keys is offered')
        read = read_checkpoint(filename, map_location)
        content = dict(read.rest, state_dict=read.weights)
        # mmengine's resume would run this entry as a Python config; a file must never run code.
        content['meta'] = {key: value for key, value in read.meta.items() if key != 'config'}
        self.call_hook('after_load_checkpoint', checkpoint=content)
        report = load_weights(self.bare_model, read, accept_encoder=True)
        hub = read.rest.get('message_hub')
        if isinstance(hub, dict):
            content['message_hub'] = unpack_message_hub(hub)
        self._has_loaded = True
        self.logger.info(report.summary)
        if report.part == 'encoder':
            self.logger.warning(f'{filename} holds an encoder alone: the decoder starts anew')
        return content

    @property
    def bare_model(self) -> nn.Module:
        """The model without what wraps it in a distributed run."""
        return self.model.module if is_model_wrapper(self.model) else self.model

    def _init_model_weights(self) -> None:
        """Load what the model's `init_cfg`s name, unless the run goes on from a checkpoint."""
        if self._resume and (self._load_from or mmengine_latest(self.work_dir)):
            return
        super()._init_model_weights()
        model = self.bare_model
        encoder = getattr(model, 'encoder', None)
        named = getattr(model, 'pretrained', True) or getattr(encoder, 'pretrained', None)
        if not self._load_from and not named:
            self.logger.info(
                'The encoder starts from random weights: model.encoder.init_cfg names no file'
            )

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """The validation loop, whose metrics know their data set."""
        return _introduce_dataset(super().build_val_loop(loop))

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """The testing loop, whose metrics know their data set."""
        return _introduce_dataset(super().build_test_loop(loop), testing=True)

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str = 'default',
    ) -> None:
        """Go on from a training checkpoint.

        Raises:
            CheckpointError: a checkpoint without the state of a training run.
        """
        lacking = {'meta', 'message_hub', 'optimizer'} - set(read_checkpoint(filename).rest)
        if lacking:
            raise CheckpointError(
                f'{filename}: cannot be resumed, it holds no {", ".join(sorted(lacking))}; '
                'use it as load_from instead'
            )
        super().resume(filename, resume_optimizer, resume_param_scheduler, map_location)

    @master_only
    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        """Write the state of the run to `out_dir/filename`, on a local disk.

        Args:
            out_dir: folder.
            filename: file in it.
            file_client_args: not supported, must be None.
            save_optimizer: include the optimizer.
            save_param_scheduler: include the schedulers.
            meta: what to note beside; the epoch and iteration that training goes on with.
            by_epoch: whether the call comes at the end of an epoch that is not counted yet.
            backend_args: not supported, must be None.
        """
        if file_client_args is not None or backend_args is not None:
            raise ConfigError('checkpoints are written to a local disk: drop backend_args')
        position = dict(epoch=self.epoch + int(by_epoch), iter=self.iter + int(not by_epoch))
        dataset = self.train_dataloader.dataset
        checkpoint: dict[str, object] = dict(
            meta={
                **position,
                **(meta or {}),
                'cfg': self.cfg.pretty_text,
                # What a reader may build the model from without running that text.
                **model_entry(self.cfg),
                'seed': self.seed,
                'experiment_name': self.experiment_name,
                'time': time.strftime('%Y%m%d_%H%M%S'),
                'mmengine_version': mmengine.__version__,
                'salkit_version': __version__,
                'dataset_meta': getattr(dataset, 'metainfo', None),
            },
            state_dict=self.bare_model.state_dict(),
            message_hub=pack_message_hub(self.message_hub.state_dict()),
        )
        if save_optimizer:
            checkpoint['optimizer'] = self.optim_wrapper.state_dict()
        if save_param_scheduler and self.param_schedulers is not None:
            checkpoint['param_schedulers'] = _scheduler_states(self.param_schedulers)
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        write_checkpoint(plain(checkpoint), Path(out_dir) / filename)


def _introduce_dataset(loop: BaseLoop, testing: bool = False) -> BaseLoop:
    """Tell those metrics of a loop that ask for it which data set they score."""
    for metric in loop.evaluator.metrics:
        if isinstance(metric, SaliencyMetric):
            metric.use_dataset(loop.dataloader.dataset, testing=testing)
    return loop


def model_entry(cfg: Config) -> dict[str, object]:
    """The config's name, the model's config as JSON and its plugins, for a checkpoint."""
    return dict(
        config_name=config_name(cfg.filename) if cfg.filename else None,
        model=json.dumps(plain_config(cfg.model)),
        plugins=plugins_of(cfg.model),
    )


def _scheduler_states(schedulers: list | dict[str, list]) -> list | dict[str, list]:
    if isinstance(schedulers, dict):
        return {name: [s.state_dict() for s in group] for name, group in schedulers.items()}
    return [scheduler.state_dict() for scheduler in schedulers]


def _as_list(value: object) -> list:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def check_components(cfg: Config) -> None:
    """Check types and arguments of everything that mmengine would build only later.

    Raises:
        ConfigError: an unknown type or argument.
    """
    for key in ('val_evaluator', 'test_evaluator'):
        for metric in _as_list(cfg.get(key)):
            check(METRICS, metric)
    hooks = [hook for hook in (cfg.get('default_hooks') or {}).values() if hook is not None]
    for hook in [*hooks, *_as_list(cfg.get('custom_hooks'))]:
        check(HOOKS, {k: v for k, v in hook.items() if k != 'priority'})


def _need(cfg: Config, key: str, owner: str = 'the config') -> Any:
    if cfg.get(key) is None:
        raise ConfigError(f'{owner} has no {key}, which this command needs')
    return cfg[key]


def _schedulers(cfg: Config) -> list[dict] | dict | None:
    """The schedulers of `cfg`, `end='max_epochs'` replaced by the number it stands for."""
    schedulers = copy.deepcopy(cfg.get('param_scheduler'))
    for scheduler in _as_list(schedulers):
        if scheduler.get('end') == 'max_epochs':
            scheduler['end'] = _need(_need(cfg, 'train_cfg'), 'max_epochs', 'train_cfg')
    return schedulers


def _open_dataloader(cfg: Config, key: str, clip_len: int | None) -> dict:
    """The data loader config with its data set opened."""
    loader = dict(cfg[key])
    dataset = build(DATASETS, _need(cfg[key], 'dataset', key))
    given = getattr(dataset, 'clip_len', None)
    if None not in (given, clip_len) and given != clip_len:
        raise ConfigError(
            f'model.encoder takes clips of {clip_len} frames, {key}.dataset gives clips of '
            f'{given}: set clip_len of both to the same number'
        )
    loader['dataset'] = dataset
    if not loader.get('num_workers'):
        # A leaf may set num_workers=0 over a base that keeps its workers.
        loader['persistent_workers'] = False
    return loader


def build_runner(cfg: Config, work_dir: str | Path, stages: tuple[str, ...]) -> SaliencyRunner:
    """Build the Runner of a config: model and data sets first, so that errors come early.

    Args:
        cfg: what `load_config` gives.
        work_dir: for logs and checkpoints.
        stages: which of 'train', 'val', 'test' it will run; other data sets are not opened.

    Raises:
        SalkitError: whatever in the config, data or checkpoints does not fit.
    """
    check_components(cfg)
    # Validation may be left out of a config, what the command is for may not.
    stages = tuple(s for s in stages if s != 'val' or cfg.get('val_dataloader') is not None)
    for stage in stages:
        for part in ('dataloader', 'cfg', *(() if stage == 'train' else ('evaluator',))):
            _need(cfg, f'{stage}_{part}')
    if 'train' in stages:
        _need(cfg, 'optim_wrapper')
    # Random initial weights follow from the seed too; the Runner would seed after building.
    seed = (cfg.get('randomness') or {}).get('seed')
    if seed is not None:
        torch.manual_seed(seed)
    model = build(MODELS, _need(cfg, 'model'))
    clip_len = getattr(getattr(model, 'encoder', None), 'clip_len', None)
    arguments: dict[str, Any] = {}
    for stage in stages:
        arguments[f'{stage}_dataloader'] = _open_dataloader(cfg, f'{stage}_dataloader', clip_len)
        arguments[f'{stage}_cfg'] = cfg[f'{stage}_cfg']
        if stage == 'train':
            arguments['optim_wrapper'] = cfg.optim_wrapper
            arguments['param_scheduler'] = _schedulers(cfg)
            arguments['auto_scale_lr'] = cfg.get('auto_scale_lr')
        else:
            # A list: mmengine takes a dict that has `metrics`, as a metric may, for an evaluator.
            arguments[f'{stage}_evaluator'] = _as_list(cfg[f'{stage}_evaluator'])
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
    if 'experiment_name' not in arguments:
        number = next(_RUNS)
        stem = Path(cfg.filename or 'run').stem
        arguments['experiment_name'] = f'{stem}_{number}' if number else stem
    return SaliencyRunner(
        model=model, work_dir=str(work_dir), default_scope=SCOPE, cfg=cfg, **arguments
    )
