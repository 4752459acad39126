"""What the processor can do, as Linux tells it."""

from __future__ import annotations

import platform
import re
from functools import lru_cache
from pathlib import Path

# What decides how fast products of matrices are, as Linux calls it on x86 and on ARM.
INSTRUCTIONS = (
    'avx2',
    'avx512f',
    'avx512_vnni',
    'avx512_bf16',
    'amx_bf16',
    'amx_int8',
    'bf16',
    'i8mm',
)


@lru_cache(maxsize=1)
def _entries() -> tuple[str | None, frozenset[str]]:
    info = Path('/proc/cpuinfo')
    text = info.read_text() if info.exists() else ''
    name = re.search(r'^model name\s*:\s*(.+)$', text, re.M)
    flags = re.search(r'^(?:flags|Features)\s*:\s*(.+)$', text, re.M)
    return name[1] if name else None, frozenset(flags[1].split() if flags else ())


def processor_name() -> str:
    """Its model, as far as the system tells."""
    return _entries()[0] or platform.processor() or platform.machine()


def processor_instructions() -> tuple[str, ...]:
    """Those of `INSTRUCTIONS` that it has; none where the system is not Linux."""
    return tuple(name for name in INSTRUCTIONS if name in _entries()[1])


def has_bfloat16() -> bool:
    """Whether it multiplies matrices of bfloat16 by instructions of its own."""
    return not {'avx512_bf16', 'amx_bf16', 'bf16'}.isdisjoint(processor_instructions())
