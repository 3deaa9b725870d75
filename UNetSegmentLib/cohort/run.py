"""``run_cohort``: all cases of a run that are still to do, their records kept as they end."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import Cancelled, OutputError
from ..io.outputs import check_folder
from ..progress import ProgressCallback, Stage
from .case import CohortCase, Found
from .journal import Journal, read_records
from .leftovers import clear
from .record import CASE, Record, Status
from .stamps import content_of, stamp_of


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
    """After a run: the rows of all that was found (``records``), how many were run now and how many had been before."""

    records: tuple[Record, ...]
    run: int
    kept: int
    cancelled: bool = False

    @property
    def failed_altogether(self) -> bool:
        """Whether there were cases and none is done: something is wrong that they share."""
        return bool(self.count(Status.FAILED)) and not self.count(Status.DONE)

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

    Raises:
        OutputError: results or journal cannot be written (a full disk ends the run; what has ended is kept, and the
            case that found no room is run again by the next run).
        InputError: another run writes there now.
    """
    check_folder(output)
    part = part or Part()
    mine = part.of(found.cases)
    run, cancelled = 0, False
    with Journal(output, part.number, part.count) as journal:
        clear(output, journal.path)
        # Not before: a run that is just ending may still add to them.
        earlier = read_records(output)
        todo, rows = still_to_do(mine, earlier, digest, output, retry_failed)
        kept = len(rows)
        failures = sum(record.status is Status.FAILED for record in rows.values())
        stage = Stage("cases", len(mine), progress, None, _words(kept, len(mine), failures), done=kept)
        for record in (r for r in rows.values() if earlier.get(r.case) is not r):
            if ended is not None:
                ended(record)
            journal.add(record)
        del earlier
        try:
            for record in engine.run(todo):
                if ended is not None:
                    ended(record)
                if record.code == OutputError.code:
                    cure = f"{record.cure} {kept + run} of {len(mine)} cases have ended; the same command goes on."
                    raise OutputError(record.cause, cure, record.detail)
                journal.add(record)
                rows[record.case] = record
                run += 1
                failures += record.status is Status.FAILED
                stage.step(message=_words(kept + run, len(mine), failures))
        except Cancelled:
            cancelled = True
        clear(output, journal.path)
    ended_cases = [rows[case.name] for case in mine if case.name in rows]
    left = [Record.left_out(one) for one in found.left_out] if part.number == 1 else []
    return Outcome((*ended_cases, *left), run, kept, cancelled)


def _words(done: int, total: int, failures: int) -> str:
    return f"{done} of {total}" + (f", {failures} failed" if failures else "")
