"""One worker process at a time, from its start to its end, without a word about what it is asked."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence

from ...errors import Cancelled, UNetSegmentError
from .. import processes
from ..errors import crash_error, start_error
from ..protocol.encoding import encode
from ..protocol.messages import ClientHello, Event, Hello, Ready, Request, Shutdown
from .incoming import Incoming
from .interface import ExitStatus, Transport


class Connection:
    """Starts workers, speaks to the present one, and tells how it ended.

    Args:
        transport: see :class:`~UNetSegmentLib.worker.transport.interface.Transport`.
        command, environment: that start it, see :mod:`.launch`.
        on_event: gets every event.
        on_log: gets a level and a line.
        on_exit: gets how the process ended and the error that it means to whoever waits.
        on_start: called when a process is about to be started, and :attr:`open` and :attr:`ready` speak of it already.
        busy: whether somebody waits, for the words of the error.
    """

    def __init__(
        self,
        transport: Transport,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_event: Callable[[Event], None],
        on_log: Callable[[str, str], None],
        on_exit: Callable[[ExitStatus, UNetSegmentError], None],
        on_start: Callable[[], None] = lambda: None,
        busy: Callable[[], bool] = lambda: True,
    ) -> None:
        self._transport = transport
        self._command, self._environment = list(command), dict(environment)
        self._on_event, self._on_log, self._on_exit_told = on_event, on_log, on_exit
        self._on_start, self._busy = on_start, busy
        self._incoming = self._new_incoming()
        self.open = False
        self.exit_expected = False

    @property
    def hello(self) -> Hello | None:
        """What the running worker said first."""
        return self._incoming.hello

    @property
    def ready(self) -> Ready | None:
        """What the running worker said of its installation, once it has."""
        return self._incoming.ready

    @property
    def fatal(self) -> bool:
        """Whether there is no point in starting another one: it is of another version, or cannot be started."""
        return self._incoming.fatal is not None

    def use_command(self, command: Sequence[str]) -> None:
        """What starts the next process."""
        self._command = list(command)

    def start(self) -> None:
        """Starts the process unless it runs.

        Raises:
            WorkerError: it could not be started (code ``worker-start-failed``).
        """
        if self.open:
            return
        incoming = self._incoming = self._new_incoming()
        self.exit_expected = False
        self.open = True
        self._on_start()
        try:
            self._transport.start(
                self._command,
                self._environment,
                incoming.feed,
                incoming.feed_errors,
                lambda s: self._on_exit(s, incoming),
            )
        except OSError as error:
            self.open = False
            raise start_error(self._command, str(error)) from error
        self.send(ClientHello(pid=os.getpid(), host=platform.node()))

    def send(self, message: Request) -> None:
        """Sends a message; one to a process that is gone is lost. Raises ProtocolError for what JSON cannot carry."""
        self.send_line(encode(message))

    def send_line(self, line: bytes) -> None:
        """Sends a message that is already encoded."""
        self._transport.write(line)

    def shutdown(self, timeout: float) -> None:
        """Lets the worker exit, kills it after ``timeout`` seconds. Blocks until the process is gone."""
        if not self.open:
            # Its end may just be being told, on another thread.
            self._transport.wait(timeout)
            return
        self.exit_expected = True
        self.send(Shutdown())
        gone = False
        try:
            gone = self._transport.wait(timeout)
        finally:
            # Also when the user lost patience (Ctrl-C).
            if not gone:
                self.kill()

    def kill(self) -> None:
        """Ends the worker now, and the launcher around it."""
        if self.open:
            self.exit_expected = True
            self._end_process()
            self._transport.wait(10.0)

    def give_up(self) -> None:
        """Ends a worker that does not understand us any more; its end is told as one that nobody wished for."""
        if self.open:
            self._end_process()

    def _on_exit(self, status: ExitStatus, incoming: Incoming) -> None:
        incoming.end()
        if incoming.pid is not None and processes.alive(incoming.pid):
            # The launcher is gone, its child is not.
            processes.kill(incoming.pid)
        self.open = False
        self._on_exit_told(status, self._exit_error(status, incoming))

    def _exit_error(self, status: ExitStatus, incoming: Incoming) -> UNetSegmentError:
        if incoming.fatal is not None:
            return incoming.fatal
        if self.exit_expected:
            return Cancelled("The worker was stopped.")
        if incoming.hello is None and status.code is None and status.reason:
            incoming.fatal = start_error(self._command, status.reason)
            return incoming.fatal
        if incoming.parting is not None:
            return incoming.parting
        at_work = "during its work" if self._busy() else "while idle"
        during = "before it was ready" if incoming.ready is None else at_work
        return crash_error(during, status.describe(), incoming.last_words)

    def _end_process(self) -> None:
        if self._incoming.pid is not None:
            processes.kill(self._incoming.pid)
        self._transport.terminate()

    def _new_incoming(self) -> Incoming:
        return Incoming(self._on_event, self._on_log, self._end_process)
