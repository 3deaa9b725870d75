"""One thread at a time, and listeners that are told when all is in order again."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)


class Turns:
    """Guards an object that several threads call, and that calls listeners which call it back.

    Args:
        before_telling: called whenever a turn ends, and after each listener; may :meth:`tell` more.
    """

    def __init__(self, before_telling: Callable[[], None]) -> None:
        self._before_telling = before_telling
        self._lock = threading.RLock()
        self._depth = 0
        self._tells: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else's turn meanwhile, but those begun within. What was to be told is told at the end of the outermost
        one, in order; an exception in a listener is logged and goes no further."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                if self._depth == 1:
                    self._tell_all()
                self._depth -= 1

    def tell(self, callback: Callable[..., None], *arguments: object) -> None:
        """Calls a listener at the end of the turn."""
        with self.turn():
            self._tells.append((callback, arguments))

    def _tell_all(self) -> None:
        self._before_telling()
        while self._tells:
            callback, arguments = self._tells.popleft()
            try:
                callback(*arguments)
            except Exception:
                logger.exception("A listener of a correction failed in %s", getattr(callback, "__name__", callback))
            self._before_telling()
