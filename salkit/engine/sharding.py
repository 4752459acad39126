"""Models too large for every process to hold: parameters, gradients and optimizer in shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import (
    all_reduce,
    barrier,
    broadcast_object_list,
    get_world_size,
    is_main_process,
)
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from ..builder import check_arguments, named_errors
from ..checkpoints import write_checkpoint
from ..checkpoints.finite import not_finite
from ..checkpoints.sharded import MODEL, OPTIMIZER, RUN, read_shards, write_shards
from ..errors import CheckpointError, ConfigError
from ..utils.folders import whole_folder
from ..utils.text import check_choice, listed


@dataclass(frozen=True)
class FSDP2:
    """Fully sharded data parallelism, PyTorch's `fully_shard` (a config's `strategy`).

    Every process keeps a part of each parameter, of its gradient and of what the optimizer knows
    about it, and gathers a block's parameters just before they are used. The numbers are those of
    plain data parallelism.

    Args:
        shard_modules: names of the classes whose modules are gathered one at a time; 'auto' for the
            encoder's blocks, which are what its lists and sequences of modules hold.
        mixed_precision: 'bfloat16' to compute in it; parameters stay, and gradients are added up,
            in float32. None to compute in float32.
        reshard_after_forward: free a block's parameters after its forward pass, and gather them
            again for the backward pass; False saves that time and costs the memory.
        checkpoint: 'whole' for the files that every run writes; 'sharded' for a folder in place of
            each file that a run can go on from, to which every process writes its part.

    Raises:
        ConfigError: a value that is none of these.
    """

    shard_modules: str | tuple[str, ...] | list[str] = 'auto'
    mixed_precision: str | None = None
    reshard_after_forward: bool = True
    checkpoint: str = 'whole'

    def __post_init__(self) -> None:
        check_choice('strategy', 'checkpoint', self.checkpoint, ('whole', 'sharded'))
        if self.mixed_precision is not None:
            check_choice('strategy', 'mixed_precision', self.mixed_precision, ('bfloat16',))
        if isinstance(self.shard_modules, str):
            check_choice('strategy', 'shard_modules', self.shard_modules, ('auto',))

    def wrap(self, model: nn.Module) -> nn.Module:
        """Shard a model in place over all processes; it takes whole state dicts from then on.

        Args:
            model: with the same weights in all processes.

        Raises:
            ConfigError: a parameter or a model that cannot be sharded.
        """
        single = [name for name, value in model.named_parameters() if value.ndim == 0]
        if single:
            raise ConfigError(
                f'strategy FSDP2: expected parameters of at least one axis, {listed(single)} '
                'are single numbers; train this model without a strategy'
            )
        device = get_device()
        # What the model is handed is moved to where its preprocessor was sent.
        model.data_preprocessor.to(device)
        mesh = init_device_mesh(device, (get_world_size(),))
        policy = MixedPrecisionPolicy()
        if self.mixed_precision:
            policy = MixedPrecisionPolicy(
                getattr(torch, self.mixed_precision), reduce_dtype=torch.float32
            )
        with named_errors('strategy FSDP2'):
            for block in self._blocks(model):
                fully_shard(
                    block,
                    mesh=mesh,
                    mp_policy=policy,
                    reshard_after_forward=self.reshard_after_forward,
                )
            fully_shard(model, mesh=mesh, mp_policy=policy)
        model.register_load_state_dict_pre_hook(_shard_weights)
        return model

    def _blocks(self, model: nn.Module) -> list[nn.Module]:
        """The modules to gather one at a time, inner ones first."""
        if self.shard_modules == 'auto':
            encoder = getattr(model, 'encoder', model)
            return [block for block in _listed_modules(encoder) if list(block.parameters())]
        modules = list(model.modules())
        known = {type(module).__name__ for module in modules}
        for name in self.shard_modules:
            check_choice('strategy', 'shard_modules', name, sorted(known))
        return [m for m in reversed(modules) if type(m).__name__ in self.shard_modules]

    def write(self, content: Mapping[str, Any], path: Path) -> None:
        """Write a checkpoint in shards to a folder, complete or not at all; all processes call it.

        Args:
            content: of the checkpoint; `state_dict` and `optimizer` as this process holds them, the
                rest is the main process'.
            path: the folder, on a disk that all processes share. One that is there is replaced.
        """
        content = dict(content)
        tensors = {MODEL + name: value for name, value in content.pop('state_dict').items()}
        kept: dict[int, dict[str, object]] = {}
        for index, values in content['optimizer']['state'].items():
            parts = {name: value for name, value in values.items() if isinstance(value, Tensor)}
            tensors |= {f'{OPTIMIZER}{index}.{name}': value for name, value in parts.items()}
            kept[index] = {name: value for name, value in values.items() if name not in parts}
        content['optimizer'] = {**content['optimizer'], 'state': kept}
        bad = [name for name, value in tensors.items() if not_finite(value)]
        somewhere = torch.tensor(len(bad))
        all_reduce(somewhere, 'max')
        if somewhere:
            raise CheckpointError(
                f'{path}: not written: {listed(bad) or "a part of another process"} holds NaN or '
                'infinity'
            )
        with whole_folder(path) if is_main_process() else nullcontext('') as made:
            place = [str(made)]
            broadcast_object_list(place)
            write_shards(tensors, place[0])
            if is_main_process():
                write_checkpoint(content, Path(place[0]) / RUN)
        barrier()


def strategy_of(cfg: Mapping[str, Any]) -> FSDP2 | None:
    """The strategy that a config asks for.

    Raises:
        ConfigError: one that there is not, or arguments that it does not take.
    """
    named = cfg.get('strategy')
    if named is None:
        return None
    if not isinstance(named, Mapping):
        raise ConfigError(f"strategy: expected dict(type='FSDP2', ...), got {named!r}")
    arguments = dict(named)
    check_choice('strategy', 'type', arguments.pop('type', ''), ('FSDP2',))
    check_arguments(FSDP2, arguments)
    return FSDP2(**arguments)


def whole(value: Any) -> Any:
    """A state with its shards gathered, in the memory of the CPU; all processes call this.

    Returns:
        The state in the main process; in others, whole tensors are left out to save memory.
    """
    if isinstance(value, DTensor):
        # Gathered one by one, so that no GPU has to hold them all.
        gathered = value.full_tensor()
        return gathered.cpu() if is_main_process() else None
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, Mapping):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(whole(item) for item in value)
    return value


def optimizer_state_for(
    optim_wrapper: OptimWrapper, state: Mapping[str, Any], shards: Path | None = None
) -> dict[str, Any]:
    """The state of an optimizer as one of these parameters, sharded or not, takes it.

    Args:
        optim_wrapper: the optimizer that is to take it.
        state: of a whole checkpoint, or what a checkpoint in shards holds beside the shards.
        shards: the folder of that one; no more than this process' part is read of it.
    """
    parameters = [p for group in optim_wrapper.param_groups for p in group['params']]
    state = _read_optimizer(state, shards, parameters) if shards else state
    placed = {
        index: {name: _sharded_like(parameters[index], value) for name, value in values.items()}
        for index, values in state['state'].items()
    }
    return {**state, 'state': placed}


def _read_optimizer(
    state: Mapping[str, Any], shards: Path, parameters: list[Tensor]
) -> dict[str, Any]:
    """The state of an optimizer, with the tensors that lie in shards."""

    def parameter_of(name: str) -> Tensor:
        return parameters[int(name.partition('.')[0])]

    filled = {index: dict(values) for index, values in state['state'].items()}
    for key, value in read_shards(shards, OPTIMIZER, parameter_of).items():
        index, _, name = key.partition('.')
        filled.setdefault(int(index), {})[name] = value
    return {**state, 'state': filled}


def _sharded_like(own: object, value: Any) -> Any:
    """A whole tensor in shards where the one it belongs to is; all processes call this."""
    if not isinstance(own, DTensor) or not isinstance(value, Tensor):
        return value
    if isinstance(value, DTensor) or value.shape != own.shape:
        return value
    return distribute_tensor(value, own.device_mesh, own.placements)


def _shard_weights(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: object) -> None:
    """What a sharded model does first when it loads a state dict."""
    for name, own in module.state_dict().items():
        if prefix + name in state_dict:
            state_dict[prefix + name] = _sharded_like(own, state_dict[prefix + name])


def _listed_modules(module: nn.Module, inside: bool = False) -> Iterator[nn.Module]:
    """What the outermost lists and sequences of modules hold, in the order of their use."""
    for child in module.children():
        # Classes made from these are modules of their own kind.
        is_list = type(child) in (nn.ModuleList, nn.Sequential)
        if inside and not is_list:
            yield child
        else:
            yield from _listed_modules(child, is_list)
