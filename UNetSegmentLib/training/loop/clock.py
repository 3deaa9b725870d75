"""The time that a training was promised to take, and what is done to keep the promise.

A plan counts steps, and steps decide everything else: on a machine that keeps its pace the clock changes nothing, and
the same plan gives the same weights. Where the machine has become slower, the run is made shorter while it runs: the
learning rate goes on from where it is and comes to its end at the new last step, so that a short run ends as well as a
long one. Where the machine recovers, the run grows again, up to the steps of the plan.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.config import TrainingConfig

# Of the promise, kept for what comes after the last step, at least and at most.
_LEAST, MOST = 0.05, 0.4
# Writing the package, the curve and the page.
_WRITING = 2.0
# The engine's passes over a case take longer than the validation's: its tiles overlap more, and it resamples.
ENGINE = 1.5
_WINDOW = 15
_SCORED, _DRAWN = 12, 3
# A run is changed where it would be this much too long or too short.
_TOO_LONG, _TOO_SHORT = 1.03, 0.8
# Nothing is changed before so many steps have been timed: the first one is slow everywhere.
_TIMED = 3


@dataclass(frozen=True)
class After:
    """What comes after the steps.

    Args:
        validated: held-out cases that a validation looks at.
        scored: held-out cases that the report scores and draws, each pass counted.
    """

    validated: int = 0
    scored: int = 0


def scored_cases(config: TrainingConfig) -> int | None:
    """How many held-out cases the report scores: a run that may look at few is scored on a dozen; None for all."""
    return max(config.validation_cases, _SCORED) if config.validation_cases else None


def report_passes(config: TrainingConfig, held_out: int, pixels: bool) -> int:
    """How often the report sends a case through the engine."""
    count = min(held_out, scored_cases(config) or held_out)
    return count * (2 if pixels else 1) + min(count, _DRAWN)


class Clock:
    """Measures a run against its promise.

    Args:
        seconds: promised for the whole run, reading and report included; 0 promises nothing.
        after: what comes after the last step.
    """

    def __init__(self, seconds: float, after: After | None = None) -> None:
        self.seconds = seconds
        self.after = after or After()
        self.case = 0.0
        self._started = time.monotonic()
        self._paces: deque[float] = deque(maxlen=_WINDOW)
        self._last: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the start, earlier parts of a resumed run included."""
        return time.monotonic() - self._started

    @property
    def until(self) -> float | None:
        """The end of the promise on :func:`time.monotonic`'s clock; None without one."""
        return self._started + self.seconds if self.seconds else None

    @property
    def reserve(self) -> float:
        """Seconds to keep for what comes after the last step."""
        need = _WRITING + self.case * (self.after.validated + ENGINE * self.after.scored)
        return min(max(need, _LEAST * self.seconds), MOST * self.seconds)

    def resumed(self, elapsed: float) -> None:
        """An earlier part of the run had taken so long."""
        self._started -= elapsed

    def stepped(self) -> None:
        """A step is done."""
        now = time.monotonic()
        if self._last is not None:
            self._paces.append(now - self._last)
        self._last = now

    def validated(self, seconds: float, cases: int) -> None:
        """A validation is done; its time counts for no step."""
        self.case = seconds / max(cases, 1)
        self._last = time.monotonic()

    def length(self, step: int, total: int, planned: int, validations: int) -> int:
        """How many steps the run is to have now.

        Args:
            step: done so far.
            total: as it stands.
            planned: at most.
            validations: still to come, the last one (which the reserve holds) not counted.
        """
        if not self.seconds:
            return total
        left = self.seconds - self.elapsed - self.reserve
        if left <= 0:
            return step
        if len(self._paces) < min(_TIMED, total - step):
            return total
        left -= validations * self.case * self.after.validated
        fits = step + max(int(left / max(median(self._paces), 1e-9)), 1)
        if total > fits * _TOO_LONG or (total > fits and total - step < _WINDOW):
            return fits
        if total < planned and total < step + _TOO_SHORT * (fits - step):
            return min(fits, planned)
        return total
