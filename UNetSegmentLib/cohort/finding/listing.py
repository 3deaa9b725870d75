"""What was found as a table that a later run takes in place of searching: a thousand parts need not each search."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from ...io.atomic import atomic_path
from ..case import CohortCase


def write_list(cases: Sequence[CohortCase], path: Path) -> int:
    """Writes the table of :func:`~.table.table_cases`, with whole paths; returns how many cases cannot stand in it:
    those on a server, and names of files that are no UTF-8.

    Raises:
        OutputError: it cannot be written.
    """
    channels = max((len(case.images) for case in cases), default=1)
    images = ["image", *(f"image{number}" for number in range(2, channels + 1))]
    lost = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", *images, "roi", "reference", "series"])
        for case in cases:
            row = _row(case, channels)
            if row is None:
                lost += 1
            else:
                writer.writerow(row)
    return lost


def _row(case: CohortCase, channels: int) -> list[str] | None:
    if any(source.remote is not None for source in case.images):
        return None
    paths = [str(source.path.absolute()) for source in case.images]
    reference = "" if case.reference is None else str(case.reference.absolute())
    row = [case.name, *paths, *[""] * (channels - len(paths)), case.roi, reference, case.images[0].series]
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return None
    return row
