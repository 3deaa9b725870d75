"""The records of all parts of a divided run as one table, and what is not as it should be with them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from ..io.atomic import atomic_path
from .case import LeftOut
from .journal import FOLDER, journal_path, journals, read_records
from .parts import PartState, differences, numbers, read_states
from .present import names_of, present
from .record import Record

_LEFT_OUT = "left-out.jsonl"
_CASES = ("cases of earlier runs are not", "case of an earlier run is not")


@dataclass(frozen=True)
class Joined:
    """All rows in the order of their names, left out ones last; ``faults`` are sentences on what is missing or does not
    belong together; ``about`` is the job of the part that was begun last, in words; ``notes`` are sentences on what is
    as it should be and worth knowing."""

    records: tuple[Record, ...]
    faults: tuple[str, ...]
    about: str = ""
    notes: tuple[str, ...] = ()


def joined(output: Path) -> Joined:
    """What all parts have written so far.

    Parts of the division that was begun last count. Cases of earlier runs are no rows that ended with other settings
    than any of these parts has now, or that are in no part's list any more.
    """
    records = sorted(read_records(output).values(), key=lambda record: record.case)
    states = read_states(output)
    if not states:
        return Joined((*records, *_left_out(output, None)), ())
    last = max(states, key=lambda state: state.begun)
    current = [state for state in states if state.parts == last.parts]
    names = present(output, states, last.parts)
    listed = [record for record in records if names is None or record.case in names]
    jobs = {state.job for state in current}
    rows = [record for record in listed if record.job in jobs]
    faults = _faults(output, current)
    if len(rows) < len(listed):
        faults.append(f"{len(listed) - len(rows)} cases of an earlier run with other settings are no rows.")
    gone = len(records) - len(listed)
    notes = (f"{gone} {_CASES[gone == 1]} in the lists of the parts any more and no row{'s' * (gone > 1)}.",)
    left = _left_out(output, {state.listing for state in current})
    return Joined((*rows, *left), tuple(faults), last.about, notes if gone else ())


def keep_left_out(output: Path, left_out: Sequence[LeftOut], listing: str) -> None:
    """Keeps what a run has found and left out, for those who join its parts.

    Args:
        listing: digest of the names of the cases that were found beside it.

    Raises:
        OutputError: it cannot be written.
    """
    path = output / FOLDER / _LEFT_OUT
    if not left_out and not path.exists():
        return
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", errors="surrogateescape") as file:
        # Older versions pass over a line that is no record.
        file.write(json.dumps({"listing": listing}) + "\n")
        for one in left_out:
            file.write(json.dumps(Record.left_out(one).to_json(), ensure_ascii=False) + "\n")


def _left_out(output: Path, listings: Set[str] | None) -> list[Record]:
    """What was left out; nothing where it was found beside other cases than those of the lists, in an earlier run."""
    found: list[Record] = []
    with (
        contextlib.suppress(OSError),
        (output / FOLDER / _LEFT_OUT).open(encoding="utf-8", errors="surrogateescape") as file,
    ):
        for line in file:
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                value = json.loads(line)
                if listings is not None and value.get("listing", "") not in ("", *listings):
                    return []
                found.append(Record.from_json(value))
    return found


def _faults(output: Path, states: Sequence[PartState]) -> list[str]:
    """Of the parts of one division."""
    count = states[0].parts
    begun = {state.part for state in states}
    missing = [number for number in range(1, count + 1) if number not in begun]
    faults = []
    if missing:
        many = len(missing) > 1
        faults.append(f"Part{'s' * many} {numbers(missing)} of {count} {'have' if many else 'has'} not begun.")
    for state in states:
        if not state.ended:
            there = _standing(output, state)
            place = f"{there} of its {state.cases} cases stand in its journal; {state.where.partition(', ')[2]}"
            faults.append(f"{str(state).capitalize()} has not ended: {place}.")
    return faults + differences(states[0], states)


def _standing(output: Path, state: PartState) -> int:
    """How many of a part's cases stand in its journal as it runs them now."""
    names = names_of(output, state)
    records = read_records(output, [journal_path(output, state.part, state.parts)]).values()
    return sum(record.job == state.job and (names is None or record.case in names) for record in records)


def has_results(output: Path) -> bool:
    """Whether a run has written there."""
    return bool(journals(output))
