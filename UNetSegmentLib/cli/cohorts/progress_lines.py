"""Progress of a long run where there is no terminal to draw a bar on: a line a minute in the log."""

from __future__ import annotations

import time

from ...progress import ProgressCallback, ProgressEvent
from ..terminal.console import duration, say, stage_words

_EVERY = 60.0


def progress_lines(every: float = _EVERY) -> ProgressCallback:
    """A callback that says on standard error what is done, at most every so many seconds."""
    last = time.monotonic()

    def tell(event: ProgressEvent) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < every:
            return
        last = now
        left = f", {duration(event.seconds_left)} left" if event.seconds_left is not None else ""
        say(f"{stage_words(event)}{left}", error=True)

    return tell
