"""Folders in which something is put together before it is renamed into place, and what killed runs left of them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ..io.locks import lacks_locks, try_lock

_LOCK = ".in-use"
_NAME = re.compile(r"\.[0-9a-f]{8}\.tmp")
# Younger ones may belong to a process that has not taken its lock yet, or to a version that takes none.
_YOUNG_SECONDS = 60.0
_UNLOCKED_SECONDS = 24 * 3600.0


@contextlib.contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent``, on the same disk as what it becomes; gone at the end, whatever happens.

    Folders that killed processes left in ``parent`` are removed first. Names of such folders begin with a dot, and no
    list of models shows them.

    Args:
        parent: an existing folder.

    Raises:
        OSError: the folder cannot be made.
    """
    remove_abandoned(parent)
    folder = parent / f".{secrets.token_hex(4)}.tmp"
    folder.mkdir()
    handle = None
    try:
        # Held until the end; the system drops it when the process dies.
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        with contextlib.suppress(OSError):  # a file system without locks: its age tells then
            try_lock(handle)
        yield folder
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def lock_of(folder: Path) -> Path:
    """The file by whose lock a staging folder belongs to a living process."""
    return folder / _LOCK


def remove_abandoned(parent: Path) -> list[Path]:
    """Removes staging folders in ``parent`` whose process is gone; returns those."""
    removed = []
    try:
        found = [item for item in parent.iterdir() if _NAME.fullmatch(item.name)]
    except OSError:
        return []
    for folder in found:
        if not folder.is_symlink() and folder.is_dir() and _abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def _abandoned(folder: Path) -> bool:
    try:
        age = time.time() - folder.stat().st_mtime
        handle = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return age > _UNLOCKED_SECONDS
    except OSError:
        return False
    try:
        return age > _YOUNG_SECONDS and try_lock(handle)
    except OSError as error:
        return lacks_locks(error) and age > _UNLOCKED_SECONDS
    finally:
        os.close(handle)
