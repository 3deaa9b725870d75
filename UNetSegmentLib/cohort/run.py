"""``run_cohort``: all cases of a run that are still to do, their records kept as they end."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ..errors import Cancelled, OutputError
from ..io.outputs import check_folder
from ..io.plain_files import is_folder
from ..progress import ProgressCallback, Stage
from .case import CohortCase, Found
from .corrected import marked
from .holding import own_journal
from .joining import keep_left_out
from .journal import Journal, journal_path, journals, read_records
from .leftovers import clear
from .parts import PartState, differences, new_state, read_states
from .present import keep_names
from .record import CASE, Record, Status
from .stamps import content_of, stamp_of

_EARLIER = "Its folder holds the result of an earlier run, of another image or other settings."


class Engine(Protocol):
    """What runs cases: a process of this machine, or many of others."""

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        """The record of each case, as it ends; none is ever dropped."""


@dataclass(frozen=True)
class Part:
    """One of several parts that a cohort is divided into, ``number`` counted from 1."""

    number: int = 1
    count: int = 1

    def of(self, cases: Sequence[CohortCase]) -> list[CohortCase]:
        """Its cases: every ``count``-th, so that parts take about as long as one another."""
        return list(cases[self.number - 1 :: self.count])


@dataclass(frozen=True)
class Outcome:
    """After a run.

    Args:
        records: the rows of all that was found.
        run, kept: how many were run now, and how many had been before.
        notes: sentences on other parts and earlier attempts.
    """

    records: tuple[Record, ...]
    run: int
    kept: int
    cancelled: bool = False
    notes: tuple[str, ...] = ()

    @property
    def failed_altogether(self) -> bool:
        """Whether there were cases and none is done: something is wrong that they share."""
        return bool(self.count(Status.FAILED)) and not self.count(Status.DONE)

    @property
    def unsent(self) -> int:
        """How many results a server should have and has not."""
        return sum(bool(record.not_stored) for record in self.records)

    def count(self, status: Status) -> int:
        """How many rows ended so."""
        return sum(record.status is status for record in self.records)


def still_to_do(
    cases: Sequence[CohortCase], earlier: Mapping[str, Record], digest: str, output: Path, retry_failed: bool = False
) -> tuple[list[CohortCase], dict[str, Record]]:
    """The cases to run, and the records that stand.

    A case stands that ended under the same job with the same inputs: by their stamp, or where files were touched or
    copied by what they hold. Its folder must be there. Failed ones stand unless they are to be retried.
    """
    todo: list[CohortCase] = []
    stand: dict[str, Record] = {}
    folders = _folders(output)
    for case in cases:
        for record in _records_of(case, earlier, output, folders):
            if _stands(record, case, digest, folders, retry_failed):
                stand[case.name] = record
                break
        else:
            todo.append(case)
    return todo, stand


def _folders(output: Path) -> frozenset[str]:
    """Those of the cases: one listing is cheaper than a question for each."""
    try:
        with os.scandir(output) as listing:
            return frozenset(entry.name for entry in listing if entry.is_dir())
    except FileNotFoundError:
        return frozenset()


def _records_of(case: CohortCase, earlier: Mapping[str, Record], output: Path, folders: Set[str]) -> Iterator[Record]:
    """What is known of a case: by the journal, and by its folder, which is there whole. A run may have been killed
    between the two."""
    if case.name in earlier:
        yield earlier[case.name]
    if case.name in folders:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            yield Record.from_json(json.loads((output / case.name / CASE).read_bytes()))


def _stands(record: Record, case: CohortCase, digest: str, folders: Set[str], retry_failed: bool) -> bool:
    if record.job != digest or (retry_failed and record.status is Status.FAILED):
        return False
    if record.status is Status.DONE and record.folder not in folders:
        return False
    try:
        return record.stamp == stamp_of(case) or (bool(record.content) and record.content == content_of(case))
    except OSError:
        return record.status is Status.FAILED and not record.stamp


def run_cohort(
    found: Found,
    engine: Engine,
    digest: str,
    output: Path,
    part: Part | None = None,
    retry_failed: bool = False,
    progress: ProgressCallback | None = None,
    ended: Callable[[Record], None] | None = None,
    about: str = "",
) -> Outcome:
    """Runs what is still to do.

    Args:
        found: the cases, and what is left out.
        engine: runs them; cancelling it ends the run, and what has ended is kept.
        digest: of the job.
        output: folder of the run; made where it is missing.
        part: of a run that is divided.
        retry_failed: run failed cases again.
        progress: counts the cases, those that stand included.
        ended: told every record as it comes, before it counts as ended: what it cannot keep is run again.
        about: the job in words, for those who join parts.

    Raises:
        OutputError: results or journal cannot be written (a full disk ends the run; what has ended is kept, and the
            case that found no room is run again by the next run).
        InputError: another run writes there now that has this part, or is divided otherwise.
    """
    check_folder(output)
    part = part or Part()
    mine = part.of(found.cases)
    with own_journal(output, part.number, part.count) as journal:
        clear(output, journal.path)
        state = new_state(part.number, part.count, digest, about, found.cases, len(mine))
        # Not before: a run that is just ending may still add to them.
        states = read_states(output)
        notes = _notes(state, states)
        keep_names(output, state, mine)
        state.write(output)
        if part.number == 1:
            keep_left_out(output, found.left_out, state.listing)
        earlier = read_records(output, _journals_of(output, state, states), mine)
        todo, rows = still_to_do(mine, earlier, digest, output, retry_failed)
        standing = frozenset(rows)
        for record in (r for r in rows.values() if earlier.get(r.case) is not r):
            if ended is not None:
                ended(record)
            journal.add(record)
        del earlier
        cancelled = _cancelled_while(engine.run(todo), rows, len(mine), output, journal, ended, progress)
        if not cancelled:
            state.finished(output)
        clear(output, journal.path)
    # Not in the journal: it may be undone, and a run says what it has found.
    rows |= {name: marked(rows[name], output) for name in standing}
    ended_cases = [rows[case.name] for case in mine if case.name in rows]
    left = [Record.left_out(one) for one in found.left_out] if part.number == 1 else []
    return Outcome((*ended_cases, *left), len(rows) - len(standing), len(standing), cancelled, notes)


def _cancelled_while(
    records: Iterator[Record],
    rows: dict[str, Record],
    total: int,
    output: Path,
    journal: Journal,
    ended: Callable[[Record], None] | None,
    progress: ProgressCallback | None,
) -> bool:
    """Keeps records as they come, in ``rows`` too, which hold those that stand; whether the run was cancelled.

    Raises:
        OutputError: see :func:`run_cohort`.
    """
    failures = sum(record.status is Status.FAILED for record in rows.values())
    stage = Stage("cases", total, progress, None, _words(len(rows), total, failures), done=len(rows))
    try:
        for record in records:
            if record.status is Status.FAILED and is_folder(output / record.case):
                record = replace(record, warnings=(*record.warnings, _EARLIER))
            if ended is not None:
                ended(record)
            if record.code == OutputError.code:
                cure = f"{record.cure} {len(rows)} of {total} cases have ended; the same command goes on."
                raise OutputError(record.cause, cure, record.detail)
            journal.add(record)
            rows[record.case] = record
            failures += record.status is Status.FAILED
            stage.step(message=_words(len(rows), total, failures))
    except Cancelled:
        return True
    return False


def _notes(state: PartState, states: Sequence[PartState]) -> tuple[str, ...]:
    """What is to be said before a part begins: an earlier attempt that did not end, and other parts that differ."""
    before = [one for one in states if (one.part, one.parts) == (state.part, state.parts) and not one.ended]
    broken = [f"An earlier run did not end ({one.where}); this one goes on where it was." for one in before]
    return (*broken, *differences(state, states))


def _journals_of(output: Path, state: PartState, states: Sequence[PartState]) -> list[Path]:
    """The journals that may know of a part's cases: its own alone, as long as the cases were divided as they are now.

    A thousand parts must not each read what all have written.
    """
    every, own = journals(output), journal_path(output, state.part, state.parts)
    names = {journal_path(output, one.part, one.parts) for one in states} | {own}
    divided = all((one.parts, one.listing) == (state.parts, state.listing) for one in states)
    return [own] if divided and names.issuperset(every) else every


def _words(done: int, total: int, failures: int) -> str:
    return f"{done} of {total}" + (f", {failures} failed" if failures else "")
