"""Who may write to a folder now: one process a part, and parts of one division alone.

Runs that are divided otherwise have cases in common: both would compute them, and each would take the other's folders
for earlier results.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from ..io.locks import lacks_locks, taken_within
from .journal import Journal, journals, part_of
from .parts import PartState, state_of

# Another process that looks whether we are there holds a lock for a moment, too.
_PATIENCE = 3.0


@contextlib.contextmanager
def own_journal(output: Path, part: int, parts: int) -> Iterator[Journal]:
    """The journal of a part, held until the end of the block.

    Of two runs that begin at the same moment and are divided differently one may go on or none, never both: each holds
    its own journal before it looks for others.

    Raises:
        InputError: this part, or a run that is divided otherwise, is at work in the folder.
        OutputError: the journal cannot be written.
    """
    before = state_of(output, part, parts)
    if before is None:
        journal = Journal(output, part, parts)
    else:
        alive = functools.partial(before.seems_alive, output)
        journal = Journal(output, part, parts, holder=before.where, alive=alive)
    with journal:
        _refuse_beside_others(output, parts)
        yield journal


def _refuse_beside_others(output: Path, parts: int) -> None:
    end = time.monotonic() + _PATIENCE
    for path in journals(output):
        number, count = part_of(path)
        if count == parts:
            continue
        state = state_of(output, number, count)
        if _held(path, state, output, end - time.monotonic()):
            where = state.where if state is not None else f"part {number} of {count}"
            raise InputError(
                f"A run that is divided otherwise is writing its results to '{output}' now ({where}).",
                "Wait for its end, divide this run as that one is, or choose another folder. Where its machine has "
                "died, this ends by itself within a quarter of an hour.",
            )


def _held(path: Path, state: PartState | None, output: Path, patience: float) -> bool:
    """Whether a process has a journal, as far as can be told: where its lock cannot be asked for, its part's own file
    tells."""
    try:
        with path.open("rb+") as file:
            return not taken_within(file.fileno(), patience)
    except FileNotFoundError:
        return False
    except OSError as error:
        known = lacks_locks(error) or isinstance(error, PermissionError)
        return known and state is not None and state.seems_alive(output)
