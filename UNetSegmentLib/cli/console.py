"""Where text goes: results to standard output, everything else to standard error; tables and the progress bar."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import ProgressCallback, ProgressEvent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

    from ..reporting import Table

# Columns that the CSV and JSON keep but a terminal has no room for.
MEASURES_HIDDEN = ("Value", "Voxels", "Centre L", "Centre P", "Centre S", "Centre x", "Centre y")
SCORES_HIDDEN = ("Value", "Missed", "Reference (mL)", "Prediction (mL)")

_WHOLE = ("Case", "Segment")
# Wide enough for every table where there is no terminal to fit into.
_FILE_WIDTH = 110

_WORDS = {
    "prepare": "Preparing the image",
    "segment": "Segmenting",
    "finish": "Finishing",
    "read cases": "Reading cases",
    "train": "Training",
    "evaluate": "Evaluating",
    "draw": "Drawing",
    "fingerprint": "Looking at the data",
    "read model": "Reading the model",
    "write model": "Writing the model",
    "fold": "Cross-validation",
}


def output() -> Console:
    """Standard output as it is now (tests and pipes replace it)."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_FILE_WIDTH)


def errors() -> Console:
    """Standard error."""
    from rich.console import Console

    return Console(stderr=True)


def say(text: str, error: bool = False) -> None:
    """Plain words: no markup, so that brackets in file names survive."""
    (errors() if error else output()).print(text, markup=False, highlight=False, soft_wrap=True)


def table(content: Table, title: str = "", hide: Collection[str] = ()) -> RichTable:
    """A report's table for the terminal, without the columns whose headings are in ``hide``."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    result = RichTable(
        title=title or None, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold"
    )
    shown = [n for n, heading in enumerate(content.heading) if heading not in hide]
    for n in shown:
        # In a narrow terminal headings wrap between words; names and numbers stay whole.
        heading, numeric = content.heading[n], content.numeric[n]
        longest = max((len(word) for word in heading.split()), default=0)
        if numeric:
            longest = max(longest, *(len(row[n]) for row in content.rows), 0)
        result.add_column(
            heading,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=heading in _WHOLE,
            min_width=longest,
        )
    for row in content.rows:
        result.add_row(*(Text(row[n]) for n in shown))
    return result


def write_text(text: str, path: Path) -> None:
    """Writes a small text file, atomically."""
    from ..io import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def words_table(heading: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> RichTable:
    """A table of words, all columns to the left."""
    from ..reporting import Table

    lines = tuple(tuple(row) for row in rows)
    return table(Table(tuple(heading), lines, (False,) * len(heading)), title)


def duration(seconds: float | None) -> str:
    """Time in words that read at a glance."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def stage_words(event: ProgressEvent) -> str:
    """What is happening, in words."""
    words = _WORDS.get(event.stage, event.stage.capitalize())
    return f"{words} ({event.message})" if event.message else words


@contextlib.contextmanager
def progress_bar(wanted: bool = True) -> Iterator[ProgressCallback | None]:
    """A bar on standard error with the stage in words and the time left; nothing where that is no terminal."""
    console = errors()
    if not wanted or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TextColumn("{task.fields[left]}"), console=console, transient=True) as bar:
        task = bar.add_task("Starting", total=None, left="")
        shown = 0.0

        def update(event: ProgressEvent) -> None:
            nonlocal shown
            now = time.monotonic()
            if 0 < event.done < event.total and now - shown < 0.1:
                return
            shown = now
            left = f"{duration(event.seconds_left)} left" if event.seconds_left is not None else ""
            bar.update(task, description=stage_words(event), completed=event.done, total=event.total, left=left)

        yield update


@contextlib.contextmanager
def working(text: str, wanted: bool = True) -> Iterator[None]:
    """A spinner for steps that cannot count themselves, such as loading torch."""
    console = errors()
    if not wanted or not console.is_terminal:
        yield
        return
    with console.status(text):
        yield
