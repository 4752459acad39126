"""The C library's allocator of memory."""

from __future__ import annotations

import ctypes
import platform

# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT = 2**30


def keep_freed_memory() -> bool:
    """Have the process keep the memory that it frees, in place of giving it back at once.

    glibc asks the system for every block above 32 MiB anew, and the system clears it page by page,
    which takes as long as an element-wise operation on it. The process then stays as large as it
    once was, but for blocks above 1 GiB.

    Returns:
        Whether it was done; it is not without glibc, or before its version 2.35.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    kept = mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    return bool(kept and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
