"""Cases that show no progress any more: which one it is, and its row."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...worker.errors import WorkerError
from ..case import CohortCase
from ..record import Record
from ..stamps import stamp_of
from .failures import failed
from .steps import Step

CODE = "no-progress"
_STAMP_SECONDS = 5.0


@dataclass(frozen=True)
class Overdue:
    """A case that has stood still: at which step, and for how many seconds."""

    case: str
    step: Step
    seconds: float


class Watch:
    """Follows the messages of a process that runs cases.

    Args:
        patience: seconds; 0 finds nothing overdue.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._steps: dict[str, tuple[Step, float]] = {}

    def notice(self, message: Mapping[str, Any]) -> None:
        """Takes a message: a step of a case, a sign of the network, a case's end."""
        now = time.monotonic()
        if "step" in message:
            name, step = message["step"]
            self._steps[name] = Step[step], now
        elif "record" in message:
            self._steps.pop(message["record"]["case"], None)
        elif "alive" in message:
            for name, (step, _) in list(self._steps.items()):
                if step is Step.COMPUTING:
                    self._steps[name] = step, now

    def overdue(self) -> Overdue | None:
        """The case that has stood still for longest, once that is too long. One that waits for its turn does not."""
        if not self._patience:
            return None
        busy = [(since, name, step) for name, (step, since) in self._steps.items() if step is not Step.WAITING]
        if not busy:
            return None
        since, name, step = min(busy, key=lambda one: one[0])
        stood = time.monotonic() - since
        return Overdue(name, step, stood) if stood > self._patience else None


def given_up(case: CohortCase, overdue: Overdue, digest: str) -> Record:
    """The row of a case that stood still."""
    words = {
        Step.READING: "Check that its disk or network drive answers, then run again with --retry-failed.",
        Step.WRITING: "Check that the disk of the results answers, then run again with --retry-failed.",
    }
    error = WorkerError(
        f"It was given up after {_words(overdue.seconds)} without progress, while it was being {overdue.step.value}.",
        words.get(overdue.step, "Give a region (roi) or use the preset 'fast'.")
        + " --case-timeout sets how long a case may stand still.",
        code=CODE,
    )
    return failed(case, error, digest, stamp=_stamp(case))


def _stamp(case: CohortCase) -> str:
    """As of :func:`~..stamps.stamp_of`; empty where the drive does not answer within seconds."""
    found: list[str] = []

    def look() -> None:
        try:
            found.append(stamp_of(case))
        except OSError:
            found.append("")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_STAMP_SECONDS)
    return found[0] if found else ""


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
