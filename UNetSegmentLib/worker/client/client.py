"""The client of a worker: plain Python without torch, Qt or threads of its own.

::

    client = WorkerClient(SubprocessTransport(), MyListener())
    client.start()
    number = client.segment(SegmentRequest([volume], "hippocampus-t1"))   # returns at once
    ...                                                                   # MyListener.on_result(number, result)
    client.shutdown()

Every request ends in exactly one of ``on_result`` / ``on_loaded`` / ``on_imported`` / ``on_trained`` /
``on_compressed`` / ``on_unloaded`` and ``on_error``. Listener methods are called on the thread that the transport
delivers on (see :mod:`..transport.interface`); an exception in one is logged and goes no further.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...errors import UNetSegmentError
from ...progress import ProgressEvent
from ...volume import Volume
from ..errors import WorkerError, error_from_code
from ..exchange.folders import HeldFile
from ..exchange.mapped import write_array
from ..exchange.voxel_files import VoxelFiles
from ..protocol.compression import Compress, Compressed, CompressionOrder
from ..protocol.encoding import encode
from ..protocol.messages import (
    Cancel,
    Event,
    Failure,
    Hello,
    Imported,
    Load,
    Loaded,
    Log,
    Progress,
    Ready,
    Request,
    Result,
    Train,
    Trained,
    Unload,
    VolumeFile,
)
from ..transport.connection import Connection
from ..transport.interface import ExitStatus, Transport
from ..transport.launch import default_command, default_environment
from .listener import Listener, WorkerState
from .pending import Files, PendingRequests, discard
from .requests import (
    ImportRequest,
    InstallRequest,
    SegmentRequest,
    SegmentResult,
    import_message,
    install_message,
    result_names,
    result_of,
    segment_message,
)

logger = logging.getLogger(__name__)


class WorkerClient:
    """One worker process and the requests that wait for it.

    Use it from one thread; its listener may call it too. Everything here returns at once, but :meth:`shutdown` and
    :meth:`kill`, which wait for the process to end, and :meth:`segment`, which writes the voxels.

    Args:
        transport: see :class:`~UNetSegmentLib.worker.transport.interface.Transport`.
        listener: gets everything that happens.
        folder: where the private folder for voxels is made; None is the system's temporary folder.
        command, environment: see :mod:`..transport.launch`; in Slicer
            ``command=default_command("<path of PythonSlicer>")``.
    """

    def __init__(
        self,
        transport: Transport,
        listener: Listener,
        folder: str | os.PathLike[str] | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._listener = listener
        self._files = VoxelFiles(folder)
        self._pending = PendingRequests()
        self._down_state = self._told = WorkerState.STOPPED
        self._announcing = threading.Lock()
        self._connection = Connection(
            transport,
            command or default_command(),
            default_environment() if environment is None else environment,
            self._on_event,
            lambda level, text: self._tell(listener.on_log, level, text, None),
            self._on_exit,
            self._on_start,
            lambda: bool(self._pending.numbers),
        )

    # -- what the user calls ---------------------------------------------------------------------------------------

    @property
    def state(self) -> WorkerState:
        if not self._pending.is_open:
            return self._down_state
        if self._connection.ready is None:
            return WorkerState.STARTING
        return WorkerState.BUSY if self._pending.numbers else WorkerState.READY

    @property
    def hello(self) -> Hello | None:
        """What the running worker said first: pid, versions."""
        return self._connection.hello

    @property
    def ready(self) -> Ready | None:
        """What the running worker said of torch and its devices, once it has."""
        return self._connection.ready

    @property
    def pending(self) -> tuple[int, ...]:
        """Requests that wait for an answer, oldest first."""
        return self._pending.numbers

    def start(self) -> None:
        """Starts the process unless it runs. Returns at once; ``on_ready`` follows.

        Raises:
            WorkerError: it could not be started (code ``worker-start-failed``).
        """
        if self._pending.is_open:
            return
        try:
            self._connection.start()
        except WorkerError:
            self._down_state = WorkerState.CRASHED
            self._pending.close()
            self._announce()
            raise

    def segment(self, request: SegmentRequest) -> int:
        """Queues a segmentation (starting the worker if need be) and returns its number at once.

        Raises:
            OutputError: the voxels cannot be handed over (disk full, folder not writable).
            InputError: voxels of an odd type.
            WorkerError: the worker could not be started.
        """
        held: list[HeldFile] = []
        try:
            inputs = [self._handed_over(volume, held) for volume in request.inputs]
            results = {name: str(self._new_file(name, held).path) for name in result_names(request)}
        except UNetSegmentError:
            discard(tuple(held))
            raise
        where = str(self._files.path)
        return self._ask(lambda number: segment_message(number, request, inputs, where, results), tuple(held))

    def load(
        self, model: str, device: str = "auto", preset: str = "balanced", settings: dict[str, Any] | None = None
    ) -> int:
        """Warms a model up before it is needed; ``on_loaded`` follows. Starts the worker if need be."""
        return self._ask(lambda number: Load(number, str(model), device, preset, dict(settings or {})))

    def import_model(self, request: ImportRequest) -> int:
        """Turns a foreign model into packages; ``on_imported`` follows. Starts the worker if need be."""
        return self._ask(lambda number: import_message(number, request))

    def install(self, request: InstallRequest) -> int:
        """Downloads and imports an entry of the library; ``on_imported`` follows. Starts the worker if need be."""
        return self._ask(lambda number: install_message(number, request))

    def train(self, folder: str, keep: bool = False, models: str | None = None) -> int:
        """Trains, or goes on with, the training in ``folder`` (see :class:`~..protocol.messages.Train`); ``on_trained``
        follows. Starts the worker if need be."""
        return self._ask(lambda number: Train(number, str(folder), keep, models))

    def compress(self, order: CompressionOrder, models: str | None = None) -> int:
        """Makes a quick version of a model (see :class:`~..protocol.compression.Compress`); ``on_compressed`` follows.
        Starts the worker if need be."""
        return self._ask(lambda number: Compress(number, order, models))

    def unload(self, model: str | None = None) -> int:
        """Drops a warm model, or all, to free memory; ``on_unloaded`` follows. Starts the worker if need be."""
        return self._ask(lambda number: Unload(number, None if model is None else str(model)))

    def cancel(self, request_id: int) -> None:
        """Asks to stop a running or waiting request; ``on_error`` with code ``cancelled`` follows (or its result, when
        that was already on the way). Where no answer comes within a few seconds, :meth:`kill` always works."""
        if request_id in self.pending:
            self._connection.send(Cancel(request_id))

    def shutdown(self, timeout: float = 5.0) -> None:
        """Cancels everything, lets the worker exit, kills it after ``timeout`` seconds, removes the voxel folder.

        Blocks until the process is gone. Waiting requests get ``cancelled``.
        """
        self._connection.shutdown(timeout)
        self._files.remove()

    def kill(self) -> None:
        """Ends the worker now, whatever it is doing, and the launcher around it. Waiting requests get
        ``cancelled``; the next request starts a new worker."""
        self._connection.kill()
        self._files.remove()

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    # -- what the transport calls ------------------------------------------------------------------------------------

    def _on_start(self) -> None:
        self._pending.open()
        self._announce()

    def _on_exit(self, status: ExitStatus, error: UNetSegmentError) -> None:
        expected = self._connection.exit_expected
        self._down_state = WorkerState.STOPPED if expected else WorkerState.CRASHED
        waiting = self._pending.close()
        self._announce()
        for number, files in waiting.items():
            discard(files)
            self._tell(self._listener.on_error, number, error)
        if not waiting and not expected:
            self._tell(self._listener.on_error, None, error)
        self._tell(self._listener.on_exit, status, expected)

    # -- messages ------------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        listener = self._listener
        if isinstance(event, Hello):
            return
        if isinstance(event, Ready):
            self._announce()
            self._tell(listener.on_ready, event)
        elif isinstance(event, Progress):
            progress = ProgressEvent(event.stage, event.done, event.total, event.seconds_left, event.message)
            self._tell(listener.on_progress, event.id, progress)
        elif isinstance(event, Log):
            self._tell(listener.on_log, event.level, event.message, event.id)
        elif isinstance(event, Failure):
            self._on_failure(event)
        elif isinstance(event, Result):
            self._on_result(event)
        elif self._finish(event.id):
            if isinstance(event, Loaded):
                self._tell(listener.on_loaded, event.id, event)
            elif isinstance(event, Imported):
                self._tell(listener.on_imported, event.id, event)
            elif isinstance(event, Trained):
                self._tell(listener.on_trained, event.id, event)
            elif isinstance(event, Compressed):
                self._tell(listener.on_compressed, event.id, event)
            else:
                self._tell(listener.on_unloaded, event.id, event)

    def _on_failure(self, event: Failure) -> None:
        if event.id is None or self._finish(event.id):
            problem = event.problem
            error = error_from_code(problem.code, problem.cause, problem.cure, problem.detail)
            self._tell(self._listener.on_error, event.id, error)

    def _on_result(self, event: Result) -> None:
        try:
            # Before the request is finished, which lets go of its files.
            result: SegmentResult | UNetSegmentError = result_of(event)
        except UNetSegmentError as error:
            result = error
        if not self._finish(event.id):
            return
        if isinstance(result, UNetSegmentError):
            self._tell(self._listener.on_error, event.id, result)
        else:
            self._tell(self._listener.on_result, event.id, result)

    # -- internals -----------------------------------------------------------------------------------------------------

    def _ask(self, message: Callable[[int], Request], files: Files = ()) -> int:
        """Sends the request that ``message`` makes of a new number; ``files`` are removed with its answer."""
        number = self._pending.new_number()
        try:
            line = encode(message(number))
            self.start()
            # The process may end at any moment, even before the request stands on the list that its end clears.
            while not self._pending.add(number, files):
                self.start()
        except UNetSegmentError:
            discard(files)
            raise
        self._announce()
        self._connection.send_line(line)
        return number

    def _finish(self, number: int) -> bool:
        known = self._pending.finish(number)
        if known:
            self._announce()
        return known

    def _announce(self) -> None:
        """Tells the listener when the state is another than it was told last."""
        with self._announcing:
            state = self.state
            changed = state is not self._told
            self._told = state
        if changed:
            self._tell(self._listener.on_state, state)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            logger.exception("A listener of the worker failed in %s", getattr(callback, "__name__", callback))

    def _new_file(self, name: str, held: list[HeldFile]) -> HeldFile:
        held.append(self._files.new(name))
        return held[-1]

    def _handed_over(self, volume: Volume, held: list[HeldFile]) -> VolumeFile:
        """A volume in a new file, which is put on the list."""
        file = self._new_file("input", held)
        array = write_array(volume.voxels, file.path, held=True)
        return VolumeFile(array, volume.geometry, volume.name, volume.modality)


__all__ = [
    "ImportRequest", "InstallRequest", "Listener", "SegmentRequest", "SegmentResult", "WorkerClient", "WorkerState",
    "default_command",
]  # fmt: skip
