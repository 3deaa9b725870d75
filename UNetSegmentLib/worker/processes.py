"""Whether another process lives, and ending it, on every platform."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

_SYNCHRONIZE = 0x00100000
_WAIT_TIMEOUT = 0x00000102


def alive(pid: int) -> bool:
    """Whether a process of this number runs (one that runs for another user counts; one that has ended but was not
    yet waited for counts too)."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _alive_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def kill(pid: int) -> None:
    """Ends a process at once. One that is gone or not ours is let be."""
    if pid <= 0 or pid == os.getpid():
        return
    # On Windows os.kill with SIGTERM is TerminateProcess.
    number = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _alive_windows(pid: int) -> bool:
    if sys.platform != "win32":
        return False
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
    if not handle:
        # Access denied means that it exists.
        return ctypes.get_last_error() == 5
    try:
        return bool(kernel.WaitForSingleObject(ctypes.c_void_p(handle), 0) == _WAIT_TIMEOUT)
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))
