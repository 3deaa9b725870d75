"""What one worker process says: lines become events, and what it said of itself is remembered."""

from __future__ import annotations

import logging
import platform
from collections import deque
from collections.abc import Callable

from ...errors import UNetSegmentError
from ..errors import PARTING, RECOVERABLE, ProtocolError, VersionError, WorkerError, error_from_code
from ..protocol.encoding import decode_event
from ..protocol.lines import LineBuffer, Tail
from ..protocol.messages import Event, Failure, Hello, Ready

logger = logging.getLogger(__name__)


class Incoming:
    """The output of one process, from its start to its end.

    ``fatal`` is an error that another process would meet too, ``parting`` what this one said of its own end.

    Args:
        on_event: gets every event, in order, even where it runs an event loop that brings more of them.
        on_log: gets a level and a line: what was printed on stderr (``STDERR``), and lines that are no messages.
        on_fatal: called when :attr:`fatal` was set: there is no point in going on with this process.
    """

    def __init__(
        self, on_event: Callable[[Event], None], on_log: Callable[[str, str], None], on_fatal: Callable[[], None]
    ) -> None:
        self._on_event, self._on_log, self._on_fatal = on_event, on_log, on_fatal
        self._lines, self._error_lines, self._tail = LineBuffer(), LineBuffer(), Tail()
        self._inbox: deque[bytes] = deque()
        self.hello: Hello | None = None
        self.ready: Ready | None = None
        self.fatal: UNetSegmentError | None = None
        self.parting: UNetSegmentError | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that works; None while unknown. A worker on another machine has a number that means somebody
        else here."""
        return self.hello.pid if self.hello is not None and self.hello.host == platform.node() else None

    @property
    def last_words(self) -> str:
        """The end of what it wrote on stderr."""
        return self._tail.text()

    def feed(self, data: bytes) -> None:
        """Takes output."""
        self._inbox.extend(self._lines.feed(data))
        self.drain()

    def feed_errors(self, data: bytes) -> None:
        """Takes what came on stderr."""
        for line in self._error_lines.feed(data):
            self._error_line(line)

    def drain(self) -> None:
        """Handles the lines that came."""
        while self._inbox:
            line = self._inbox.popleft()
            if line.strip():
                self._line(line)

    def end(self) -> None:
        """Nothing more will come."""
        self.drain()
        for line in self._error_lines.flush():
            self._error_line(line)

    def _line(self, line: bytes) -> None:
        try:
            event = decode_event(line)
        except VersionError as error:
            self.fatal = error
            self._on_fatal()
            return
        except ProtocolError as error:
            # Something in front of the worker may print (a launcher, a site's startup file): no reason to stop.
            logger.warning("Unreadable line from the worker: %s", error.detail or error.cause)
            self._on_log("WARNING", f"Unreadable line from the worker: {error}")
            return
        if isinstance(event, Hello):
            self.hello = event
        elif isinstance(event, Ready):
            self.ready = event
        elif isinstance(event, Failure) and event.problem.code == WorkerError.VERSION_SKEW:
            # The worker ends itself now; whatever waits gets this reason rather than a crash.
            problem = event.problem
            self.fatal = error_from_code(problem.code, problem.cause, problem.cure, problem.detail)
            return
        elif isinstance(event, Failure) and event.id is None and event.problem.code in PARTING:
            # The relay of a far worker knows better than its exit code why it ends.
            problem = event.problem
            self.parting = error_from_code(problem.code, problem.cause, problem.cure, problem.detail)
            self.fatal = None if problem.code in RECOVERABLE else self.parting
            return
        self._on_event(event)

    def _error_line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        self._tail.add(text)
        self._on_log("STDERR", text)
