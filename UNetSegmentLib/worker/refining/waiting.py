"""The calls of a client that wait for an answer: the one that is being worked out, and those behind it."""

from __future__ import annotations

from collections import deque

from .case import Case
from .orders import Order


class Waiting:
    """What a client has asked for and not been answered, in its order.

    Attributes:
        sent: what is being worked out.
        queue: what comes after it, the next one first.
    """

    def __init__(self) -> None:
        self.sent: Order | None = None
        self.queue: deque[Order] = deque()

    def __bool__(self) -> bool:
        return self.sent is not None or bool(self.queue)

    def numbers(self, case: Case | None) -> list[int]:
        """Of all calls that wait, oldest first; the opening of ``case`` before them, unless it is open."""
        opening = [case.number] if case is not None and not case.opened else []
        sent = [self.sent.number] if self.sent is not None else []
        return [*opening, *sent, *(order.number for order in self.queue)]

    def drain(self, case: Case) -> list[int]:
        """The numbers of all that waits, which then does no longer."""
        numbers = self.numbers(case)
        self.sent = None
        self.queue.clear()
        return numbers
