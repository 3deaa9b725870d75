"""The private folder of a client and the files in it: nobody else may read them, and they go with their client.

On Linux a file is unlinked as soon as it is made, before a voxel is in it, and reached through the client's descriptor
(``/proc/PID/fd/N``): whatever is killed, nothing is left on the disk. Elsewhere files have names; they go as soon as
the other side has mapped them, and a folder whose client died goes with the worker, or with the next client.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import stat
import tempfile
import time
from pathlib import Path

from ...io.locks import lacks_locks, try_lock
from .. import processes

_PREFIX = "unetsegment"
_LOCK = "lock"
_BEING_MADE = 60.0  # seconds that a folder may take to get its lock
_PATIENCE = 1.0


class HeldFile:
    """An empty file for voxels, mode 0600, that its maker holds until :meth:`release`.

    Args:
        path: where to make it; nothing stands there.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        # O_BINARY is Windows'.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        handle = os.open(path, flags, 0o600)
        reached = Path(f"/proc/{os.getpid()}/fd/{handle}")
        self._handle: int | None = None
        self.path = path
        if _is_same(reached, handle):
            path.unlink()
            self._handle, self.path = handle, reached
        else:
            os.close(handle)

    def release(self) -> None:
        """Lets it go. What is mapped stays readable. May be called again."""
        if self._handle is None:
            with contextlib.suppress(OSError):
                self.path.unlink()
            return
        handle, self._handle = self._handle, None
        # A name that is not there: the number may soon belong to another file.
        self.path = Path(f"/proc/{os.getpid()}/fd/released")
        os.close(handle)


class ExchangeFolder:
    """The private folder of one client, mode 0700; a lock in it tells that the client lives.

    Args:
        parent: where to make it; None is the system's folder for temporary files.

    Raises:
        OSError: it cannot be made there.
    """

    def __init__(self, parent: str | os.PathLike[str] | None = None) -> None:
        where = Path(parent) if parent is not None else Path(tempfile.gettempdir())
        sweep(where)
        # mkdtemp makes it with mode 0700 under a name that nobody else holds.
        self.path = Path(tempfile.mkdtemp(prefix=folder_prefix(os.getpid()), dir=where)).absolute()
        self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        with contextlib.suppress(OSError):  # a file system without locks: our number tells that we live
            try_lock(self._lock)
        self._count = 0

    def file(self, name: str) -> HeldFile:
        """A new file, whose own name (where it has one) contains ``name``. Raises OSError."""
        self._count += 1
        return HeldFile(self.path / f"{self._count}-{name}.raw")

    def remove(self) -> None:
        """Removes the folder and lets the lock go. May be called again."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        shutil.rmtree(self.path, ignore_errors=True)


def folder_prefix(pid: int) -> str:
    """How the folder of a client begins: a container may share the temporary folder but not the process numbers, so the
    machine's name is part of it."""
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    return f"{_PREFIX}-{host}-{pid}-"


def sweep(parent: Path) -> None:
    """Removes folders in ``parent`` that dead clients of this user and machine left."""
    for folder in parent.glob(f"{_PREFIX}-*"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Removes the folder of a client that is about to be gone; one whose client lives stays."""
    deadline = time.monotonic() + _PATIENCE
    while folder.exists() and time.monotonic() < deadline:
        if _is_abandoned(folder, surely_dead=True):
            shutil.rmtree(folder, ignore_errors=True)
            return
        time.sleep(0.05)


def _is_abandoned(folder: Path, surely_dead: bool = False) -> bool:
    pid = folder.name.split("-")[2] if folder.name.count("-") >= 3 else ""
    if not pid.isdecimal() or not folder.name.startswith(folder_prefix(int(pid))):
        return False
    try:
        # Someone else's folder, or a link that would lead us elsewhere, is none of our business.
        info = folder.lstat()
        if not stat.S_ISDIR(info.st_mode) or (hasattr(os, "getuid") and info.st_uid != os.getuid()):
            return False
        handle = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return not processes.alive(int(pid))
    except OSError:
        return False
    try:
        if not try_lock(handle):
            return False
    except OSError as error:
        return lacks_locks(error) and not processes.alive(int(pid))
    finally:
        os.close(handle)
    # The number may have gone to another process; a folder that has a lock nobody holds is dead all the same, unless
    # it is just being made.
    return surely_dead or not processes.alive(int(pid)) or time.time() - info.st_mtime > _BEING_MADE


def _is_same(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except (OSError, ValueError):
        return False
