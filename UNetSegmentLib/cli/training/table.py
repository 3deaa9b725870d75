"""What a training is doing: a live table on a terminal, lines of text anywhere else."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...progress import ProgressCallback, ProgressEvent
from ...text import shown
from ..terminal.console import duration, errors, say, stage_words

if TYPE_CHECKING:
    from rich.console import Console

    from ...training import TrainingEvent

_HEADING_EVERY = 12
_SHOWN = 10
# Columns that a narrow terminal does without, the first ones first; then Dice of single labels.
_DISPENSABLE = ("of which", "rate", "steps/s")


@contextlib.contextmanager
def training_table(labels: Sequence[str], wanted: bool = True) -> Iterator[ProgressCallback | None]:
    """A callback that shows a training's events on standard error.

    Args:
        labels: names of the labels whose Dice the events tell.
        wanted: False shows nothing.
    """
    if not wanted:
        yield None
        return
    console = errors()
    if not console.is_terminal:
        yield _Lines(labels)
        return
    from rich.live import Live

    screen = _Screen(labels, console)
    with Live(console=console, get_renderable=screen.picture, refresh_per_second=4) as live:
        yield screen
        live.refresh()


class _Lines:
    """One line for each report, a heading now and then: what a log file can hold."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = labels
        self.count = 0

    def __call__(self, event: ProgressEvent) -> None:
        if event.stage == "fold":
            say(f"Fold {event.done + 1} of {event.total}: {event.message}", error=True)
            self.count = 0
        cells = cells_of(event, self.labels)
        if cells is None:
            return
        if self.count % _HEADING_EVERY == 0:
            say(_line(heading(self.labels)), error=True)
        self.count += 1
        say(_line(cells), error=True)


class _Screen:
    """The last reports as a table, the best one, and how far the run is."""

    def __init__(self, labels: Sequence[str], console: Console) -> None:
        self.labels = labels
        self.console = console
        self.rows: deque[tuple[str, ...]] = deque(maxlen=_SHOWN)
        self.best: float | None = None
        self.now = ProgressEvent("Starting", 0, 0)
        self.title = ""

    def __call__(self, event: ProgressEvent) -> None:
        if event.stage == "fold":
            self.title = f"Fold {event.done + 1} of {event.total}: {shown(event.message)}"
            self.rows.clear()
            self.best = None
            return
        self.now = event
        cells = cells_of(event, self.labels)
        if cells is not None:
            self.rows.append(cells)
            self.best = getattr(event, "best", None) or self.best

    def picture(self) -> Any:
        """What is to be drawn now."""
        from rich import box
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        parts: list[Any] = []
        if self.title:
            parts.append(Text(self.title))
        if self.rows:
            lines = _fitting([heading(self.labels), *self.rows], self.console.width)
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
            for name in lines[0]:
                table.add_column(Text(name), justify="right", no_wrap=True, overflow="ellipsis")
            for row in lines[1:]:
                table.add_row(*map(Text, row))
            parts.append(table)
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text(stage_words(self.now)),
            ProgressBar(total=self.now.total or 1, completed=self.now.done, width=30),
            Text(f"{self.now.done}/{self.now.total}" if self.now.total else ""),
            Text(f"{duration(self.now.seconds_left)} left" if self.now.seconds_left is not None else ""),
            Text("" if self.best is None else f"best mean Dice {self.best:.4f}"),
        )
        return Group(*parts, bar)


def heading(labels: Sequence[str]) -> tuple[str, ...]:
    """The table's columns."""
    return (
        "step",
        "steps/s",
        "loss",
        "of which",
        "rate",
        *(f"Dice {shown(name, 30)}" for name in labels),
        "best",
        "left",
    )


def _fitting(lines: Sequence[Sequence[str]], width: int) -> list[tuple[str, ...]]:
    """The lines without the columns that a narrow terminal has no room for, those that say least first."""
    names = list(lines[0])
    dispensable = [*_DISPENSABLE, *(name for name in reversed(names) if name.startswith("Dice "))]
    hidden: set[str] = set()
    for name in ("", *dispensable):
        hidden.add(name)
        kept = [n for n, each in enumerate(names) if each not in hidden]
        if sum(max(len(line[n]) for line in lines) + 3 for n in kept) < width:
            break
    return [tuple(line[n] for n in kept) for line in lines]


def cells_of(event: ProgressEvent, labels: Sequence[str]) -> tuple[str, ...] | None:
    """One row for a training event; None for other events."""
    from ...training import TrainingEvent

    if not isinstance(event, TrainingEvent):
        return None
    typed: TrainingEvent = event
    pace = f"{1 / typed.seconds_per_step:.2f}" if typed.seconds_per_step > 0 else ""
    terms = " + ".join(f"{name} {value:.3f}" for name, value in typed.terms.items())
    dice = [f"{value:.4f}" for value in typed.dice or ()]
    dice += [""] * (len(labels) - len(dice))
    best = "" if typed.best is None else f"{typed.best:.4f}"
    where = f"{typed.done}/{typed.total}"
    rate = f"{typed.learning_rate:.2e}"
    return (where, pace, f"{typed.loss:.4f}", terms, rate, *dice, best, duration(typed.seconds_left))


def _line(cells: Sequence[str]) -> str:
    """Cells in columns; the terms of the loss need the room of about two."""
    widths = [11, 8, 8, 22, 9, *(max(len("Dice "), 12) for _ in cells[5:-2]), 7, 7]
    return " ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
