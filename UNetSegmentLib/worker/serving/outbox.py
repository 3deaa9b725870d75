"""Sending events without waiting for who reads them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import BinaryIO

from ..protocol.encoding import encode
from ..protocol.messages import Event

INTERVAL = 0.05
"""Seconds between two progress events that nothing else forces out."""


class Outbox:
    """A thread that writes lines to the client, so that a client that is busy never holds up the network.

    Args:
        stream: unbuffered, see :class:`~UNetSegmentLib.worker.serving.stdio.Channel`.
        on_broken: called on the writing thread when nobody reads any more.
    """

    def __init__(self, stream: BinaryIO, on_broken: Callable[[], None]) -> None:
        self._stream = stream
        self._on_broken = on_broken
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._latest: bytes | None = None
        self._written = 0.0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def send(self, event: Event) -> None:
        """Queues an event. From any thread. Raises ProtocolError when it holds what JSON cannot carry."""
        self.send_line(encode(event))

    def send_line(self, line: bytes) -> None:
        """Queues an event that is already encoded."""
        with self._changed:
            if self._latest is not None:
                self._lines.append(self._latest)
                self._latest = None
            self._lines.append(line)
            self._changed.notify()

    def offer(self, event: Event) -> None:
        """Queues an event that the next offered one replaces if it has not been written by then."""
        line = encode(event)
        with self._changed:
            self._latest = line
            self._changed.notify()

    def close(self, seconds: float = 5.0) -> None:
        """Waits until all is written."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        while (line := self._next()) is not None:
            view = memoryview(line)
            try:
                while view:
                    view = view[self._stream.write(view) :]
            except (OSError, ValueError):
                self._on_broken()
                return

    def _next(self) -> bytes | None:
        """The next line to write, waiting for it; None when closed and empty."""
        with self._changed:
            while True:
                if self._lines:
                    return self._lines.popleft()
                early = self._written + INTERVAL - time.monotonic()
                if self._latest is not None and (early <= 0 or self._closed):
                    line, self._latest = self._latest, None
                    self._written = time.monotonic()
                    return line
                if self._closed:
                    return None
                self._changed.wait(early if self._latest is not None else None)
