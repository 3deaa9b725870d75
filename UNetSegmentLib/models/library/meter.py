"""Progress of downloads: bytes over all files, and the seconds left at the pace of the last moments."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from ...progress import CancelToken, ProgressCallback, ProgressEvent

STAGE = "download"
_WINDOW = 15.0
_EVERY = 0.2


class Meter:
    """Counts the bytes of several files.

    Args:
        sizes: bytes of each file, None where unknown until the server says.
        callback, cancel: as everywhere.
    """

    def __init__(
        self, sizes: Sequence[int | None], callback: ProgressCallback | None, cancel: CancelToken | None
    ) -> None:
        self.cancel = cancel
        self._sizes = list(sizes)
        self._done = [0] * len(sizes)
        self._callback = callback
        self._names = ""
        self._current = 0
        self._marks: deque[tuple[float, int]] = deque()
        self._shown = 0.0

    def start(self, file: int, name: str) -> None:
        """Turns to the file of that number."""
        self._current = file
        count = len(self._sizes)
        self._names = name if count == 1 else f"{name}, {file + 1} of {count}"
        self.at(0)

    def size(self, size: int | None) -> None:
        """The server said how large the current file is."""
        if size is not None:
            self._sizes[self._current] = size

    def at(self, done: int) -> None:
        """The current file has ``done`` bytes, out of a cache or an earlier attempt: not to be counted as speed."""
        self._done[self._current] = done
        self._marks.clear()
        self._emit(force=True)

    def add(self, count: int) -> None:
        """``count`` more bytes arrived."""
        self._done[self._current] += count
        self._emit()

    def say(self, message: str) -> None:
        """Shows why nothing moves."""
        self._emit(message, force=True)

    def _emit(self, message: str = "", force: bool = False) -> None:
        now, done = time.monotonic(), sum(self._done)
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW:
            self._marks.popleft()
        total = sum(size if size is not None else self._done[n] for n, size in enumerate(self._sizes))
        if self._callback is None or not (force or done >= total or now - self._shown >= _EVERY):
            return
        self._shown = now
        self._callback(ProgressEvent(STAGE, done, total, self._left(now, total - done), message or self._names))

    def _left(self, now: float, rest: int) -> float | None:
        since, before = self._marks[0]
        moved = self._marks[-1][1] - before
        if None in self._sizes or moved <= 0 or now <= since:
            return None
        return rest / (moved / (now - since))
