"""What a worker is still to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ...errors import UNetSegmentError
from ..protocol.refine_messages import Refined

Answer = Refined | UNetSegmentError
Handler = Callable[[Answer], None]


class Held(Protocol):
    """A voxel file."""

    def release(self) -> None:
        """Lets it go."""


class Awaited:
    """Messages that were sent to the present process: who takes the answer, and the voxel files that go with it."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Handler | None, tuple[Held, ...]]] = {}

    def add(self, number: int, handler: Handler | None, files: Iterable[Held] = ()) -> None:
        """Waits for the answer to a message. ``handler`` None: nobody wants it, but the files must stay until then."""
        self._waiting[number] = (handler, tuple(files))

    def answer(self, number: int, answer: Answer) -> None:
        """Hands an answer on, and lets the files go afterwards; an answer that nobody waits for is dropped."""
        handler, files = self._waiting.pop(number, (None, ()))
        try:
            if handler is not None:
                handler(answer)
        finally:
            release(files)

    def disown(self) -> None:
        """Nobody wants the answers any more; the worker may still be reading the files."""
        self._waiting = {number: (None, files) for number, (_, files) in self._waiting.items()}

    def drop(self) -> None:
        """The process is gone: nothing will be answered."""
        for _, files in self._waiting.values():
            release(files)
        self._waiting.clear()


def release(files: Iterable[Held]) -> None:
    """Lets voxel files go."""
    for file in files:
        file.release()
