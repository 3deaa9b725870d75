"""Lines out of a stream that is cut anywhere."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

LONGEST = 16 << 20
"""Bytes of a request; the largest ones, with thousands of labels, take a fraction."""
PATIENCE = 10.0
"""Seconds that a line which has begun may take to end."""


class LineBuffer:
    """Collects bytes, gives whole lines (without their end)."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._rest += data
        if b"\n" not in data:
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        return [line.rstrip(b"\r") for line in lines]

    def flush(self) -> list[bytes]:
        """What came after the last line end."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [rest] if rest else []


class GuardedLines:
    """Lines of a stream whose writer need not be one of ours: none is waited for, or collected, for ever.

    Args:
        complain: called with the reason when a line is dropped, on the reader's thread or on a timer's.
        longest, patience: see :data:`LONGEST` and :data:`PATIENCE`.
    """

    def __init__(self, complain: Callable[[str], None], longest: int = LONGEST, patience: float = PATIENCE) -> None:
        self._complain = complain
        self._longest, self._patience = longest, patience
        self._lock = threading.Lock()
        self._rest = bytearray()
        self._dropping = False
        self._timer: threading.Timer | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The whole lines (without their end) that ``data`` completes."""
        lines = []
        with self._lock:
            *ends, begun = data.split(b"\n")
            for end in ends:
                self._add(end)
                if not self._dropping:
                    lines.append(bytes(self._rest))
                self._start_line()
            self._add(begun)
            if self._rest and self._timer is None:
                self._timer = threading.Timer(self._patience, self._late, [self._rest])
                self._timer.daemon = True
                self._timer.start()
        return lines

    def _start_line(self) -> None:
        self._rest = bytearray()
        self._dropping = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _add(self, data: bytes) -> None:
        if self._dropping:
            return
        self._rest += data
        if len(self._rest) > self._longest:
            self._drop(f"A line is longer than {self._longest >> 20} MB.")

    def _late(self, line: bytearray) -> None:
        with self._lock:
            if line is self._rest:  # still the line that the timer was set for
                self._drop(f"A line has not ended after {self._patience:.0f} s.")

    def _drop(self, reason: str) -> None:
        self._start_line()
        self._dropping = True
        self._complain(reason)


class Tail:
    """The last lines of a text stream, for a bug report."""

    def __init__(self, lines: int = 60) -> None:
        self._lines: deque[str] = deque(maxlen=lines)

    def add(self, line: str) -> None:
        self._lines.append(line)

    def text(self) -> str:
        return "\n".join(self._lines)
