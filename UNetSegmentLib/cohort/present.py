"""The names of the cases that each part has now, in a file of its own beside its state.

Journals and folders of cases that were taken out of the list stay where they are. By these names whoever joins the
parts knows which rows still belong to the cohort.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path

from ..io.atomic import atomic_path
from .case import CohortCase
from .journal import FOLDER, journal_path, journals, read_records
from .parts import PartState


def keep_names(output: Path, state: PartState, cases: Iterable[CohortCase]) -> None:
    """Keeps the names of a part's own cases, a line of JSON each under the digest of the list that they come from.

    Raises:
        OutputError: it cannot be written.
    """
    path = _path(output, state)
    if _listing(path) == state.listing:  # the same list divided in the same way
        return
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii") as file:
        file.write(json.dumps({"listing": state.listing}) + "\n")
        file.writelines(json.dumps(case.name) + "\n" for case in cases)


def names_of(output: Path, state: PartState) -> frozenset[str] | None:
    """The cases of a part; None where they are not known, as of one that an older version has run last."""
    path = _path(output, state)
    if _listing(path) != state.listing:
        return None
    try:
        return frozenset(_names(path))
    except (OSError, ValueError, TypeError):
        return None


def present(output: Path, states: Sequence[PartState], parts: int) -> Set[str] | None:
    """The cases that some part has now; None where no part tells.

    Of parts whose cases are not known, all that their journals hold. Where parts of the division have not begun, cases
    count that another division of the same list had.

    Args:
        states: of all parts, earlier divisions included.
        parts: how many the division has.
    """
    current = [state for state in states if state.parts == parts]
    listings = {state.listing for state in current}
    whole = len(current) == parts
    asked = current if whole else [state for state in states if state.listing in listings]
    names: set[str] = set()
    told = set()
    for state in asked:
        known = names_of(output, state)
        if known is not None:
            names |= known
            told.add(journal_path(output, state.part, state.parts))
    if not told:
        return None
    if len(told) < len(asked):
        names |= read_records(output, [path for path in journals(output) if path not in told]).keys()
    return names


def _names(path: Path) -> Iterator[str]:
    with path.open(encoding="ascii") as file:
        next(file)
        for line in file:
            # The records of a joined run have the same texts: there may be a million of them.
            yield sys.intern(json.loads(line))


def _listing(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError), path.open(encoding="ascii") as file:
        return str(json.loads(file.readline())["listing"])
    return ""


def _path(output: Path, state: PartState) -> Path:
    return output / FOLDER / f"names-{state.part}-of-{state.parts}.jsonl"
