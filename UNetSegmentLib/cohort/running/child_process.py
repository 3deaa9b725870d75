"""The driver's side of a process that runs cases: starting it, lines to and from it, how it ended."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

from ...errors import UNetSegmentError
from ...progress import CancelToken
from ...worker.errors import WorkerError, error_from_code
from ...worker.transport.launch import default_environment
from ..record import Record
from .overdue import Overdue

log = logging.getLogger(__name__)

_LOOK = 0.1
_LAST_WORDS = 1 << 14
_LAST_WAIT = 5.0


class ChildProcess:
    """One process; ``ready`` once the model is loaded. A context manager.

    Args:
        command: that starts it.
        order: its first line.
        grace: seconds that it has to end by itself after a cancel.
    """

    def __init__(self, command: Sequence[str], order: dict[str, Any], grace: float) -> None:
        self._command, self._order, self._grace = command, order, grace
        self.ready = False
        self.how = ""
        self._refused: UNetSegmentError | None = None

    def __enter__(self) -> ChildProcess:
        self._words = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env={**os.environ, **default_environment()},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        assert self._process.stdout is not None
        threading.Thread(target=_listen, args=(self._process.stdout, self._lines), daemon=True).start()
        self.send(self._order)
        return self

    def __exit__(self, kind: object, *ignored: object) -> None:
        self.send({"end": True} if kind is None else {"cancel": True})
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(self._grace)
        except subprocess.TimeoutExpired:
            self.kill()
        with contextlib.suppress(OSError):
            self._words.close()

    def kill(self) -> None:
        """Ends it at once. One that waits for a drive that does not answer cannot be ended, and is left behind."""
        with contextlib.suppress(OSError):
            self._process.kill()
        try:
            self._process.wait(_LAST_WAIT)
        except subprocess.TimeoutExpired:
            log.warning("process %d waits for a drive that does not answer and cannot be ended", self._process.pid)

    def send(self, message: dict[str, Any]) -> bool:
        """Whether it could be handed over; a process that is gone is noticed by :meth:`receive`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def receive(self, cancel: CancelToken, overdue: Callable[[], Overdue | None]) -> dict[str, Any] | Overdue | None:
        """The next message; None when the process has ended; what is overdue where that comes first.

        Raises:
            Cancelled: the token was set.
        """
        while True:
            cancel.raise_if_cancelled()
            late = overdue()
            if late is not None and self._lines.empty():
                return late
            with contextlib.suppress(queue.Empty):
                line = self._lines.get(timeout=_LOOK)
                if not line.endswith(b"\n"):
                    # A Ctrl-C in a terminal reaches both processes, and this one may end before it can ignore it.
                    cancel.raise_if_cancelled()
                    self.how = _ending(self._process.wait(), self._last_words())
                    return None
                message: dict[str, Any] = json.loads(line)
                if "error" in message:
                    self._refused = error_from_code(*message["error"])
                    continue
                self.ready = self.ready or "ready" in message
                return message

    def last_records(self) -> Iterator[Record]:
        """Stops the process; the records of cases that it still ends: their results are there."""
        self.send({"cancel": True})
        end = time.monotonic() + self._grace
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                line = self._lines.get(timeout=_LOOK)
                if not line.endswith(b"\n"):
                    return
                message = json.loads(line)
                if "record" in message:
                    yield Record.from_json(message["record"])

    def check_ready(self, forgiving: bool = False) -> None:
        """Raises what kept the process from its work; a case is not to blame then.

        Args:
            forgiving: pass over one that a signal has ended: another may fare better.
        """
        if self._refused is not None:
            raise self._refused
        if not self.ready and not (forgiving and (self._process.poll() or 0) < 0):
            raise WorkerError(
                f"The process that runs cases could not be made ready ({self.how}).",
                "Check that the model can be used: unetsegment segment with it on one image.",
                code=WorkerError.START_FAILED,
            )

    def _last_words(self) -> str:
        self._words.seek(0, os.SEEK_END)
        self._words.seek(max(self._words.tell() - _LAST_WORDS, 0))
        return self._words.read().decode("utf-8", "replace")


def _listen(stream: BinaryIO, lines: queue.Queue[bytes]) -> None:
    """Hands lines over; an incomplete one at the end."""
    with contextlib.suppress(OSError, ValueError):
        for line in stream:
            lines.put(line)
    lines.put(b"")


def _ending(code: int, words: str) -> str:
    """How a process ended, in words."""
    if code == -getattr(signal, "SIGKILL", 9):
        return "ended by the system, most likely for its memory"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    last = next((line.strip() for line in reversed(words.splitlines()) if line.strip()), "")
    return f"exit code {code}{': ' + last[:120] if last else ''}"
