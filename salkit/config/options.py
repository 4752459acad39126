"""Overriding entries of configs, strictly."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config, ConfigDict

from ..builder import parameters_of, resolve
from ..errors import ConfigError
from ..registry import DATASETS, DECODERS, ENCODERS, LOSSES, METRICS
from ..utils.text import nearest_names
from .option_values import parse_value

# The arguments of mmengine's Runner, written out because importing it takes seconds.
RUNNER_KEYS = {
    'auto_scale_lr': "mmengine's: the learning rate follows the batch size",
    'custom_hooks': 'a list of hooks beside the default ones',
    'data_preprocessor': "mmengine's: the model's own is made by `SaliencyModel`",
    'default_hooks': 'hooks by name; None takes one away',
    'default_scope': "where the names of types are looked up first: 'salkit'",
    'env_cfg': 'how processes and GPUs are set up',
    'experiment_name': 'of the run, in its log',
    'launcher': 'how the processes of a distributed run were started; `--launcher` sets it',
    'load_from': 'a checkpoint to start training from: a whole model, or an encoder alone',
    'log_level': 'DEBUG, INFO, WARNING, ERROR or CRITICAL',
    'log_processor': 'over how many steps logged losses are averaged',
    'model': 'encoder, decoder and losses; see `SaliencyModel`',
    'optim_wrapper': 'the optimizer, its rates, clipping, accumulation and precision',
    'param_scheduler': 'how rates change: one schedule or a list; None for constant ones',
    'randomness': 'the seed, and whether kernels have to repeat themselves',
    'resume': 'whether the newest checkpoint of the work dir is gone on from; `--resume` sets it',
    'test_cfg': 'the loop of testing',
    'test_dataloader': 'what is tested on: batches, workers, the data set',
    'test_evaluator': 'what a test is scored with',
    'train_cfg': 'the loop of training: epochs, validation, parts of a step on a CPU',
    'train_dataloader': 'what is trained on',
    'val_cfg': 'the loop of validation',
    'val_dataloader': 'what is validated on',
    'val_evaluator': 'what a validation is scored with',
    'visualizer': 'where losses, scores and pictures of a run go',
    'work_dir': 'for logs and checkpoints; `--work-dir` comes before it',
}
# Keys that a config may hold beside them.
SALKIT_KEYS = {
    'data_root': 'root of every data set in the config that names none itself',
    'dataset_type': 'class of every data set in the config that names none itself',
    'model_wrapper_cfg': "mmengine's: how the model is wrapped for distributed training",
    'strategy': 'how a model too large for one process is shared out, see `salkit.engine.FSDP2`',
    'find_unused_parameters': "mmengine's: for parts of a model that a step leaves out",
    'sync_bn': "mmengine's: batch norm over the batches of all processes",
    'activation_checkpointing': "mmengine's: modules recomputed in the backward pass",
    'efficient_conv_bn_eval': "mmengine's: modules with convolution and norm fused",
    'compile': "mmengine's: options of torch.compile",
    'custom_imports': "Python files of one's own to run, see `import_modules`",
}
DATALOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Where the classes of a config's parts are registered, by the part.
REGISTRIES = {
    'encoder': ENCODERS,
    'decoder': DECODERS,
    'fusion': DECODERS,
    'branches': DECODERS,
    'losses': LOSSES,
    'dataset': DATASETS,
    'val_evaluator': METRICS,
    'test_evaluator': METRICS,
}


def dataset_configs(dataset: object) -> Iterator[ConfigDict]:
    """Every data set dict inside `dataset`, wrappers such as ConcatDataset looked into."""
    if isinstance(dataset, (list, tuple)):
        for item in dataset:
            yield from dataset_configs(item)
    elif isinstance(dataset, Mapping):
        inner = dataset.get('datasets', dataset.get('dataset'))
        if inner is not None:
            yield from dataset_configs(inner)
        else:
            yield dataset


def missing_data_roots(cfg: Config, *loaders: str) -> list[str]:
    """The folders of data sets of these loaders that do not exist."""
    roots = [
        str(dataset.get('data_root') or '')
        for loader in loaders
        for dataset in dataset_configs((cfg.get(loader) or {}).get('dataset'))
    ]
    # A plugin's data set may lie in a file, or elsewhere than on this machine.
    local = [root for root in roots if root and '://' not in root]
    return [root for root in local if not os.path.exists(os.path.expanduser(root))]


def parse_options(items: list[str] | None) -> dict[str, object]:
    """Turn `key=value` strings of a command line into values, see `parse_value`.

    Raises:
        ConfigError: an item without `=` or with unbalanced brackets.
    """
    options = {}
    for item in items or ():
        key, equals, value = item.partition('=')
        if not equals or not key:
            raise ConfigError(f'--cfg-options: expected key=value, got {item!r}')
        try:
            options[key] = parse_value(value)
        except ConfigError as error:
            raise ConfigError(f'--cfg-options {item[:200]}: {error}') from None
    return options


def _descend(node: Any, part: str, full_key: str) -> Any:
    """The entry `part` of `node`; ConfigError where there is none."""
    if isinstance(node, (list, tuple)):
        if not part.isdecimal() or int(part) >= len(node):
            raise ConfigError(
                f'--cfg-options {full_key}: expected an index of a list of {len(node)} entries, '
                f'got {part!r}'
            )
        return node[int(part)]
    if not isinstance(node, Mapping):
        raise ConfigError(f'--cfg-options {full_key}: there is nothing inside {node!r} to override')
    if part not in node:
        hint = nearest_names(part, node, most=1, cutoff=0.6, there='there:')
        raise ConfigError(
            f'--cfg-options {full_key}: the config has no {part!r}; {hint} '
            f'(+{full_key}=... adds a key)'
        )
    return node[part]


def _set_option(cfg: Config, key: str, value: Any) -> None:
    adds = key.startswith('+')
    key = key.removeprefix('+')
    # Dicts inside become what the config's own are.
    value = ConfigDict(value=value)['value']
    *parents, last = key.split('.')
    node: Any = cfg._cfg_dict
    for part in parents:
        if adds and isinstance(node, dict) and part not in node:
            node[part] = ConfigDict()
        node = _descend(node, part, key)
    if isinstance(node, tuple):
        raise ConfigError(f'--cfg-options {key}: a tuple is set as a whole, not entry by entry')
    if isinstance(node, list):
        _descend(node, last, key)
        node[int(last)] = value
        return
    if not adds:
        previous = _descend(node, last, key)
        if last == 'type' and previous != value:
            _drop_foreign_arguments(node, key, value)
    elif not isinstance(node, Mapping):
        raise ConfigError(f'--cfg-options +{key}: {node!r} takes no keys')
    node[last] = value


def _drop_foreign_arguments(node: ConfigDict, key: str, new_type: str) -> None:
    """Leave out the old class's arguments that the new one does not have."""
    parts = key.split('.')[:-1]
    registry = next((REGISTRIES[p] for p in reversed(parts[-2:]) if p in REGISTRIES), None)
    if registry is None:
        return
    parameters, open_ended = parameters_of(resolve(registry, new_type))
    if open_ended:
        return
    for argument in list(node):
        if argument == 'init_cfg':
            # Every encoder may be given a file, but not that of another.
            node[argument] = None
        elif argument != 'type' and argument not in parameters:
            del node[argument]


def apply_options(cfg: Config, options: Mapping[str, object]) -> None:
    """Override entries of `cfg` in place.

    Args:
        cfg: what `load_config` read.
        options: values by dotted key, `train_dataloader.batch_size`. A key that does not exist is
            refused; with a leading `+` it is added. A new `type` drops the arguments of the old
            class that the new one does not have, so it is applied before its siblings.

    Raises:
        ConfigError: a key that does not exist or cannot be overridden.
    """

    def rank(key: str) -> tuple[bool, bool]:
        # Shared values first, then types, so that what is said more precisely wins.
        return key not in SALKIT_KEYS, not key.endswith('.type')

    for key in sorted(options, key=rank):
        if key in ('data_root', 'dataset_type'):
            _set_shared(cfg, key, options[key])
        else:
            _set_option(cfg, key, options[key])


def _set_shared(cfg: Config, key: str, value: Any) -> None:
    """Set a shared data set value at the top and in every data set that followed it so far."""
    inner = {'data_root': 'data_root', 'dataset_type': 'type'}[key]
    if key not in cfg:
        raise ConfigError(f'--cfg-options {key}: the config has no {key!r} to override')
    old = cfg[key]
    for name in DATALOADERS:
        for dataset in dataset_configs((cfg.get(name) or {}).get('dataset')):
            if dataset.get(inner) != old:
                continue
            if inner == 'type' and value != old:
                _drop_foreign_arguments(dataset, 'dataset.type', value)
            dataset[inner] = value
    cfg[key] = value
