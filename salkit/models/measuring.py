"""Times of parts, memory and matrix products, measured on the machine at hand."""

from __future__ import annotations

import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..utils.parallel import usable_cores
from ..utils.processor import processor_instructions, processor_name

MIB = 2**20
_STATUS, _CLEAR_REFS = Path('/proc/self/status'), Path('/proc/self/clear_refs')


@dataclass(frozen=True)
class Timing:
    """Seconds that one thing took, several times.

    Attributes:
        median_s: in the middle.
        min_s: the shortest.
        max_s: the longest.
        times: how many were measured.
    """

    median_s: float
    min_s: float
    max_s: float
    times: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        """Sum up measured times, at least one."""
        return cls(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


def median_parts(passes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median time of each part over several passes with the same parts."""
    return {name: statistics.median(each[name] for each in passes) for name in passes[0]}


class PartTimes:
    """How long parts take, on a GPU by its own clock.

    Args:
        device: that they run on.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._spans: list[tuple[str, float | torch.cuda.Event, float | torch.cuda.Event]] = []
        self._begun: dict[str, float | torch.cuda.Event] = {}

    def _mark(self) -> float | torch.cuda.Event:
        if self._device.type != 'cuda':
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def _begin(self, name: str) -> None:
        self._begun[name] = self._mark()

    def _end(self, name: str) -> None:
        self._spans.append((name, self._begun.pop(name), self._mark()))

    def watch(self, parts: Mapping[str, nn.Module]) -> None:
        """Time every call of these modules from now on."""
        for name, module in parts.items():
            module.register_forward_pre_hook(lambda *_, name=name: self._begin(name))
            module.register_forward_hook(lambda *_, name=name: self._end(name))

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a block."""
        self._begin(name)
        yield
        self._end(name)

    def take(self) -> dict[str, float]:
        """Seconds of each part since they were last taken, in the order in which they ended."""
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)
        found: dict[str, float] = {}
        for name, begin, end in self._spans:
            if isinstance(begin, float) and isinstance(end, float):
                seconds = end - begin
            else:
                assert isinstance(begin, torch.cuda.Event) and isinstance(end, torch.cuda.Event)
                seconds = begin.elapsed_time(end) / 1000
            found[name] = found.get(name, 0.0) + seconds
        self._spans.clear()
        return found


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    if _STATUS.exists():
        # Not `ru_maxrss`, which a process that was started inherits from the one that started it.
        return _status('VmHWM')
    # Windows has no such module.
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == 'darwin' else 2**10)


def _status(entry: str) -> int:
    found = re.search(rf'{entry}:\s*(\d+) kB', _STATUS.read_text())
    return int(found[1]) * 2**10 if found else 0


class PeakMemory:
    """The most memory held since this was made, beyond what was held then.

    Of the GPU's allocator, or of the whole process on a CPU, where Linux lets the mark be reset.

    Args:
        device: that is watched.
    """

    def __init__(self, device: str) -> None:
        self._gpu = torch.device(device) if torch.device(device).type == 'cuda' else None
        self._before: int | None = None
        if self._gpu is not None:
            torch.cuda.reset_peak_memory_stats(self._gpu)
            self._before = torch.cuda.memory_allocated(self._gpu)
            return
        try:
            _CLEAR_REFS.write_text('5')
        except OSError:
            return
        self._before = _status('VmRSS')

    def mib(self) -> float | None:
        """In MiB; None where it cannot be told."""
        if self._before is None:
            return None
        gpu = self._gpu
        peak = peak_memory() if gpu is None else torch.cuda.max_memory_allocated(gpu)
        return round(max(0, peak - self._before) / MIB, 1)


@dataclass(frozen=True)
class Machine:
    """What was measured on.

    Attributes:
        cpu: model of the processor.
        cores: that this process may use.
        threads: of PyTorch.
        instructions: for products of matrices, see `processor_instructions`.
        gpu: its name, None for the CPU.
        torch: version of PyTorch.
        cuda: version of CUDA, None for the CPU.
        system: the operating system.
    """

    cpu: str
    cores: int
    threads: int
    instructions: tuple[str, ...]
    gpu: str | None
    torch: str
    cuda: str | None
    system: str


def describe_machine(device: str) -> Machine:
    """The machine at hand, measured on `device`."""
    gpu = torch.device(device) if torch.device(device).type == 'cuda' else None
    return Machine(
        cpu=processor_name(),
        cores=usable_cores(),
        threads=torch.get_num_threads(),
        instructions=processor_instructions(),
        gpu=None if gpu is None else torch.cuda.get_device_name(gpu),
        torch=torch.__version__,
        cuda=None if gpu is None else torch.version.cuda,
        system=platform.system(),
    )


@dataclass(frozen=True)
class MatrixProduct:
    """A product (rows, inner) x (inner, columns)."""

    rows: int
    inner: int
    columns: int

    @property
    def flops(self) -> int:
        """A multiplication and an addition being two."""
        return 2 * self.rows * self.inner * self.columns

    def operands(self, dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
        """Two random matrices."""
        return (
            torch.randn(self.rows, self.inner, device=device).to(dtype),
            torch.randn(self.inner, self.columns, device=device).to(dtype),
        )


def largest_product(module: nn.Module, run: Callable[[], object]) -> MatrixProduct:
    """The largest product of matrices that a linear layer or convolution makes in `run()`.

    The one whose shortest side is longest, which memory limits least; of several, the most costly.

    Raises:
        ConfigError: there is none.
    """
    found: list[MatrixProduct] = []

    def note(layer: nn.Module, _: object, out: Tensor) -> None:
        assert isinstance(layer.weight, Tensor)
        columns = layer.weight.shape[0]
        found.append(
            MatrixProduct(out.numel() // columns, layer.weight.numel() // columns, columns)
        )

    kinds = (nn.Linear, nn.Conv2d, nn.Conv3d)
    layers = [part for part in module.modules() if isinstance(part, kinds)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise ConfigError(f'{type(module).__name__}: expected a linear layer or convolution in it')
    return max(found, key=lambda each: (min(each.rows, each.inner, each.columns), each.flops))
