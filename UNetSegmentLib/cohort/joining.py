"""The records of all parts of a divided run as one table, and what is not as it should be with them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..io.atomic import atomic_path
from .case import LeftOut
from .journal import FOLDER, journal_path, journals, read_records
from .parts import PartState, differences, numbers, read_states
from .record import Record

_LEFT_OUT = "left-out.jsonl"


@dataclass(frozen=True)
class Joined:
    """All rows in the order of their names, left out ones last; ``faults`` are sentences on what is missing or does not
    belong together; ``about`` is the job of the part that was begun last, in words."""

    records: tuple[Record, ...]
    faults: tuple[str, ...]
    about: str = ""


def joined(output: Path) -> Joined:
    """What all parts have written so far.

    Parts of the division that was begun last count. Cases that ended with other settings than any of these parts has
    now, in an earlier run, are no rows.
    """
    records = sorted(read_records(output).values(), key=lambda record: record.case)
    states = read_states(output)
    faults: list[str] = []
    about = ""
    if states:
        last = max(states, key=lambda state: state.begun)
        about = last.about
        current = [state for state in states if state.parts == last.parts]
        faults = _faults(output, current)
        jobs = {state.job for state in current}
        now = [record for record in records if record.job in jobs]
        if len(now) < len(records):
            faults.append(f"{len(records) - len(now)} cases of an earlier run with other settings are no rows.")
        records = now
    return Joined((*records, *_left_out(output)), tuple(faults), about)


def keep_left_out(output: Path, left_out: Sequence[LeftOut]) -> None:
    """Keeps what a run has found and left out, for those who join its parts.

    Raises:
        OutputError: it cannot be written.
    """
    path = output / FOLDER / _LEFT_OUT
    if not left_out and not path.exists():
        return
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n")
        for one in left_out:
            file.write(json.dumps(Record.left_out(one).to_json(), ensure_ascii=False) + "\n")


def _left_out(output: Path) -> list[Record]:
    found = []
    with (
        contextlib.suppress(OSError),
        (output / FOLDER / _LEFT_OUT).open(encoding="utf-8", errors="surrogateescape") as file,
    ):
        for line in file:
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                found.append(Record.from_json(json.loads(line)))
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
            there = len(read_records(output, [journal_path(output, state.part, count)]))
            place = f"{there} of its {state.cases} cases stand in its journal; {state.where.partition(', ')[2]}"
            faults.append(f"{str(state).capitalize()} has not ended: {place}.")
    return faults + differences(states[0], states)


def has_results(output: Path) -> bool:
    """Whether a run has written there."""
    return bool(journals(output))
