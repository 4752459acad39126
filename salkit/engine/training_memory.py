"""How much memory a step of training takes, counted without taking any."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..builder import resolve
from ..config.find import config_name
from ..errors import ConfigError
from ..models.profile import clip_size, model_on_meta
from ..registry import HOOKS
from ..types import Targets
from ..utils.tabular import Record, Tabular
from .building import optim_wrapper_of

GIB = 2**30
# What no tensor shows: the GPU's context with its kernels; and, as a share, workspaces of kernels
# and what the allocator can give to nobody.
CONTEXT_GIB = 0.6
ALLOWANCE = 0.1


@dataclass(frozen=True)
class TrainingMemory(Tabular):
    """What a step of training holds, in GiB unless said otherwise.

    Attributes:
        config: its name.
        batch_size: clips that go through the model together.
        accumulation: such batches per step of the optimizer.
        precision: of the forward pass.
        parameters: parameters and buffers.
        gradients: of what is trained.
        optimizer: its state.
        averaged: the second copy of the weights that an EMAHook keeps.
        activations: what the forward pass leaves for the backward pass, the clips included.
        peak: the most that lives at once, from the second batch on.
        estimate: `peak` with the context of a GPU and an allowance, see `CONTEXT_GIB`, `ALLOWANCE`.
    """

    config: str
    batch_size: int
    accumulation: int
    precision: str
    parameters: float
    gradients: float
    optimizer: float
    averaged: float
    activations: float
    peak: float
    estimate: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        rounded = {k: round(v, 3) for k, v in asdict(self).items() if isinstance(v, float)}
        return asdict(self) | rounded

    def records(self) -> list[Record]:
        """One row."""
        return [self.to_json()]

    @property
    def headline(self) -> str:
        """What a GPU needs, in a line."""
        return f'{self.config}: a step of training takes {self.estimate:.1f} GiB of a GPU'


class _LiveMemory(TorchDispatchMode):
    """The bytes of all tensors that live, and the most so far; those of `known` do not count."""

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()
        self.now = self.most = 0
        self._storages = {id(tensor.untyped_storage()): 0 for tensor in known}

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._add(leaf.untyped_storage())
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = id(storage)
        if key not in self._storages:
            self._storages[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._remove, key)

    def _remove(self, key: int) -> None:
        self.now -= self._storages.pop(key)


def _allocate(model: nn.Module) -> None:
    """Give a model on `meta` parameters and buffers that a FakeTensorMode believes to exist."""
    parameters: dict[nn.Parameter, nn.Parameter] = {}
    for module in model.modules():
        for name, old in module._parameters.items():
            if old is not None:
                if old not in parameters:
                    empty = torch.empty(old.shape, dtype=old.dtype, device='cpu')
                    parameters[old] = nn.Parameter(empty, old.requires_grad)
                module._parameters[name] = parameters[old]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                empty = torch.empty(buffer.shape, dtype=buffer.dtype, device='cpu')
                module._buffers[name] = empty


def _normalize_in_float32(model: nn.Module) -> None:
    """Have norms computed in float32, as autocast does on a GPU and not on a CPU."""
    for module in model.modules():
        if isinstance(module, (nn.LayerNorm, nn.GroupNorm)):
            module.register_forward_pre_hook(lambda _, args: args[0].float())


def _precision(wrapper: dict) -> torch.dtype:
    """The type that a forward pass computes in."""
    kind = wrapper.get('type', 'OptimWrapper')
    if kind == 'BFloat16OptimWrapper':
        return torch.bfloat16
    if kind == 'AmpOptimWrapper':
        return getattr(torch, wrapper.get('dtype') or 'float16')
    return torch.float32


def _optimizer(wrapper: dict, model: nn.Module) -> Optimizer:
    """The optimizer of a config over the parameters of `model`."""
    kept = {key: wrapper[key] for key in ('constructor', 'paramwise_cfg') if key in wrapper}
    # Other types may insist on a GPU.
    plain = dict(kept, type='OptimWrapper', optimizer=wrapper['optimizer'])
    optimizer = optim_wrapper_of(plain, model).optimizer
    for group in optimizer.param_groups:
        # What PyTorch takes on a GPU: many parameters at a time, with room for as many results.
        if group.get('foreach', True) is None:
            group['foreach'] = True
    return optimizer


def _keeps_average(cfg: Config) -> bool:
    hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or ())]
    classes = [resolve(HOOKS, hook['type']) for hook in hooks if hook]
    return any(isinstance(cls, type) and issubclass(cls, EMAHook) for cls in classes)


def _bytes(tensors: Iterable[object]) -> int:
    """What tensors take together; several may be views of one storage."""
    storages = [t.untyped_storage() for t in tensors if isinstance(t, Tensor)]
    return sum({storage._cdata: storage.nbytes() for storage in storages}.values())


def training_memory(cfg: Config) -> TrainingMemory:
    """Count the memory of one process that trains the model of a config.

    Two batches go forward and backward through tensors that have shapes and types alone
    (`FakeTensorMode`), and every tensor is counted while it lives. Attention is taken to be a fused
    kernel that keeps no matrix of weights.

    Args:
        cfg: what `load_config` gives, with `train_dataloader` and `optim_wrapper`.

    Raises:
        ConfigError: a config that trains nothing or does not build.
    """
    for key in ('optim_wrapper', 'train_dataloader'):
        if cfg.get(key) is None:
            raise ConfigError(f'{cfg.filename}: the config has no {key}, which training needs')
    wrapper = cfg.optim_wrapper.to_dict()
    batch_size = cfg.train_dataloader.get('batch_size', 1)
    accumulation = wrapper.get('accumulative_counts', 1)
    precision = _precision(wrapper)
    model = model_on_meta(cfg)
    size = (batch_size, 3, model.encoder.clip_len, *clip_size(cfg, ('train_dataloader',)))

    with FakeTensorMode(allow_non_fake_inputs=True):
        _allocate(model)
        _normalize_in_float32(model)
        model.train()
        optimizer = _optimizer(wrapper, model)
        weights = [*model.parameters(), *model.buffers()]
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        live = _LiveMemory(weights)

        def forward() -> Tensor:
            mixed = precision != torch.float32
            with torch.autocast('cpu', dtype=precision if mixed else None, enabled=mixed):
                maps = torch.empty(batch_size, *size[-2:])
                losses = model(torch.empty(size), Targets(maps, maps), mode='loss')
                return torch.stack([*losses.values()]).sum()

        with live:
            forward().backward()
            optimizer.step()
            if accumulation == 1:
                optimizer.zero_grad()
            held = live.now
            loss = forward()
            activations = live.now - held
            loss.backward()
        state = [value for values in optimizer.state.values() for value in values.values()]
        fixed = _bytes(weights) * (2 if _keeps_average(cfg) else 1)
        peak = (fixed + live.most) / GIB
        return TrainingMemory(
            config=config_name(cfg.filename) if cfg.filename else 'config',
            batch_size=batch_size,
            accumulation=accumulation,
            precision=str(precision).removeprefix('torch.'),
            parameters=_bytes(weights) / GIB,
            gradients=_bytes(parameter.grad for parameter in trained) / GIB,
            optimizer=_bytes(state) / GIB,
            averaged=(fixed - _bytes(weights)) / GIB,
            activations=activations / GIB,
            peak=peak,
            estimate=peak * (1 + ALLOWANCE) + CONTEXT_GIB,
        )
