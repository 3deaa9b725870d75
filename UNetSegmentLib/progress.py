"""Progress as a stream of events, and cancelling by a token that is looked at between tiles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import Cancelled


@dataclass(frozen=True)
class ProgressEvent:
    """One step of a run. ``seconds_left`` is for the whole stage, None until there is something to judge by."""

    stage: str
    done: int
    total: int
    seconds_left: float | None = None
    message: str = ""

    @property
    def fraction(self) -> float:
        """Share of the stage that is done, 0 to 1."""
        return self.done / self.total if self.total else 1.0


ProgressCallback = Callable[[ProgressEvent], None]


class CancelToken:
    """Set from any thread; the running side calls :meth:`raise_if_cancelled` between its steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled once :meth:`cancel` was called."""
        if self._event.is_set():
            raise Cancelled()


class Stage:
    """Counts the steps of one named stage, tells the callback, and looks at the cancel token at every step.

    With ``done`` it goes on where an earlier one of that name has left off.
    """

    def __init__(
        self,
        name: str,
        total: int,
        callback: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        message: str = "",
        done: int = 0,
    ) -> None:
        self.name = name
        self.total = total
        self.done = self._before = done
        self._callback = callback
        self._cancel = cancel
        self._message = message
        self._started = time.monotonic()
        self._emit()

    def step(self, count: int = 1, message: str = "") -> None:
        """``count`` steps are finished. Raises Cancelled when the token is set."""
        self.done += count
        self._message = message or self._message
        self._emit()

    def check(self) -> None:
        """Raises Cancelled when the token is set, without counting a step."""
        if self._cancel is not None:
            self._cancel.raise_if_cancelled()

    def _emit(self) -> None:
        self.check()
        if self._callback is None:
            return
        left = None
        if self.done > self._before:
            each = (time.monotonic() - self._started) / (self.done - self._before)
            left = each * max(self.total - self.done, 0)
        self._callback(ProgressEvent(self.name, self.done, self.total, left, self._message))
