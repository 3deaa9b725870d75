"""The client of a worker: plain Python without torch, Qt or threads of its own.

::

    client = WorkerClient(SubprocessTransport(), MyListener())
    client.start()
    number = client.segment(SegmentRequest([volume], "hippocampus-t1"))   # returns at once
    ...                                                                   # MyListener.on_result(number, result)
    client.shutdown()

Every request ends in exactly one of ``on_result`` / ``on_loaded`` / ``on_unloaded`` and ``on_error``. Listener methods
are called on the thread that the transport delivers on (see :mod:`.transport`); an exception in one is logged and
goes no further.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import Cancelled, UNetSegmentError
from ..progress import ProgressEvent
from . import exchange, processes
from .errors import ProtocolError, VersionError, WorkerError, crash_error, error_from_code, start_error
from .exchange import ExchangeFolder
from .launch import default_command, default_environment
from .lines import LineBuffer, Tail
from .listener import Listener, WorkerState
from .protocol import (
    ArrayFile,
    Cancel,
    ClientHello,
    Event,
    Failure,
    Hello,
    Load,
    Loaded,
    Log,
    Progress,
    Ready,
    Request,
    Result,
    Shutdown,
    Unload,
    VolumeFile,
    decode_event,
    encode,
)
from .requests import SegmentRequest, SegmentResult, result_of, segment_message
from .transport import ExitStatus, Transport

logger = logging.getLogger(__name__)


class WorkerClient:
    """One worker process and the requests that wait for it.

    Use it from one thread; its listener may call it too. Everything here returns at once, but :meth:`shutdown` and
    :meth:`kill`, which wait for the process to end, and :meth:`segment`, which writes the voxels.

    Args:
        transport: see :class:`~UNetSegmentLib.worker.transport.Transport`.
        listener: gets everything that happens.
        folder: where the private folder for voxels is made; None is the system's temporary folder.
        command, environment: see :mod:`.launch`; in Slicer ``command=default_command("<path of PythonSlicer>")``.
    """

    def __init__(
        self,
        transport: Transport,
        listener: Listener,
        folder: str | os.PathLike[str] | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._transport = transport
        self._listener = listener
        self._parent = folder
        self._command = list(command or default_command())
        self._environment = dict(default_environment() if environment is None else environment)
        # Guards the few fields below for transports that deliver on another thread than their user's. It is never
        # held while the listener or the transport is called, so a single-threaded user never waits on it.
        self._lock = threading.Lock()
        self._pending: dict[int, tuple[ArrayFile, ...]] = {}
        self._count = 0
        self._up = False
        self._down_state = self._told = WorkerState.STOPPED
        self._exit_expected = False
        self._fatal: UNetSegmentError | None = None
        self._folder: ExchangeFolder | None = None
        self._lines, self._error_lines, self._tail = LineBuffer(), LineBuffer(), Tail()
        self._inbox: deque[bytes] = deque()
        self._hello: Hello | None = None
        self._ready: Ready | None = None
        self._pid: int | None = None

    # -- what the user calls ---------------------------------------------------------------------------------------

    @property
    def state(self) -> WorkerState:
        with self._lock:
            return self._current_state()

    @property
    def hello(self) -> Hello | None:
        """What the running worker said first: pid, versions."""
        return self._hello

    @property
    def ready(self) -> Ready | None:
        """What the running worker said of torch and its devices, once it has."""
        return self._ready

    @property
    def pending(self) -> tuple[int, ...]:
        """Requests that wait for an answer, oldest first."""
        with self._lock:
            return tuple(self._pending)

    def start(self) -> None:
        """Starts the process unless it runs. Returns at once; ``on_ready`` follows.

        Raises:
            WorkerError: it could not be started (code ``worker-start-failed``).
        """
        if self._up:
            return
        self._forget_process()
        self._up, self._exit_expected, self._fatal = True, False, None
        self._announce()
        try:
            self._transport.start(
                self._command, self._environment, self._on_output, self._on_error_output, self._on_exit
            )
        except OSError as error:
            self._up, self._down_state = False, WorkerState.CRASHED
            self._announce()
            raise start_error(self._command, str(error)) from error
        self._send(ClientHello(pid=os.getpid(), host=platform.node()))

    def segment(self, request: SegmentRequest) -> int:
        """Queues a segmentation (starting the worker if need be) and returns its number at once.

        Raises:
            OutputError: the voxels cannot be handed over (disk full, folder not writable).
            InputError: voxels of an odd type.
            WorkerError: the worker could not be started.
        """
        folder = self._exchange()
        files: list[VolumeFile] = []
        try:
            for volume in request.inputs:
                files.append(VolumeFile(folder.write(volume.voxels, "input"), volume.geometry, volume.name))
        except UNetSegmentError:
            _discard([file.array for file in files])
            raise

        where = str(folder.path)
        return self._ask(
            lambda number: segment_message(number, request, files, where), tuple(file.array for file in files)
        )

    def load(
        self, model: str, device: str = "auto", preset: str = "balanced", settings: dict[str, Any] | None = None
    ) -> int:
        """Warms a model up before it is needed; ``on_loaded`` follows. Starts the worker if need be."""
        return self._ask(lambda number: Load(number, str(model), device, preset, dict(settings or {})))

    def unload(self, model: str | None = None) -> int:
        """Drops a warm model, or all, to free memory; ``on_unloaded`` follows. Starts the worker if need be."""
        return self._ask(lambda number: Unload(number, None if model is None else str(model)))

    def cancel(self, request_id: int) -> None:
        """Asks to stop a running or waiting request; ``on_error`` with code ``cancelled`` follows (or its result, when
        that was already on the way). Where no answer comes within a few seconds, :meth:`kill` always works."""
        if request_id in self.pending:
            self._send(Cancel(request_id))

    def shutdown(self, timeout: float = 5.0) -> None:
        """Cancels everything, lets the worker exit, kills it after ``timeout`` seconds, removes the voxel folder.

        Blocks until the process is gone. Waiting requests get ``cancelled``.
        """
        if self._up:
            self._exit_expected = True
            self._send(Shutdown())
            gone = False
            try:
                gone = self._transport.wait(timeout)
            finally:
                # Also when the user lost patience (Ctrl-C).
                if not gone:
                    self.kill()
        self._remove_folder()

    def kill(self) -> None:
        """Ends the worker now, whatever it is doing, and the launcher around it. Waiting requests get
        ``cancelled``; the next request starts a new worker."""
        if self._up:
            self._exit_expected = True
            self._end_process()
            self._transport.wait(10.0)
        self._remove_folder()

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    # -- what the transport calls ------------------------------------------------------------------------------------

    def _on_output(self, data: bytes) -> None:
        self._inbox.extend(self._lines.feed(data))
        self._drain()

    def _on_error_output(self, data: bytes) -> None:
        for line in self._error_lines.feed(data):
            self._on_error_line(line)

    def _on_exit(self, status: ExitStatus) -> None:
        self._drain()
        for line in self._error_lines.flush():
            self._on_error_line(line)
        if self._pid is not None and processes.alive(self._pid):
            # The launcher is gone, its child is not.
            processes.kill(self._pid)
        expected = self._exit_expected
        error = self._exit_error(status)
        with self._lock:
            pending, self._pending = self._pending, {}
            self._up, self._down_state = False, WorkerState.STOPPED if expected else WorkerState.CRASHED
        self._announce()
        for number, files in pending.items():
            _discard(files)
            self._tell(self._listener.on_error, number, error)
        if not pending and not expected:
            self._tell(self._listener.on_error, None, error)
        self._tell(self._listener.on_exit, status, expected)

    def _drain(self) -> None:
        """Handles the lines that came, in order even where a listener runs an event loop that brings more of them."""
        while self._inbox:
            line = self._inbox.popleft()
            if line.strip():
                self._on_line(line)

    # -- messages ------------------------------------------------------------------------------------------------------

    def _on_line(self, line: bytes) -> None:
        try:
            event = decode_event(line)
        except VersionError as error:
            self._fatal = error
            self._end_process()
            return
        except ProtocolError as error:
            # Something in front of the worker may print (a launcher, a site's startup file): no reason to stop.
            logger.warning("Unreadable line from the worker: %s", error.detail or error.cause)
            self._tell(self._listener.on_log, "WARNING", f"Unreadable line from the worker: {error}", error.request_id)
            return
        self._on_event(event)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Hello):
            self._hello = event
            # A worker on another machine has a number that means somebody else here.
            self._pid = event.pid if event.host == platform.node() else None
        elif isinstance(event, Ready):
            self._ready = event
            self._announce()
            self._tell(self._listener.on_ready, event)
        elif isinstance(event, Progress):
            progress = ProgressEvent(event.stage, event.done, event.total, event.seconds_left, event.message)
            self._tell(self._listener.on_progress, event.id, progress)
        elif isinstance(event, Log):
            self._tell(self._listener.on_log, event.level, event.message, event.id)
        elif isinstance(event, Failure):
            self._on_failure(event)
        elif isinstance(event, Result):
            self._on_result(event)
        elif self._finish(event.id):
            callback = self._listener.on_loaded if isinstance(event, Loaded) else self._listener.on_unloaded
            self._tell(callback, event.id, event)

    def _on_failure(self, event: Failure) -> None:
        problem = event.problem
        error = error_from_code(problem.code, problem.cause, problem.cure, problem.detail)
        if problem.code == WorkerError.VERSION_SKEW:
            # The worker ends itself now; whatever waits gets this reason rather than a crash.
            self._fatal = error
        elif event.id is None or self._finish(event.id):
            self._tell(self._listener.on_error, event.id, error)

    def _on_result(self, event: Result) -> None:
        known = self._finish(event.id)
        try:
            result = result_of(event)
        except UNetSegmentError as error:
            if known:
                self._tell(self._listener.on_error, event.id, error)
            return
        if known:
            self._tell(self._listener.on_result, event.id, result)

    # -- internals -----------------------------------------------------------------------------------------------------

    def _send(self, message: Request) -> None:
        self._transport.write(encode(message))

    def _ask(self, message: Callable[[int], Request], files: tuple[ArrayFile, ...] = ()) -> int:
        """Sends the request that ``message`` makes of a new number; ``files`` are removed with its answer."""
        with self._lock:
            self._count += 1
            number = self._count
        try:
            line = encode(message(number))
            self.start()
            # The process may end at any moment, even before the request stands on the list that its end clears.
            while not self._list(number, files):
                self.start()
        except UNetSegmentError:
            _discard(files)
            raise
        self._announce()
        self._transport.write(line)
        return number

    def _list(self, number: int, files: tuple[ArrayFile, ...]) -> bool:
        with self._lock:
            if self._up:
                self._pending[number] = files
            return self._up

    def _finish(self, number: int) -> bool:
        """Takes a request off the list; False when it was not on it."""
        with self._lock:
            files = self._pending.pop(number, None)
        if files is None:
            return False
        _discard(files)
        self._announce()
        return True

    def _announce(self) -> None:
        """Tells the listener when the state is another than it was told last."""
        with self._lock:
            state = self._current_state()
            changed = state is not self._told
            self._told = state
        if changed:
            self._tell(self._listener.on_state, state)

    def _current_state(self) -> WorkerState:
        if not self._up:
            return self._down_state
        if self._ready is None:
            return WorkerState.STARTING
        return WorkerState.BUSY if self._pending else WorkerState.READY

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            logger.exception("A listener of the worker failed in %s", getattr(callback, "__name__", callback))

    def _on_error_line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        self._tail.add(text)
        self._tell(self._listener.on_log, "STDERR", text, None)

    def _exit_error(self, status: ExitStatus) -> UNetSegmentError:
        if self._fatal is not None:
            return self._fatal
        if self._exit_expected:
            return Cancelled("The worker was stopped.")
        if self._hello is None and status.code is None and status.reason:
            return start_error(self._command, status.reason)
        during = "before it was ready" if self._ready is None else "during its work" if self._pending else "while idle"
        return crash_error(during, status.describe(), self._tail.text())

    def _end_process(self) -> None:
        if self._pid is not None:
            processes.kill(self._pid)
        self._transport.terminate()

    def _forget_process(self) -> None:
        self._lines, self._error_lines, self._tail = LineBuffer(), LineBuffer(), Tail()
        self._inbox = deque()
        self._hello = self._ready = self._pid = None

    def _exchange(self) -> ExchangeFolder:
        if self._folder is None or not self._folder.path.is_dir():
            self._folder = ExchangeFolder(self._parent)
        return self._folder

    def _remove_folder(self) -> None:
        if self._folder is not None:
            self._folder.remove()
            self._folder = None


def _discard(files: Sequence[ArrayFile]) -> None:
    for file in files:
        exchange.discard(file)


__all__ = ["Listener", "SegmentRequest", "SegmentResult", "WorkerClient", "WorkerState", "default_command"]
