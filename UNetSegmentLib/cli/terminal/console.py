"""Where text goes: results to standard output, everything else to standard error; the progress bar."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from ...progress import ProgressCallback, ProgressEvent
from ...text import shown
from .streams import standard_error, standard_output

if TYPE_CHECKING:
    from rich.console import Console

    from ...reporting import Table
    from .tables import FittingTable

# Columns that the CSV and JSON keep but a terminal has no room for.
MEASURES_HIDDEN = ("Value", "Voxels", "Centre L", "Centre P", "Centre S", "Centre x", "Centre y")
SCORES_HIDDEN = ("Value", "Missed", "Reference (mL)", "Prediction (mL)")

# Wide enough for every table where there is no terminal to fit into.
_FILE_WIDTH = 110

_WORDS = {
    "prepare": "Preparing the image",
    "segment": "Segmenting",
    "finish": "Finishing",
    "read cases": "Reading cases",
    "train": "Training",
    "evaluate": "Evaluating",
    "cases": "Segmenting cases",
    "draw": "Drawing",
    "fingerprint": "Looking at the data",
    "read model": "Reading the model",
    "write model": "Writing the model",
    "fold": "Cross-validation",
    "calibration tiles": "Cutting tiles",
    "calibrate": "Calibrating",
    "measure full weights": "Measuring the full weights",
    "measure INT8": "Measuring INT8",
    "find sensitive layers": "Finding sensitive layers",
    "fine-tune": "Fine-tuning",
}


def output() -> Console:
    """Standard output as it is now (tests and pipes replace it)."""
    from .tables import CleanConsole

    stream = cast("IO[str]", standard_output())
    console = CleanConsole(file=stream)
    return console if console.is_terminal else CleanConsole(file=stream, width=_FILE_WIDTH)


def errors() -> Console:
    """Standard error."""
    from rich.console import Console

    return Console(file=cast("IO[str]", standard_error()))


def say(text: str, error: bool = False, style: str = "") -> None:
    """Plain words: no markup, so that brackets in file names survive, and nothing in them that a terminal obeys."""
    console = errors() if error else output()
    cleaned = shown(text, None, lines=True)
    console.print(cleaned, style=style or None, markup=False, highlight=False, soft_wrap=True)


def table(content: Table, title: str = "", hide: Collection[str] = ()) -> FittingTable:
    """A report's table for the terminal; see :func:`.tables.table`."""
    from .tables import table as fitting

    return fitting(content, title, hide)


def write_text(text: str, path: Path) -> None:
    """Writes a small text file, atomically."""
    from ...io import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def words_table(heading: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> FittingTable:
    """A table of words for the terminal; see :func:`.tables.words_table`."""
    from .tables import words_table as fitting

    return fitting(heading, rows, title)


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
    return f"{words} ({shown(event.message)})" if event.message else words


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
        drawn = 0.0

        def update(event: ProgressEvent) -> None:
            nonlocal drawn
            now = time.monotonic()
            if 0 < event.done < event.total and now - drawn < 0.1:
                return
            drawn = now
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
