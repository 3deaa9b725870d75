"""The requests that wait for the inference thread, in order, each with its cancel token."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from ...progress import CancelToken
from ..protocol.messages import Work


@dataclass(frozen=True, eq=False)
class Job:
    """A request for the inference thread."""

    request: Work
    cancel: CancelToken = field(default_factory=CancelToken)


class JobQueue:
    """First come, first served. Put and cancelled on the reader's thread, taken on the inference thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._closed = False

    def put(self, job: Job) -> None:
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def take(self) -> Job | None:
        """The next job, waiting for one; it counts as running until the next call. None once closed."""
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._closed or self._waiting)
            if self._closed:
                return None
            self._running = self._waiting.popleft()
            return self._running

    @property
    def empty(self) -> bool:
        """Whether nobody waits."""
        with self._changed:
            return not self._waiting and not self._closed

    def knows(self, number: int) -> bool:
        """Whether a request of this number is running or waiting."""
        with self._changed:
            jobs = [*self._waiting, *([self._running] if self._running else [])]
            return any(job.request.id == number for job in jobs)

    def cancel(self, number: int) -> bool:
        """Sets the token of a running job; takes a waiting one off the queue and returns True: nobody else will answer
        it."""
        with self._changed:
            if self._running is not None and self._running.request.id == number:
                self._running.cancel.cancel()
            for job in self._waiting:
                if job.request.id == number:
                    self._waiting.remove(job)
                    return True
            return False

    def close(self) -> list[Job]:
        """Cancels the running job and returns the waiting ones, which nobody will take any more."""
        with self._changed:
            waiting = list(self._waiting)
            self._waiting.clear()
            self._closed = True
            if self._running is not None:
                self._running.cancel.cancel()
            self._changed.notify_all()
            return waiting
