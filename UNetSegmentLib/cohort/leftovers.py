"""What a killed run leaves in its folder: results that were being put together, tables that were being written."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

from ..io.locks import lacks_locks, try_lock
from ..models.staging import lock_of, remove_abandoned
from .journal import FOLDER, journals

STAGING = "staging"
# Of io.atomic: a file on its way to its name.
_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.tmp(\.\w+)*")


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
    with contextlib.suppress(OSError):
        for item in output.iterdir():
            if _TEMPORARY.fullmatch(item.name) and item.is_file() and not item.is_symlink():
                item.unlink(missing_ok=True)


def _in_use(path: Path) -> bool:
    """Whether a process holds the lock of a file."""
    try:
        with path.open("rb+") as file:
            return not try_lock(file.fileno())
    except OSError as error:
        return lacks_locks(error)  # nobody knows
