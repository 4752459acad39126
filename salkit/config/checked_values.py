"""The entries of configs whose values can be told right from wrong before anything is built."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mmengine.config import Config

from ..errors import ConfigError
from .option_values import MOST_DEPTH
from .options import DATALOADERS

LOG_LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')


@dataclass(frozen=True)
class Expected:
    """What an entry may hold.

    Attributes:
        text: it in words.
        kinds: its types; a bool is no number here.
        low: the least of a number.
        high: the most.
        none: whether it may be None, which mostly means that it is left out.
    """

    text: str
    kinds: tuple[type, ...]
    low: float = -math.inf
    high: float = sys.float_info.max
    none: bool = True

    def fits(self, value: object) -> bool:
        """Whether `value` is one of these."""
        if isinstance(value, bool):
            return bool in self.kinds
        if isinstance(value, (int, float)):
            return isinstance(value, self.kinds) and self.low <= value <= self.high
        return self.none if value is None else isinstance(value, self.kinds)


def _whole(low: int, none: bool = False, high: float = sys.float_info.max) -> Expected:
    between = f'of at least {low}' if high == sys.float_info.max else f'from {low} to {high}'
    return Expected(f'a whole number {between}', (int,), low, high, none)


_DICT = Expected('a dict', (Mapping,))
_DICTS = Expected('a dict or a list of dicts', (Mapping, list, tuple))
_LIST = Expected('a list', (list, tuple))
_TEXT = Expected('text (in quotes, should it hold a comma)', (str, os.PathLike))
_FLAG = Expected('True or False', (bool,))
_AMOUNT = Expected('a number of at least 0', (int, float), 0)

# By dotted key, where * is any one part; what is not there is not looked at. Classes check their
# own arguments.
EXPECTED = {
    **dict.fromkeys(
        (
            'model',
            'train_cfg',
            'val_cfg',
            'test_cfg',
            'optim_wrapper',
            'optim_wrapper.optimizer',
            'optim_wrapper.clip_grad',
            'default_hooks',
            'default_hooks.*',
            'custom_hooks.*',
            'env_cfg',
            'env_cfg.mp_cfg',
            'env_cfg.dist_cfg',
            'randomness',
            'log_processor',
            'visualizer',
            'auto_scale_lr',
            'model_wrapper_cfg',
        ),
        _DICT,
    ),
    **dict.fromkeys(('param_scheduler', 'val_evaluator', 'test_evaluator'), _DICTS),
    **dict.fromkeys(('data_root', 'load_from', 'work_dir', 'experiment_name'), _TEXT),
    **dict.fromkeys(
        (f'default_hooks.checkpoint.{key}' for key in ('out_dir', 'filename_tmpl')), _TEXT
    ),
    'custom_hooks': _LIST,
    'resume': _FLAG,
    'train_cfg.by_epoch': _FLAG,
    'train_cfg.max_epochs': _whole(1),
    'train_cfg.max_iters': _whole(1),
    'train_cfg.cpu_parts': _whole(1),
    'train_cfg.val_interval': _whole(1),
    'train_cfg.val_begin': _whole(0),
    'optim_wrapper.optimizer.lr': Expected('a number of at least 0', (int, float), 0, none=False),
    'optim_wrapper.optimizer.weight_decay': _AMOUNT,
    'optim_wrapper.clip_grad.max_norm': _AMOUNT,
    'optim_wrapper.accumulative_counts': _whole(1),
    'default_hooks.checkpoint.interval': _whole(-1),
    'default_hooks.checkpoint.max_keep_ckpts': _whole(-1),
    'default_hooks.logger.interval': _whole(1),
    'log_processor.by_epoch': _FLAG,
    'log_processor.window_size': _whole(1),
    'randomness.seed': _whole(0, none=True, high=2**32 - 1),
    'randomness.deterministic': _FLAG,
}
for _loader in DATALOADERS:
    EXPECTED |= {
        _loader: _DICT,
        f'{_loader}.dataset': _DICT,
        f'{_loader}.dataset.pipeline': _LIST,
        f'{_loader}.dataset.data_root': _TEXT,
        f'{_loader}.sampler': _DICT,
        f'{_loader}.batch_size': _whole(1),
        f'{_loader}.num_workers': _whole(0),
        f'{_loader}.prefetch_factor': _whole(1, none=True),
        f'{_loader}.persistent_workers': _FLAG,
        f'{_loader}.drop_last': _FLAG,
    }


def check_values(cfg: Config) -> None:
    """Check the entries of a config that `EXPECTED` names; `log_level` may be in any case.

    Raises:
        ConfigError: a value of another kind, out of its range, or dicts nested without end.
    """
    _check_depth(cfg._cfg_dict)
    for key, expected in EXPECTED.items():
        for path, value in _entries(cfg._cfg_dict, key.split('.')):
            if not expected.fits(value):
                raise ConfigError(f'{path}: expected {expected.text}, got {value!r}')
    level = cfg.get('log_level')
    if isinstance(level, str) and level.upper() in LOG_LEVELS:
        cfg.log_level = level.upper()
    elif level is not None and not isinstance(level, int):
        raise ConfigError(f'log_level: expected one of {", ".join(LOG_LEVELS)}, got {level!r}')


def _entries(node: object, parts: list[str], path: str = '') -> Iterator[tuple[str, object]]:
    """The entries of `node` that a key stands for, with their own keys."""
    if not parts:
        yield path, node
        return
    pairs: Iterator[tuple[object, object]] = iter(())
    if isinstance(node, Mapping):
        pairs = iter(node.items())
    elif isinstance(node, (list, tuple)):
        pairs = iter(enumerate(node))
    for name, inner in pairs:
        if parts[0] in ('*', name):
            yield from _entries(inner, parts[1:], f'{path}.{name}' if path else str(name))


def _check_depth(node: object, depth: int = 0) -> None:
    if depth > MOST_DEPTH:
        raise ConfigError(f'expected entries nested up to {MOST_DEPTH} deep, got more')
    if isinstance(node, Mapping):
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for value in node:
            _check_depth(value, depth + 1)
