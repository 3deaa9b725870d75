"""Memory that one forward pass frees is kept for the next, where the C library would hand it back and fetch it anew.

A feature map of a 3D network is tens to hundreds of MB. glibc gives such a block back to the system as soon as it is
free and asks for new pages for the next one; the kernel then clears every page again. In a U-Net of 96^3 voxels that
is 500,000 page faults for each pass, a fifth of the processor time. Values are not touched: results are the same to the
last bit.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
import weakref

from ...budget import available_memory

# From glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3

_KEEP_ALL = (1 << 31) - 1
# The largest maps would not fit into the gaps that others leave, and are few: they come and go by themselves.
_KEEP_BLOCKS_UP_TO = 48 << 20
# Where glibc's own adaptive rule ends up as soon as a program has freed a few large blocks.
_USUAL_MMAP_THRESHOLD = 32 << 20
_USUAL_TRIM_THRESHOLD = 2 * _USUAL_MMAP_THRESHOLD
# Blocks that are kept are not always of the size that is asked for next: about a tenth more memory is in use.
_LEAST_FREE_RAM = 4 << 30

_lock = threading.Lock()
_users = 0


class MemoryReuse:
    """Keeps freed memory in the process while at least one of these lives; the last one to go gives it back.

    Does nothing where the C library is not glibc, or where memory is short.
    """

    def __init__(self) -> None:
        if _glibc() is None or available_memory() < _LEAST_FREE_RAM:
            return
        _enter()
        # Also runs at the end of the process, where giving back is harmless.
        weakref.finalize(self, _leave)


def _enter() -> None:
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _set(_KEEP_BLOCKS_UP_TO, _KEEP_ALL)


def _leave() -> None:
    global _users
    library = _glibc()
    with _lock:
        _users -= 1
        if _users == 0 and library is not None:
            _set(_USUAL_MMAP_THRESHOLD, _USUAL_TRIM_THRESHOLD)
            library.malloc_trim(0)


def _set(mmap_threshold: int, trim_threshold: int) -> None:
    library = _glibc()
    if library is not None:
        library.mallopt(_MMAP_THRESHOLD, mmap_threshold)
        library.mallopt(_TRIM_THRESHOLD, trim_threshold)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL("libc.so.6")
        for name in ("gnu_get_libc_version", "mallopt", "malloc_trim"):
            getattr(library, name)
    except (OSError, AttributeError):
        return None
    return library
