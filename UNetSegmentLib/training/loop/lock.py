"""One training in a folder at a time: a lock that the operating system drops when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError
from ...io.atomic import output_error

log = logging.getLogger(__name__)

LOCK = "training.lock"
# Windows forbids others to read what is locked, so the locked byte lies behind the text.
_PLACE = 1 << 20


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for this process while the block runs.

    Where the file system knows no locks (some network drives), nothing is held.

    Raises:
        InputError: another process trains there.
        OutputError: the folder cannot be written.
    """
    path = folder / LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise output_error(path, error) from error
    try:
        if not _taken(handle):
            raise InputError(
                f"Another training runs in '{folder}'{_owner(handle)}.",
                "Wait for it, stop it, or choose another output folder.",
            )
        _write_owner(handle)
        yield
    finally:
        # Closing drops the lock. The file stays: deleting it would let a third process lock one of the same name.
        os.close(handle)


def _taken(handle: int) -> bool:
    """Whether the lock is this process's now."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _PLACE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        log.info("the run's folder cannot be locked: %s", error)
    return True


def _owner(handle: int) -> str:
    with contextlib.suppress(OSError):
        os.lseek(handle, 0, os.SEEK_SET)
        number = os.read(handle, 20).decode("ascii", "ignore").strip()
        if number.isdigit():
            return f" (process {number})"
    return ""


def _write_owner(handle: int) -> None:
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, f"{os.getpid()}\n".encode("ascii"))
