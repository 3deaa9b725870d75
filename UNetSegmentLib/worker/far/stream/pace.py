"""How much may be on the way at once, and whether packing pays: both found by measuring."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

LEAST, MOST = 1 << 18, 1 << 24
"""Bytes that may be on the way, at least and at most."""
_BEGIN = 1 << 20
_PATIENCE = 0.35
"""Seconds that a byte may be on its way beyond what the line itself takes: so long at most does a cancel wait."""
_BLOCK = 1 << 21
_TRIAL = 16


class Window:
    """Bounds what is sent and not taken yet, so that what is urgent never queues behind seconds of voxels.

    Grows while bytes arrive in good time, shrinks when they queue; as TCP's own (compare LEDBAT, RFC 6817, which bounds
    the queueing delay too), but by what the other end has taken.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._acked = 0
        self._size = _BEGIN
        self._under_way: deque[tuple[int, float]] = deque()
        self._quickest = float("inf")
        self._resized = 0

    @property
    def acked(self) -> int:
        """Bytes that have been taken in all."""
        return self._acked

    @property
    def size(self) -> int:
        """Bytes that may be on the way now."""
        return self._size

    @property
    def is_open(self) -> bool:
        """Whether more may be sent."""
        return self.sent - self._acked < self._size

    def add(self, count: int, now: float | None = None) -> None:
        """So many bytes have been sent."""
        self.sent += count
        self._under_way.append((self.sent, time.monotonic() if now is None else now))

    def ack(self, total: int, now: float | None = None) -> None:
        """So many bytes have been taken in all."""
        now = time.monotonic() if now is None else now
        took = None
        while self._under_way and self._under_way[0][0] <= total:
            took = now - self._under_way.popleft()[1]
        self._acked = max(self._acked, min(total, self.sent))
        if took is None:
            return
        self._quickest = min(self._quickest, took)
        allowed = self._quickest + _PATIENCE
        if took > allowed:
            if total >= self._resized:
                self._size = max(LEAST, int(self._size * allowed / took))
                # What is on the way was sent under the old size, and says nothing about the new one.
                self._resized = self.sent
        elif took < allowed / 2 and self.sent - self._acked > self._size // 2:
            self._size = min(MOST, self._size + self._size // 8)


@dataclass(frozen=True)
class _Block:
    packed: bool
    end: int
    raw: int


class Packing:
    """Whether to pack: what brings more voxels in a second, tried now and then.

    A quick line carries more as it is, a slow one packed; which of the two a line is also hangs on the processors.
    """

    def __init__(self) -> None:
        self._speed: dict[bool, float] = {}
        self._blocks: deque[_Block] = deque()
        self._last = 0.0
        self._count = 0
        self._raw = 0
        self.packed = True

    def begin(self, now: float | None = None) -> None:
        """An array begins after a pause."""
        if not self._blocks:
            self._last = time.monotonic() if now is None else now

    def sent(self, raw: int, position: int) -> None:
        """So many bytes of voxels were sent as :attr:`packed` says, up to this position of what travels."""
        self._raw += raw
        if self._raw >= _BLOCK:
            self._blocks.append(_Block(self.packed, position, self._raw))
            self._raw = 0
            self._count += 1
            self.packed = self._next()

    def acked(self, position: int, now: float | None = None) -> None:
        """What travels has arrived up to this position."""
        now = time.monotonic() if now is None else now
        while self._blocks and self._blocks[0].end <= position:
            block = self._blocks.popleft()
            speed = block.raw / max(now - self._last, 1e-6)
            known = self._speed.get(block.packed)
            self._speed[block.packed] = speed if known is None else (speed + known) / 2
            self._last = now

    def _next(self) -> bool:
        if self._count < 2:
            return self._count % 2 == 0
        best = self._speed.get(True, 0.0) >= self._speed.get(False, 0.0)
        return best if self._count % _TRIAL else not best
