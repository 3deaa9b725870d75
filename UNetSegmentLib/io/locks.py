"""A lock that two processes share and that the system drops when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..progress import CancelToken

log = logging.getLogger(__name__)

_POLL = 0.1
_QUICK_POLL = 0.05
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextlib.contextmanager
def file_lock(
    path: Path, cancel: CancelToken | None = None, waiting: Callable[[], None] | None = None
) -> Iterator[None]:
    """Holds the lock file at ``path``, waiting for whoever has it; on a file system without locks nobody is waited for.

    Args:
        path: created if missing; stays behind, empty.
        cancel: looked at while waiting.
        waiting: called once when the lock is taken by someone else.

    Raises:
        Cancelled: while waiting.
        OSError: the file cannot be made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        told = False
        while not _taken(handle, path):
            if not told and waiting is not None:
                waiting()
            told = True
            if cancel is not None:
                cancel.raise_if_cancelled()
            time.sleep(_POLL)
        yield
    finally:
        # Closing drops the lock on every system.
        os.close(handle)


def _taken(handle: int, path: Path) -> bool:
    """Whether we have the lock, or nobody can have it."""
    try:
        return try_lock(handle)
    except OSError as error:
        if not lacks_locks(error):
            raise
        # Refusing would make all of it useless there; what is guarded is checked or replaced whole anyway.
        log.warning("'%s' lies on a file system without locks", path)
        return True


def taken_within(handle: int, seconds: float) -> bool:
    """Takes the lock of an open file, waiting so long for whoever has it; whether we have it.

    Raises:
        OSError: the file system refuses, see :func:`lacks_locks`.
    """
    end = time.monotonic() + seconds
    while not try_lock(handle):
        if time.monotonic() > end:
            return False
        time.sleep(_QUICK_POLL)
    return True


def lacks_locks(error: OSError) -> bool:
    """Whether a lock was refused because the file system has none (some that clusters share are mounted so)."""
    return error.errno in _NO_LOCKS


if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = (1 << 31) - 2

    def try_lock(handle: int) -> bool:
        """Takes the lock of an open file unless somebody else holds it. Closing the file drops it."""
        # Windows locks bytes from where the file stands, which is another place for whoever has it open: all take one
        # byte far behind the end of any of these files, which need not be there.
        stands = os.lseek(handle, 0, os.SEEK_CUR)
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, stands, os.SEEK_SET)
        return True

else:
    import fcntl

    def try_lock(handle: int) -> bool:
        """Takes the lock of an open file unless somebody else holds it. Closing the file drops it."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
