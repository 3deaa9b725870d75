"""What a killed run leaves in its folder: results that were being put together, tables that were being written."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ..io.locks import lacks_locks, taken_within, try_lock
from ..models.staging import lock_of, remove_abandoned
from .journal import FOLDER, journals

STAGING = "staging"
# Of io.atomic: a file on its way to its name.
_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.tmp(\.\w+)*")
_TABLES_LOCK = "tables.lock"
_TABLES_PATIENCE = 60.0
# A file that is being written changes all the time; the last thing that happens to it, being forced to the disk, takes
# minutes at most. An hour also covers clocks of machines that differ.
_OLD_SECONDS = 3600.0


@contextlib.contextmanager
def writing_tables(folder: Path) -> Iterator[None]:
    """Tells runs that end meanwhile that a table or page on its way to its name in ``folder`` is no leftover.

    Another one that writes is waited for, but not for ever: nothing is lost where both write, each file is put in place
    whole. A folder that no run has written to, or whose lock cannot be had, is written to as it is.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = stack.enter_context((folder / FOLDER / _TABLES_LOCK).open("ab"))
            taken_within(file.fileno(), _TABLES_PATIENCE)
        yield


def clear(output: Path, own: Path) -> None:
    """Removes what killed runs have left, unless a run is going on beside this one.

    Whatever a living process still holds is left alone; what other runs may need is judged by its age then, see
    :func:`~UNetSegmentLib.models.staging.remove_abandoned`.

    Args:
        output: folder of the run.
        own: the journal that this process has locked.
    """
    staging = output / FOLDER / STAGING
    remove_abandoned(staging)
    if any(_in_use(path) for path in journals(output) if path != own):
        return
    with contextlib.suppress(OSError):
        for item in staging.iterdir():
            lock = lock_of(item)
            if not item.is_symlink() and item.is_dir() and not (lock.exists() and _in_use(lock)):
                shutil.rmtree(item, ignore_errors=True)
    _clear_temporaries(output)
    # Without a lock of their own: a part that begins just now writes its state there.
    _remove_temporaries(output / FOLDER, _OLD_SECONDS)


def _clear_temporaries(output: Path) -> None:
    """Those of tables: all, while nobody writes one; old ones alone where the file system cannot tell."""
    try:
        with (output / FOLDER / _TABLES_LOCK).open("ab") as file:
            if try_lock(file.fileno()):
                _remove_temporaries(output, 0.0)
    except OSError as error:
        if lacks_locks(error):
            _remove_temporaries(output, _OLD_SECONDS)


def _remove_temporaries(folder: Path, older: float) -> None:
    """Those that have not changed for so many seconds."""
    now = time.time()
    with contextlib.suppress(OSError):
        for item in folder.iterdir():
            if not _TEMPORARY.fullmatch(item.name) or item.is_symlink() or not item.is_file():
                continue
            if not older or now - item.stat().st_mtime > older:
                item.unlink(missing_ok=True)


def _in_use(path: Path) -> bool:
    """Whether a process holds the lock of a file."""
    try:
        with path.open("rb+") as file:
            return not try_lock(file.fileno())
    except OSError as error:
        return lacks_locks(error)  # nobody knows
