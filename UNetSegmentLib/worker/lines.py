"""Lines out of a stream that is cut anywhere."""

from __future__ import annotations

from collections import deque


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


class Tail:
    """The last lines of a text stream, for a bug report."""

    def __init__(self, lines: int = 60) -> None:
        self._lines: deque[str] = deque(maxlen=lines)

    def add(self, line: str) -> None:
        self._lines.append(line)

    def text(self) -> str:
        return "\n".join(self._lines)
