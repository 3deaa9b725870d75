"""Sending events without waiting for who reads them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import BinaryIO

from .protocol import Event, encode


class Outbox:
    """A thread that writes lines to the client, so that a client that is busy never holds up the network.

    Args:
        stream: unbuffered, see :class:`~UNetSegmentLib.worker.stdio.Channel`.
        on_broken: called on the writing thread when nobody reads any more.
    """

    def __init__(self, stream: BinaryIO, on_broken: Callable[[], None]) -> None:
        self._stream = stream
        self._on_broken = on_broken
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    def send(self, event: Event) -> None:
        """Queues an event. From any thread. Raises ProtocolError when it holds what JSON cannot carry."""
        self.send_line(encode(event))

    def send_line(self, line: bytes) -> None:
        """Queues an event that is already encoded."""
        self._lines.put(line)

    def close(self, seconds: float = 5.0) -> None:
        """Waits until all is written."""
        self._lines.put(None)
        self._thread.join(seconds)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            view = memoryview(line)
            try:
                while view:
                    view = view[self._stream.write(view) :]
            except (OSError, ValueError):
                self._on_broken()
                return
