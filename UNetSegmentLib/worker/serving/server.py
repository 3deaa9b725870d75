"""The worker's side: reads requests, runs them one after the other on one thread, tells what happens.

Threads: the **main** thread is the inference thread, the only one that ever runs a network (cuDNN's plans are kept per
thread) or imports torch; **reader** takes requests as they come, so that a cancel is heard during a run; **outbox**
writes. Whoever finds that the client is gone ends the process on the spot.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, Protocol

from ...budget import is_out_of_memory, out_of_memory
from ...errors import Cancelled, UNetSegmentError
from ...progress import CancelToken, ProgressCallback, ProgressEvent
from ..errors import ProtocolError, VersionError, WorkerError, error_from_code
from ..exchange.folders import remove_abandoned
from ..protocol.compression import Compress, Compressed
from ..protocol.encoding import LINES, decode_request, encode
from ..protocol.lines import GuardedLines
from ..protocol.messages import (
    Cancel,
    ClientHello,
    Event,
    Failure,
    Hello,
    Import,
    Imported,
    LibraryInstall,
    Load,
    Loaded,
    Log,
    Problem,
    Progress,
    Ready,
    Request,
    Result,
    Segment,
    Shutdown,
    Train,
    Trained,
    Unload,
    Unloaded,
)
from ..protocol.refine_messages import Refine, Refined, RefineOpen
from .jobs import Job, JobQueue
from .outbox import Outbox
from .parent import watch_parent
from .stdio import Channel

SHUTDOWN_GRACE = 4.0
EXIT_DEVICE_LOST = 75
_CHUNK = 1 << 16

logger = logging.getLogger(__name__)


class Engine(Protocol):
    """What runs the requests; all methods are called on the inference thread."""

    def probe(self) -> Ready:
        """Imports what is slow and says what there is. Does not raise."""

    def warm_up(self) -> None:
        """Does what makes a process's first run slow. Called while there is nothing else to do. Does not raise."""

    def load(self, request: Load, cancel: CancelToken) -> Loaded: ...

    def segment(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> Result: ...

    def refine(self, request: Refine) -> Refined: ...

    def bring(self, request: Import | LibraryInstall, progress: ProgressCallback, cancel: CancelToken) -> Imported: ...

    def train(self, request: Train, progress: ProgressCallback, cancel: CancelToken) -> Trained: ...

    def compress(self, request: Compress, progress: ProgressCallback, cancel: CancelToken) -> Compressed: ...

    def unload(self, request: Unload) -> Unloaded: ...


class Server:
    """One worker process.

    Args:
        engine: see :class:`Engine`.
        channel: private ends of the pipes.
        leave: ends the process at once with an exit code; never returns.
    """

    def __init__(self, engine: Engine, channel: Channel, leave: Callable[[int], None] = os._exit) -> None:
        self._engine = engine
        self._input = channel.input
        self._leave = leave
        self._outbox = Outbox(channel.output, self._leave_alone)
        self._jobs = JobQueue()
        self._problem: Problem | None = None
        self._greeted = False
        self._current: Job | None = None
        self._exit_code = 0
        self._folders: set[str] = set()

    def run(self) -> int:
        """Serves until the client says ``shutdown`` or goes away; returns the exit code."""
        self._outbox.send(_hello())
        _forward_logs(self._outbox.send, lambda: self._current.request.id if self._current else None)
        threading.Thread(target=self._read, args=(self._input,), name="reader", daemon=True).start()
        ready = self._engine.probe()
        self._problem = ready.problem
        self._outbox.send(ready)
        if ready.problem is None and self._jobs.empty:
            self._engine.warm_up()
        while (job := self._jobs.take()) is not None:
            self._current = job
            self._outbox.send_line(self._answer(job))
            self._current = None
        self._outbox.close()
        return self._exit_code

    # -- inference thread ------------------------------------------------------------------------------------------

    def _answer(self, job: Job) -> bytes:
        number = job.request.id
        try:
            if self._problem is not None:
                problem = self._problem
                raise error_from_code(problem.code, problem.cause, problem.cure, problem.detail)
            job.cancel.raise_if_cancelled()
            answer = self._run(job)
            # Encoded here, so that an answer that cannot be sent becomes an error instead of silence.
            return encode(answer)
        except UNetSegmentError as error:
            return encode(Failure(Problem.of(error), number))
        except Exception as error:
            if is_out_of_memory(error):
                return encode(Failure(Problem.of(out_of_memory(error)), number))
            logger.exception("unexpected error in request %d", number)
            if _is_device_lost(error):
                # Nothing works on this device in this process any more; the client starts another one.
                self._exit_code = EXIT_DEVICE_LOST
                self._stop()
            return encode(Failure(Problem.of(_internal_error(error)), number))

    def _run(self, job: Job) -> Event:
        request = job.request
        if isinstance(request, Load):
            return self._engine.load(request, job.cancel)
        if isinstance(request, Unload):
            return self._engine.unload(request)
        if isinstance(request, Refine):
            return self._engine.refine(request)
        progress = _ProgressSender(request.id, self._outbox)
        if isinstance(request, Segment):
            return self._engine.segment(request, progress, job.cancel)
        if isinstance(request, Train):
            return self._engine.train(request, progress, job.cancel)
        if isinstance(request, Compress):
            return self._engine.compress(request, progress, job.cancel)
        return self._engine.bring(request, progress, job.cancel)

    # -- reader thread ---------------------------------------------------------------------------------------------

    def _read(self, stream: BinaryIO) -> None:
        lines = GuardedLines(lambda reason: self._outbox.send(Failure(Problem.of(ProtocolError(reason, LINES)))))
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(stream.fileno(), _CHUNK):
                for line in lines.feed(data):
                    if line.strip():
                        self._take(line)
        # The client is gone: nobody wants a result or an orderly end. (One that only closed its end, a script's pipe,
        # may still want to read what was said.)
        self._outbox.close(0.5)
        self._leave_alone()

    def _take(self, line: bytes) -> None:
        try:
            self._accept(decode_request(line))
        except VersionError as error:
            self._outbox.send(Failure(Problem.of(error)))
            self._stop()
        except ProtocolError as error:
            self._outbox.send(Failure(Problem.of(error), error.request_id))
        except Exception as error:
            # The thread must outlive whatever a line does to it: nobody would hear a cancel any more.
            logger.exception("unexpected error in a line")
            self._outbox.send(Failure(Problem.of(_internal_error(error))))

    def _accept(self, request: Request) -> None:
        if isinstance(request, ClientHello):
            if not self._greeted:
                if request.folder:
                    self._folders.add(request.folder)
                watch_parent(request.pid, request.host, self._leave_alone)
            self._greeted = True
        elif not self._greeted:
            raise ProtocolError("The first message must be 'hello'.", request_id=getattr(request, "id", None))
        elif isinstance(request, Shutdown):
            self._stop()
        elif isinstance(request, Cancel):
            if self._jobs.cancel(request.id):
                self._outbox.send(Failure(Problem.of(Cancelled()), request.id))
        elif self._jobs.knows(request.id):
            raise ProtocolError(f"There already is a request {request.id}.")
        else:
            if isinstance(request, Segment | RefineOpen):
                self._folders.add(request.folder)
            if isinstance(request, Compress) and request.order.copied:
                self._folders.add(request.order.copied)
            self._jobs.put(Job(request))

    def _leave_alone(self) -> None:
        """The end of a worker whose client is gone: what that had in files goes too."""
        for folder in tuple(self._folders):
            remove_abandoned(Path(folder))
        self._leave(0)

    def _stop(self) -> None:
        """Cancels everything and lets the inference thread end; ends the process when that takes too long."""
        for job in self._jobs.close():
            self._outbox.send(Failure(Problem.of(Cancelled("The worker was stopped.")), job.request.id))
        timer = threading.Timer(SHUTDOWN_GRACE, lambda: self._leave(self._exit_code))
        timer.daemon = True
        timer.start()


class _ProgressSender:
    """Sends every new stage and its end; of the steps between, no more than anybody can read, but always the last."""

    def __init__(self, number: int, outbox: Outbox) -> None:
        self._number = number
        self._outbox = outbox
        self._stage = ""

    def __call__(self, event: ProgressEvent) -> None:
        left = event.seconds_left
        message = Progress(self._number, event.stage, event.done, event.total, left, event.message)
        if event.stage != self._stage or event.done >= event.total:
            self._outbox.send(message)
        else:
            self._outbox.offer(message)
        self._stage = event.stage


class _ForwardLogs(logging.Handler):
    def __init__(self, send: Callable[[Event], None], number: Callable[[], int | None]) -> None:
        super().__init__(logging.INFO)
        self._send_event = send
        self._number = number

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._send_event(Log(record.levelname, self.format(record), self._number()))
        except Exception:
            self.handleError(record)


def _forward_logs(send: Callable[[Event], None], number: Callable[[], int | None]) -> None:
    """The library's log goes to the client as messages, everybody else's to stderr."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    logging.captureWarnings(True)
    library = logging.getLogger(__name__.split(".")[0])
    library.setLevel(logging.INFO)
    library.propagate = False
    library.addHandler(_ForwardLogs(send, number))


def _hello() -> Hello:
    try:
        torch: str | None = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = None
    return Hello(
        pid=os.getpid(),
        host=platform.node(),
        python=platform.python_version(),
        executable=sys.executable,
        torch=torch,
    )


def _internal_error(error: Exception) -> WorkerError:
    return WorkerError(
        f"The worker met an unexpected error ({type(error).__name__}: {str(error)[:300]}).",
        "Try again; if it happens every time, report it together with the details.",
        traceback.format_exc(),
        WorkerError.INTERNAL,
    )


def _is_device_lost(error: Exception) -> bool:
    """Errors after which a CUDA context is unusable; torch has no class of its own for them in all versions."""
    text = str(error)
    return "CUDA error" in text and "out of memory" not in text
