"""The Runner: mmengine's, with safe checkpoints and helpful errors."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from pprint import pformat
from typing import Any

import mmengine
import torch
from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process, master_only
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop, Runner
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.optim import Optimizer
from torch.utils.data import DataLoader, IterableDataset

from ..builder import named_errors
from ..checkpoints import (
    Checkpoint,
    FitReport,
    check_finite,
    load_weights,
    read_checkpoint,
    write_checkpoint,
)
from ..checkpoints.sharded import is_sharded
from ..config.find import config_name
from ..config.load import plain_config
from ..errors import CheckpointError, ConfigError, SalkitError, one_line
from ..metrics import SaliencyMetric
from ..plugin import plugins_of
from ..registry import RUNNERS
from ..types import is_lower_better
from ..utils.files import locked_folder, whole_file
from ..utils.leftovers import remove_leftovers
from ..utils.text import check_choice
from ..version import __version__
from .hooks.epoch_line import EpochLineHook, no_bar_left
from .hooks.safe_checkpoint import SafeCheckpointHook
from .loader import WORKER_TIMEOUT, WatchedDataLoader
from .loops import ResumableEpochLoop, ResumableIterLoop
from .schedules import follow_new_end
from .sharding import optimizer_state_for, strategy_of, whole
from .state import is_at_update, pack_message_hub, plain, unpack_message_hub
from .stopping import StopSignals, TrainingStopped
from .terminal import keep_pages_off_terminal

# The points of a run at which hooks set up what they were configured to do.
_SETTING_UP = ('before_run', 'before_train', 'before_val', 'before_test')
# What mmengine, which looks at no value, raises where a checkpoint holds others than it wrote.
_OF_STRANGE_STATES = (
    *(AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError),
)
# Registered whether a config names them or not, so that None takes them away.
_HOOKS_OF_MMENGINE = {
    *('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')
}


@RUNNERS.register_module()
class SaliencyRunner(Runner):
    """mmengine's Runner whose checkpoints are whole, plain and strictly loaded.

    They are streamed to disk (a second copy of a large model does not fit many machines), hold
    nothing but tensors and plain values, so that they load with `weights_only=True`, and must fit
    the model in every entry.

    Attributes:
        stop_signals: what was asked from outside, see `StopSignals`.
    """

    stop_signals = StopSignals()
    _may_write = False

    def train(self) -> nn.Module:
        """Train; one run at a time in a work dir.

        After an error that leaves the weights as they were, a checkpoint is written before it goes
        on its way.

        Raises:
            TrainingStopped: the run was ended by a signal.
            ConfigError: another run is at work in the work dir.
        """
        with ExitStack() as stack:
            if is_main_process():
                lock = stack.enter_context(locked_folder(self.work_dir, '.lock', 'salkit train'))
                # Some disks have no locks.
                remove_leftovers(Path(self.work_dir), whoever='.pth' if lock.is_locked else None)
            self._may_write = True
            self.dump_config()
            savers = [hook for hook in self.hooks if isinstance(hook, SafeCheckpointHook)]
            # Any other loop ends as any other command does.
            own_loop = not isinstance(self._train_loop, dict) or 'type' not in self._train_loop
            if savers and own_loop:
                self.stop_signals = stack.enter_context(StopSignals())
                stack.callback(delattr, self, 'stop_signals')
            stack.enter_context(self._ended_with_a_checkpoint(savers))
            stack.enter_context(no_bar_left(self.hooks))
            model = super().train()
            if self.stop_signals.noted:
                # It came with the last checkpoint.
                raise TrainingStopped(self.stop_signals.noted, savers[0].last_ckpt)
            return model

    @contextmanager
    def _ended_with_a_checkpoint(self, savers: list[SafeCheckpointHook]) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            loop = self._train_loop
            # Shards are written by all processes together.
            able = is_main_process() and self.strategy is None
            between = able and getattr(loop, 'between_steps', False) and loop.iter > 0
            for hook in savers if between and isinstance(error, SalkitError) else ():
                # What went wrong first is what counts.
                with suppress(OSError, SalkitError):
                    hook.write_now(self, loop.epoch, loop.iter)
                if hook.last_ckpt:
                    error.args = (f'{one_line(error)}; --resume goes on from {hook.last_ckpt}',)
            # Curves up to here would be lost.
            self.visualizer.close()
            raise
        finally:
            for part in (self._train_loop, self._val_loop):
                loader = getattr(part, 'dataloader', None)
                if isinstance(loader, WatchedDataLoader):
                    loader.end_workers()

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """A loader whose workers are watched; `seeded`, with the random numbers of their place."""
        if isinstance(dataloader, DataLoader):
            iterable = isinstance(dataloader.dataset, IterableDataset)
            if iterable or isinstance(dataloader, WatchedDataLoader):
                return dataloader
            return WatchedDataLoader(dataloader, seed, False)
        options = dict(dataloader)
        seeded = options.pop('seeded', False)
        timeout = options.get('timeout', WORKER_TIMEOUT)
        options['timeout'] = options.pop('worker_timeout', timeout)
        if not options.get('num_workers'):
            # A leaf may set num_workers=0 over a base that keeps its workers.
            options |= dict(persistent_workers=False, timeout=0)
        return WatchedDataLoader(
            Runner.build_dataloader(options, seed, diff_rank_seed), seed, seeded
        )

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
        report = self._load_model_state(read)
        hub = read.rest.get('message_hub')
        if isinstance(hub, dict):
            content['message_hub'] = unpack_message_hub(hub)
        self._has_loaded = True
        self.logger.info(report.headline)
        if report.part == 'encoder':
            self.logger.warning(f'{filename} holds an encoder alone: the decoder starts anew')
        return content

    @property
    def resumed_from(self) -> Path | None:
        """The checkpoint that the run goes on from; None where it begins."""
        return Path(self._load_from).absolute() if self._resume and self._load_from else None

    @property
    def bare_model(self) -> nn.Module:
        """The model without what wraps it in a distributed run."""
        return self.model.module if is_model_wrapper(self.model) else self.model

    def _init_model_weights(self) -> None:
        """Load what the model's `init_cfg`s name, unless the run goes on from a checkpoint."""
        # Those of a model in shards were loaded before it was sharded.
        if self._resume or isinstance(self.model, FSDPModule):
            return
        super()._init_model_weights()
        model = self.bare_model
        encoder = getattr(model, 'encoder', None)
        named = getattr(model, 'pretrained', True) or getattr(encoder, 'pretrained', None)
        if not self._load_from and not named:
            self.logger.info(
                'The encoder starts from random weights: model.encoder.init_cfg names no file'
            )

    # What is seen of a run.

    def build_logger(
        self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: object
    ) -> MMLogger:
        """The logger; beside an EpochLineHook, only lines for people go to the terminal."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        # Asked of the config: pages are logged before there are hooks.
        hooks = (self.cfg.get('default_hooks') or {}).values()
        if any(hook and hook.get('type') == EpochLineHook.__name__ for hook in hooks):
            keep_pages_off_terminal(logger)
        return logger

    def register_default_hooks(self, hooks: dict[str, Hook | dict | None] | None = None) -> None:
        """Register the hooks of every run; one set to None is left out, mmengine's or not."""
        given = dict(hooks or {})
        left_out = {name for name in given if given[name] is None} - _HOOKS_OF_MMENGINE
        super().register_default_hooks({n: hook for n, hook in given.items() if n not in left_out})

    def test(self) -> dict[str, float]:
        """Score the model on the test set; gives the scores."""
        with no_bar_left(self.hooks):
            return super().test()

    # A model in shards ------------------------------------------------------------------------

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model for a distributed run, by the config's `strategy` where there is one."""
        self.strategy = None if self._train_loop is None else strategy_of(self.cfg)
        if self.strategy is None:
            return super().wrap_model(model_wrapper_cfg, model)
        if not self.distributed:
            self.logger.warning(
                'The strategy is not used: one process holds the whole model. Start several, see '
                '--launcher'
            )
            return super().wrap_model(model_wrapper_cfg, model)
        self._init_model_weights()
        return self.strategy.wrap(model)

    @property
    def _writes_in_shards(self) -> bool:
        return self.strategy is not None and self.strategy.checkpoint == 'sharded'

    def _model_state(self) -> dict[str, Tensor]:
        """The whole model's weights, complete in the main process; all processes call this."""
        state = self.bare_model.state_dict()
        return state if self.strategy is None else whole(state)

    def _optimizer_state(self) -> dict[str, object]:
        """The optimizer's state, complete in the main process; all processes call this."""
        state = self.optim_wrapper.state_dict()
        return state if self.strategy is None else whole(state)

    def _load_model_state(self, checkpoint: Checkpoint) -> FitReport:
        """Load the weights of a checkpoint; all processes call this."""
        return load_weights(self.bare_model, checkpoint, accept_encoder=True)

    def _load_optimizer_state(self, state: Any, shards: Path | None = None) -> None:
        """Load the state of an optimizer, see `optimizer_state_for`; all processes call this."""
        if isinstance(self.optim_wrapper, OptimWrapperDict):
            # Strategies have one.
            self.optim_wrapper.load_state_dict(state)
            return
        self.optim_wrapper.load_state_dict(optimizer_state_for(self.optim_wrapper, state, shards))

    # What a config names, where a value that does not fit is one error that names the entry.

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """The training loop; unless its type is named, one that can begin within an epoch."""
        with named_errors('train_cfg or train_dataloader'):
            if isinstance(loop, dict) and 'type' not in loop:
                loop = dict(loop)
                by_epoch = loop.pop('by_epoch')
                loop['type'] = ResumableEpochLoop if by_epoch else ResumableIterLoop
            return super().build_train_loop(loop)

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """The validation loop, whose metrics know their data set."""
        with named_errors('val_cfg, val_dataloader or val_evaluator'):
            built = _introduce_dataset(super().build_val_loop(loop))
        for hook in self.hooks:
            if isinstance(hook, CheckpointHook):
                _check_save_best(hook, built)
        return built

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """The testing loop, whose metrics know their data set."""
        with named_errors('test_cfg, test_dataloader or test_evaluator'):
            return _introduce_dataset(super().build_test_loop(loop), testing=True)

    def build_optim_wrapper(
        self, optim_wrapper: Optimizer | OptimWrapper | dict
    ) -> OptimWrapper | OptimWrapperDict:
        """The optimizer with what wraps it."""
        with named_errors('optim_wrapper'):
            return super().build_optim_wrapper(optim_wrapper)

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rate to the batch size, where the config asks for it."""
        with named_errors('auto_scale_lr'):
            super().scale_lr(optim_wrapper, auto_scale_lr)

    @master_only
    def dump_config(self) -> None:
        """Write the config to the work dir as Python, whatever it was read from.

        mmengine's own sorts its entries, but a decoder joins its branches in their order: the
        weights would mean another model.
        """
        if self._train_loop is not None and not self._may_write:
            # Another run may be at work there.
            return
        name = f'{Path(self.cfg.filename).stem if self.cfg.filename else self.timestamp}.py'
        entries = self.cfg.to_dict().items()
        text = '\n'.join(f'{k} = {pformat(v, width=100, sort_dicts=False)}' for k, v in entries)
        with whole_file(Path(self.work_dir) / name) as temporary:
            temporary.write_text(text + '\n', encoding='utf-8')

    def call_hook(self, fn_name: str, **kwargs: object) -> None:
        """Call all hooks; what they find wrong before a run begins is the config's fault."""
        with named_errors('a hook') if fn_name in _SETTING_UP else nullcontext():
            super().call_hook(fn_name, **kwargs)

    def _maybe_compile(self, target: str) -> None:
        with named_errors('compile'):
            super()._maybe_compile(target)

    def build_param_scheduler(self, scheduler: dict | list) -> list | dict[str, list]:
        """The schedulers of the optimizer."""
        with named_errors('param_scheduler'):
            return super().build_param_scheduler(scheduler)

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str = 'default',
    ) -> None:
        """Go on from a training checkpoint.

        Raises:
            CheckpointError: a checkpoint without the state of a training run, or one with NaN or
                infinity in it.
        """
        read = read_checkpoint(filename)
        lacking = {'meta', 'message_hub', 'optimizer'} - set(read.rest)
        counts = [read.meta.get(key) for key in ('epoch', 'iter')]
        if not lacking and not all(isinstance(count, int) and count >= 0 for count in counts):
            raise CheckpointError(
                f'{filename}: cannot be resumed, its epoch and iteration are {counts}, expected '
                'whole numbers of at least 0'
            )
        if lacking:
            raise CheckpointError(
                f'{filename}: cannot be resumed, it holds no {", ".join(sorted(lacking))}; '
                'use it as load_from instead'
            )
        # On a GPU, the whole state may not fit beside the model.
        place = 'cpu' if map_location == 'default' else map_location
        try:
            super().resume(filename, False, resume_param_scheduler, place)
            if resume_optimizer:
                shards = read.path if read.path and is_sharded(read.path) else None
                self._load_optimizer_state(read.rest['optimizer'], shards)
        except _OF_STRANGE_STATES as error:
            raise CheckpointError(
                f'{filename}: cannot be resumed, it holds the state of another kind of run, or of '
                f'another model or optimizer ({type(error).__name__}: {one_line(error)[:160]})'
            ) from error
        # The weights were looked at when they were loaded.
        check_finite(self.optim_wrapper.state_dict(), f'{filename}: the optimizer')
        meta, gradients = read.meta, read.rest.get('gradients')
        for name, parameter in self.bare_model.named_parameters():
            gradient = gradients.get(name) if isinstance(gradients, dict) else None
            if isinstance(gradient, Tensor) and gradient.shape == parameter.shape:
                # In the memory layout of the parameter, in which norms add up.
                parameter.grad = torch.empty_like(parameter).copy_(gradient)
        position = getattr(self.train_dataloader, 'position', None)
        if position is not None and self.seed is not None:
            # That of the checkpoint, where the config leaves it open.
            position.reseed(self.seed)
        self.train_loop.first_batch = self._first_batch(filename, meta)
        if resume_param_scheduler and self.param_schedulers is not None:
            for line in follow_new_end(self, meta.get('max_epochs')):
                self.logger.warning(line)

    def _first_batch(self, filename: str, meta: Mapping[str, object]) -> int:
        """How many batches of the epoch resumed at have been trained on."""
        now = self._epoch_shape()
        then = {key: meta.get(key) for key in now}
        # Older checkpoints were written between epochs, and do not say.
        first = meta.get('batch')
        if not isinstance(first, int) or first < 0:
            return 0
        if then != now:
            told = 'the epoch begins anew' if first else 'schedules by iteration end where they did'
            self.logger.warning(f'{filename}: an epoch was {then} there and is {now} here: {told}')
            return 0
        return first if isinstance(self.train_loop, ResumableEpochLoop) else 0

    def _epoch_shape(self) -> dict[str, int | None]:
        loader = self.train_dataloader
        return dict(
            batches_per_epoch=len(loader),
            batch_size=loader.batch_size,
            processes=get_world_size(),
        )

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

        All processes call this; the main one writes, and those of a strategy that writes in shards.

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
        # A checkpoint that no run goes on from is there to be tested and given away: one file.
        sharded = self.strategy if save_optimizer and self._writes_in_shards else None
        model = self.bare_model.state_dict() if sharded else self._model_state()
        optimizer = None
        if save_optimizer:
            optimizer = self.optim_wrapper.state_dict() if sharded else self._optimizer_state()
        if sharded is None and not is_main_process():
            return
        position = dict(epoch=self.epoch + int(by_epoch), iter=self.iter + int(not by_epoch))
        position |= meta or {}
        # Within the epoch, where it is not over.
        batch = 0
        if position['epoch'] == self.epoch:
            done = getattr(self.train_loop, 'batches_done', 0)
            batch = done + position['iter'] - self.iter
        dataset = self.train_dataloader.dataset
        checkpoint: dict[str, object] = dict(
            meta={
                **position,
                'batch': batch,
                **self._epoch_shape(),
                'max_epochs': self.max_epochs,
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
            state_dict=model,
            message_hub=pack_message_hub(self.message_hub.state_dict()),
        )
        if optimizer is not None:
            checkpoint['optimizer'] = optimizer
            if not is_at_update(self.optim_wrapper):
                if get_world_size() == 1:
                    checkpoint['gradients'] = {
                        name: parameter.grad
                        for name, parameter in self.bare_model.named_parameters()
                        if parameter.grad is not None
                    }
                else:
                    self.logger.warning(
                        f'{filename} lacks the gradients that each process has accumulated so far: '
                        'choose accumulative_counts so that it divides the batches of an epoch'
                    )
        if save_param_scheduler and self.param_schedulers is not None:
            checkpoint['param_schedulers'] = _scheduler_states(self.param_schedulers)
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        if sharded is None:
            write_checkpoint(plain(checkpoint), Path(out_dir) / filename)
        else:
            sharded.write(plain(checkpoint), Path(out_dir) / filename)


def _introduce_dataset(loop: BaseLoop, testing: bool = False) -> BaseLoop:
    """Tell those metrics of a loop that ask for it which data set they score."""
    for metric in loop.evaluator.metrics:
        if isinstance(metric, SaliencyMetric):
            metric.use_dataset(loop.dataloader.dataset, testing=testing)
    return loop


def _check_save_best(hook: CheckpointHook, loop: BaseLoop) -> None:
    """Raise ConfigError where `hook` waits for a score that is not given, or for the worst one."""
    metrics = loop.evaluator.metrics
    # What others give is known once they have given it.
    if hook.save_best and all(isinstance(metric, SaliencyMetric) for metric in metrics):
        given = [name for metric in metrics for name in metric.names]
        for name, rule in zip(hook.save_best, hook.rules, strict=True):
            check_choice('default_hooks.checkpoint', 'save_best', name, [*given, 'auto'])
            better = 'less' if is_lower_better(name) else 'greater'
            if name != 'auto' and rule != better:
                raise ConfigError(
                    f'default_hooks.checkpoint: the best {name} is the one that is {better}, '
                    f'got rule={rule!r}'
                )


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
