"""How a client reaches its worker process, told as a ``typing.Protocol``.

Two exist: :class:`~UNetSegmentLib.worker.transport.pipes.SubprocessTransport` (pipes and threads, everywhere) and
the Slicer module's, over ``QProcess``.

**Threads.** The client holds no thread of its own and waits for none. It asks one thing of a transport: the three
callbacks come **one at a time, in order, and on_exit last** (after all output was handed over, once per start). Which
thread they come on is the transport's affair, and becomes the thread on which the client calls its listener:

- QProcess: connect ``readyReadStandardOutput``, ``readyReadStandardError``, ``finished`` and ``errorOccurred`` (only
  ``FailedToStart`` means that ``finished`` won't come); everything is on the GUI thread, callbacks may touch widgets.
  Before calling ``on_exit``, hand over what is still unread.
- SubprocessTransport: one dispatch thread of its own, or wherever its ``post`` argument takes them.

A callback may call any method of the client, and so of the transport (``write`` from within ``on_output`` is usual).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

OutputCallback = Callable[[bytes], None]


@dataclass(frozen=True)
class ExitStatus:
    """How a process ended.

    Args:
        code: its exit code, None where there is none (a signal, or it never started).
        crashed: ended by a signal or a native fault (``QProcess.CrashExit``), or never started.
        reason: in words where the transport knows more, e.g. why it could not be started, or ``signal 9 (SIGKILL)``.
    """

    code: int | None
    crashed: bool = False
    reason: str = ""

    def describe(self) -> str:
        if self.reason:
            return self.reason
        return "a crash" if self.crashed or self.code is None else f"exit code {self.code}"


ExitCallback = Callable[[ExitStatus], None]


class Transport(Protocol):
    """Starts a process and carries bytes. Reusable: ``start`` may be called again after ``on_exit``."""

    def start(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        on_output: OutputCallback,
        on_error_output: OutputCallback,
        on_exit: ExitCallback,
    ) -> None:
        """Starts ``command`` (program, arguments) with ``env`` added to this process's environment.

        May return before the process runs; ``write`` must work at once all the same (QProcess buffers). A program that
        cannot be started either raises OSError here or is told later by ``on_exit(ExitStatus(None, True, reason))``.

        Args:
            on_output, on_error_output: get what comes on stdout and stderr, cut anywhere.
        """

    def write(self, data: bytes) -> None:
        """Sends all of ``data`` to the process's stdin, whole, in the order of calls. A process that is gone is no
        error (``on_exit`` tells)."""

    def terminate(self) -> None:
        """Kills the started process (``QProcess.kill``), not asking it, and closes its stdin. No error when gone."""

    def wait(self, seconds: float) -> bool:
        """Blocks until the process has ended, at most ``seconds``; True when it has
        (``QProcess.waitForFinished(ms)``). Callbacks may come meanwhile."""

    @property
    def running(self) -> bool:
        """From ``start`` until the process has ended."""
