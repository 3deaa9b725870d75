"""What ``batch`` writes and says at its end: table, page, a few lines or a JSON document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ...errors import InputError
from ..terminal.console import say
from ..terminal.session import print_json

if TYPE_CHECKING:
    from ...cohort.record import Record


def finish_all(target: Path, anonymous: bool, as_json: bool) -> None:
    """The tables of all parts as one.

    Raises:
        InputError: no part has written there.
        typer.Exit: some are missing or do not belong together, which is said and stands on the page.
    """
    from ...cohort.joining import has_results, joined
    from ...cohort.record import Status

    if not has_results(target):
        raise InputError(f"'{target}' holds no results of a cohort run.", "Give the folder that the parts wrote to.")
    whole = joined(target)
    about = f"{whole.about}, joined parts" if whole.about else "joined parts"
    title = cases_words(whole.records).capitalize()
    written = write(whole.records, target, title, about, anonymous, whole.notes, whole.faults)
    kept = sum(record.status is not Status.LEFT_OUT for record in whole.records)
    say_outcome(whole.records, 0, kept, written, as_json, (*whole.notes, *whole.faults))
    if whole.faults:
        raise typer.Exit(1)


def cases_words(records: tuple[Record, ...]) -> str:
    """How many there are."""
    from ...cohort.record import Status

    count = sum(record.status is not Status.LEFT_OUT for record in records)
    left = f", {len(records) - count} left out" if len(records) > count else ""
    return f"{count} case{'' if count == 1 else 's'}{left}"


def write(
    records: tuple[Record, ...],
    target: Path,
    title: str,
    about: str,
    anonymous: bool,
    notes: tuple[str, ...],
    faults: tuple[str, ...],
) -> list[Path]:
    """Table and page of a run; see :func:`UNetSegmentLib.cohort.report.page.write_page`.

    Raises:
        OutputError: they cannot be written.
    """
    from ...cohort.leftovers import writing_tables
    from ...cohort.report.page import write_page
    from ...cohort.report.table import write_table

    with writing_tables(target):
        return [*write_table(records, target), write_page(records, target, title, about, anonymous, notes, faults)]


def say_outcome(
    records: tuple[Record, ...],
    run: int,
    kept: int,
    written: list[Path],
    as_json: bool,
    notes: tuple[str, ...] = (),
) -> None:
    """Says how it went: what was run now and kept from earlier runs, and what was written."""
    from ...cohort.record import Status
    from ...cohort.report.page import pace_words

    counts: dict[str, Any] = {status.value: sum(r.status is status for r in records) for status in Status}
    if as_json:
        rows = [record.to_json() for record in records]
        print_json(
            {
                "counts": counts,
                "run": run,
                "kept": kept,
                "files": [str(p) for p in written],
                "notes": list(notes),
                "cases": rows,
            }
        )
        return
    for note in notes:
        say(f"Note: {note}")
    seconds = sum(record.seconds for record in records if record.status is Status.DONE)
    say(f"{counts['done']} done, {counts['failed']} failed, {counts['left out']} left out; {run} run now, {kept} kept.")
    if stored := sum(bool(record.stored) for record in records):
        say(f"{stored} stored on the server.")
    if lost := sum(bool(record.not_stored) for record in records):
        say(f"{lost} not stored on the server; the table says why.", error=True)
    if run and counts["done"]:
        say(f"{pace_words(seconds / counts['done'])}.")
    if written:
        say("Written:\n" + "\n".join(f"  {path}" for path in written))
    else:
        say("Once all parts have ended, --join writes the table and the page.")
