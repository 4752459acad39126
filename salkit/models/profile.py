"""What a model costs: parameters, FLOPs, time and memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from mmengine.config import Config
from torch import nn

from ..builder import build, build_on_meta
from ..checkpoints.official import dead_entries
from ..config import dataset_configs
from ..config.find import config_name
from ..decoders import MultiBranchDecoder
from ..encoders import UMTEncoder
from ..errors import ConfigError
from ..registry import MODELS
from ..utils.tabular import Record, Tabular
from .load import find_model
from .measuring import peak_memory
from .saliency_model import SaliencyModel

# The size of a clip where a config's pipelines name none.
DEFAULT_SIZE = (224, 224)


@dataclass
class ModelProfile(Tabular):
    """What the model of one config costs for one clip.

    Attributes:
        config: its name.
        clip: (T, H, W) of the clip that FLOPs and time are for.
        params_trainable: parameters that training changes.
        params_constant: parameters that it does not: the position table, frozen blocks.
        params_paper: both and the dead entries of an official checkpoint, as the paper counts; None
            for models outside the SalFoM family.
        dead_entries: number of parameters by official name that no forward pass reads.
        checkpoint_mb: size of such a checkpoint in the paper's unit, 1000 KiB (float32, 4 bytes a
            parameter); without dead entries outside the family.
        flops: floating-point operations of a forward pass, a multiplication and an addition being
            two.
        latency_ms: median time of a forward pass in milliseconds, None unless measured.
        peak_mib: most memory in MiB, of the GPU's allocator or of the whole process on a CPU; None
            unless measured.
        device: what it was measured on.
    """

    config: str
    clip: tuple[int, int, int]
    params_trainable: int
    params_constant: int
    params_paper: int | None
    dead_entries: dict[str, int]
    checkpoint_mb: float
    flops: int
    latency_ms: float | None = None
    peak_mib: float | None = None
    device: str | None = field(default=None)

    def to_json(self) -> dict[str, object]:
        """Plain values; what was not measured is left out."""
        unmeasured = () if self.latency_ms is not None else ('latency_ms', 'peak_mib', 'device')
        return {key: value for key, value in vars(self).items() if key not in unmeasured}

    def records(self) -> list[Record]:
        """One row; the dead entries are their number."""
        return [self.to_json() | dict(dead_entries=sum(self.dead_entries.values()))]

    @property
    def headline(self) -> str:
        """The model and its size, in a line."""
        parameters = self.params_trainable + self.params_constant
        frames, rows, columns = self.clip
        return (
            f'{self.config}: {parameters:,} parameters; {self.flops / 1e9:.1f} GFLOPs for a clip '
            f'of {frames} frames of {rows} x {columns} pixels'
        )


def clip_size(
    cfg: Config, loaders: Sequence[str] = ('test_dataloader', 'val_dataloader', 'train_dataloader')
) -> tuple[int, int]:
    """Rows and columns of the clips that the data sets of `cfg` give, by the first of `loaders`."""
    for loader in loaders:
        for dataset in dataset_configs((cfg.get(loader) or {}).get('dataset')):
            # What cuts clips has a size too, and comes behind what reads them.
            sizes = [t['size'] for t in dataset.get('pipeline') or () if _gives_clips(t)]
            if sizes:
                return tuple(sizes[-1])
    return DEFAULT_SIZE


def _gives_clips(transform: Mapping) -> bool:
    return transform['type'].endswith('Clip') and bool(transform.get('size'))


def model_on_meta(cfg: Config) -> SaliencyModel:
    """The model of `cfg` without memory for its weights.

    Raises:
        ConfigError: a config without a model, or one that does not build.
    """
    if cfg.get('model') is None:
        raise ConfigError(f'{cfg.filename}: the config has no model')
    return build_on_meta(MODELS, cfg.model).to('meta').eval()


def dead_parameters(model: nn.Module) -> dict[str, int] | None:
    """Parameters by official name that the authors' checkpoint holds and no forward pass reads.

    None for models outside the SalFoM family.
    """
    family = isinstance(getattr(model, 'encoder', None), UMTEncoder)
    if not family or not isinstance(getattr(model, 'decoder', None), MultiBranchDecoder):
        return None
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    return {key: torch.Size(shape).numel() for key, shape in dead_entries(shapes).items()}


def count_flops(model: nn.Module, clip: tuple[int, int, int]) -> int:
    """Floating-point operations of a forward pass of one clip (T, H, W), model on `meta`."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.zeros(1, 3, *clip, device='meta'))
    return counter.get_total_flops()


def profile(config_or_name: Config | str | Path, with_flops: bool = True) -> ModelProfile:
    """Count the model of a config without allocating it.

    Args:
        config_or_name: a loaded config, or a name of one, see `find_model`.
        with_flops: follow a clip through the model, which takes seconds; otherwise they are 0.
    """
    cfg, _ = find_model(config_or_name)
    model = model_on_meta(cfg)
    counts = {True: 0, False: 0}
    for parameter in model.parameters():
        counts[parameter.requires_grad] += parameter.numel()
    dead = dead_parameters(model)
    total = sum(counts.values()) + sum((dead or {}).values())
    clip = (model.encoder.clip_len, *clip_size(cfg))
    return ModelProfile(
        config=config_name(cfg.filename) if cfg.filename else 'config',
        clip=clip,
        params_trainable=counts[True],
        params_constant=counts[False],
        params_paper=None if dead is None else total,
        dead_entries=dead or {},
        checkpoint_mb=round(total * 4 / 1024 / 1000, 3),
        flops=count_flops(model, clip) if with_flops else 0,
    )


def measure(
    config: str, options: Mapping[str, object], device: str, seconds: float = 10.0
) -> dict[str, object]:
    """Time forward passes of one clip and note the most memory.

    To be run in a process of its own: on a CPU the memory is that of the whole process.

    Args:
        config: file or name, or a checkpoint that says its config.
        options: overrides.
        device: a torch device.
        seconds: passes are repeated for about this long, at least once after a first one.

    Returns:
        `latency_ms`, `peak_mib` and `device`, as `ModelProfile` has them.
    """
    cfg, _ = find_model(config, options=options)
    model = build(MODELS, cfg.model).to(device).eval()
    on_gpu = torch.device(device).type == 'cuda'
    clip = torch.randn(1, 3, model.encoder.clip_len, *clip_size(cfg), device=device)

    def step() -> float:
        start = time.perf_counter()
        model(clip)
        if on_gpu:
            torch.cuda.synchronize()
        return 1000 * (time.perf_counter() - start)

    with torch.inference_mode():
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        step()
        end = time.perf_counter() + seconds
        times: list[float] = []
        while not times or time.perf_counter() < end:
            times.append(step())
    if on_gpu:
        peak, name = torch.cuda.max_memory_allocated() / 2**20, torch.cuda.get_device_name()
    else:
        peak = peak_memory() / 2**20
        name = f'cpu, {torch.get_num_threads()} threads'
    return dict(latency_ms=statistics.median(times), peak_mib=round(peak, 1), device=name)
