"""Runs cases in a process of its own and survives its death.

A few cases are handed over ahead, so that the process can read the next one while the network runs. When it dies (out
of memory, a crash in a library), the cases that it had are run again one at a time: the one that ends a process while
it is alone is the culprit and becomes a failed row; the rest goes on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import Cancelled, UNetSegmentError
from ...progress import CancelToken
from ...worker.errors import WorkerError, error_from_code
from ...worker.transport.launch import default_environment
from ..case import CohortCase
from ..job import CohortJob
from ..record import Record
from .failures import failed
from .messages import case_line

log = logging.getLogger(__name__)

AHEAD = 3
_LOOK = 0.1
_LAST_WORDS = 1 << 14
GRACE = 10.0
_COMMAND = (sys.executable, "-m", "UNetSegmentLib.cohort.running.child")


class Driver:
    """Runs cases through child processes.

    Args:
        job, digest, output: see :class:`~.pipeline.Pipeline`.
        cancel: ends the run.
        began: told the name of each case that goes into the network.
        command: that starts a child.

    Attributes:
        grace: seconds that a child has to end by itself after a cancel.
    """

    def __init__(
        self,
        job: CohortJob,
        digest: str,
        output: Path,
        cancel: CancelToken | None = None,
        began: Callable[[str], None] | None = None,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self._order = {"job": job.to_json(), "digest": digest, "output": str(output.absolute())}
        self._digest = digest
        self._cancel = cancel or CancelToken()
        self._began = began
        self._command = command
        self.grace = GRACE

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        """The record of each case, as it ends.

        Raises:
            Cancelled: the token was set; records of cases that were being written come first.
            UNetSegmentError: a process cannot even be made ready (no such model, no such device).
        """
        waiting = deque(cases)
        suspects: deque[CohortCase] = deque()
        while waiting or suspects:
            alone = bool(suspects)
            source, ahead = (suspects, 1) if alone else (waiting, AHEAD)
            lost, how = yield from self._one_process(source, ahead)
            if not lost:
                continue
            if len(lost) == 1 and (alone or not waiting):
                yield self._culprit(lost[0], how)
            else:
                log.warning("the process that ran cases ended (%s); its %d cases are run one at a time", how, len(lost))
                suspects.extend(lost)

    def _one_process(
        self, source: deque[CohortCase], ahead: int
    ) -> Generator[Record, None, tuple[list[CohortCase], str]]:
        """Runs cases in one process until there are none left or it dies; returns the cases lost and how it ended."""
        pending: dict[str, CohortCase] = {}
        with _Child(self._command, self._order, self.grace) as child:
            while source or pending:
                while source and len(pending) < ahead and child.ready:
                    case = source.popleft()
                    pending[case.name] = case
                    if not child.send(case_line(case)):
                        break
                try:
                    message = child.receive(self._cancel)
                except Cancelled:
                    yield from child.last_records()
                    raise
                if message is None:
                    child.check_ready()
                    return list(pending.values()), child.how
                if "began" in message and self._began is not None:
                    self._began(message["began"])
                if "record" in message:
                    record = Record.from_json(message["record"])
                    pending.pop(record.case, None)
                    yield record
        return [], ""

    def _culprit(self, case: CohortCase, how: str) -> Record:
        error = WorkerError(
            f"It ended the process that ran it ({how}).",
            "If memory ran out: run it on a machine with more, give a region (roi), or use the preset 'fast'. "
            "Otherwise the file is probably damaged: export it again.",
            code=WorkerError.CRASHED,
        )
        return failed(case, error, self._digest)


class _Child:
    """One process; ``ready`` once the model is loaded."""

    def __init__(self, command: Sequence[str], order: dict[str, Any], grace: float) -> None:
        self._command, self._order, self._grace = command, order, grace
        self.ready = False
        self.how = ""
        self._refused: UNetSegmentError | None = None

    def __enter__(self) -> _Child:
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
        if kind is not None and self._process.poll() is None:
            self.send({"cancel": True})
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(self._grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(OSError):
            self._words.close()

    def send(self, message: dict[str, Any]) -> bool:
        """Whether it could be handed over; a process that is gone is noticed by :meth:`receive`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def receive(self, cancel: CancelToken) -> dict[str, Any] | None:
        """The next message; None when the process has ended.

        Raises:
            Cancelled: the token was set.
        """
        while True:
            cancel.raise_if_cancelled()
            with contextlib.suppress(queue.Empty):
                line = self._lines.get(timeout=_LOOK)
                if not line.endswith(b"\n"):
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

    def check_ready(self) -> None:
        """Raises what kept the process from its work; a case is not to blame then."""
        if self._refused is not None:
            raise self._refused
        if not self.ready:
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
