"""The C library's allocator of memory."""

from __future__ import annotations

import ctypes
import platform

# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT, _MOST_KEPT = 2**30, 2**31 - 1
# What glibc comes to by itself in a process that frees large blocks.
_OWN_LARGEST, _OWN_MOST = 2**25, 2**26


def keep_freed_memory(keep: bool = True) -> bool:
    """Have the process keep the memory that it frees, in place of giving it back at once.

    glibc asks the system for every block above 32 MiB anew, and the system clears it page by page,
    which takes as long as an element-wise operation on it. The process then stays as large as it
    once was, but for blocks above 1 GiB.

    Args:
        keep: False gives back what is kept, and goes on as glibc does by itself.

    Returns:
        Whether it was done; it is not without glibc, or before its version 2.35.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    library = ctypes.CDLL(None)
    largest, most = (_LARGEST_KEPT, _MOST_KEPT) if keep else (_OWN_LARGEST, _OWN_MOST)
    # The second alone would keep nothing, and end what glibc learns by itself.
    if not library.mallopt(_M_MMAP_THRESHOLD, largest):
        return False
    done = library.mallopt(_M_TRIM_THRESHOLD, most)
    if not keep:
        library.malloc_trim(0)
    return bool(done)
