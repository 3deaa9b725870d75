"""The run's log: one CSV line per report, continued by a resumed run."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from ...io.atomic import atomic_path, output_error
from ...text import csv_cell
from .events import TrainingEvent


def log_header(labels: Sequence[str]) -> list[str]:
    """The columns of the log."""
    return ["step", "loss", "learning_rate", "seconds_per_step", *map(_column, labels)]


def _column(label: str) -> str:
    return csv_cell(f"dice {label}")


def append_log(path: Path, labels: Sequence[str], event: TrainingEvent) -> None:
    """Adds the event as one line; Dice columns stay empty where the step did not validate.

    Raises:
        OutputError: the file cannot be written.
    """
    dice = event.dice if event.dice is not None else [""] * len(labels)
    numbers = [f"{event.loss:.6f}", f"{event.learning_rate:.3e}", f"{event.seconds_per_step:.4f}"]
    new = not path.exists()
    try:
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(log_header(labels))
            writer.writerow([event.done, *numbers, *(d if d == "" else f"{d:.5f}" for d in dice)])
    except OSError as error:
        raise output_error(path, error) from error


def read_log(path: Path) -> list[dict[str, float]]:
    """The lines as numbers; empty cells are left out."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]


def last_dice(path: Path, labels: Sequence[str]) -> tuple[float, ...] | None:
    """Dice of the last validation in the log."""
    keys = list(map(_column, labels))
    rows = [row for row in read_log(path) if all(key in row for key in keys)]
    return tuple(rows[-1][key] for key in keys) if rows and keys else None


def truncate_log(path: Path, step: int) -> None:
    """Drops lines after ``step``: those of a run that was cut off behind its last checkpoint, the last one perhaps in
    its middle."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    rows = [row for row in rows if len(row) == len(header) and row[0].isdigit()]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *(row for row in rows if int(row[0]) <= step)])
