"""A worker for scripts: ask, wait, get the result or the exception."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ...errors import UNetSegmentError
from ...geometry import Box
from ...progress import CancelToken, ProgressCallback, ProgressEvent
from ...volume import Volume, notes_of
from ..errors import WorkerError, error_from_code
from ..protocol.compression import Compressed, CompressionOrder
from ..protocol.messages import Imported, Loaded, Ready, Trained, Unloaded
from ..transport.pipes import SubprocessTransport
from .client import WorkerClient
from .listener import Listener
from .requests import ImportRequest, InstallRequest, SegmentRequest, SegmentResult

logger = logging.getLogger(__name__)

LogCallback = Callable[[str, str], None]
"""Takes a level (``INFO``, ``WARNING``, ``STDERR``, ...) and a line."""

_POLL = 0.05
_CANCEL_PATIENCE = 10.0


class WorkerSession:
    """One worker process, used from one thread, one request at a time; warm from the second on.

    ::

        with WorkerSession() as worker:
            result = worker.segment(SegmentRequest([volume], "hippocampus-t1"), progress=print)

    Args:
        log: gets the worker's log lines.
        folder, command, environment: see :class:`~UNetSegmentLib.worker.client.client.WorkerClient`.
    """

    def __init__(
        self,
        log: LogCallback | None = None,
        folder: str | os.PathLike[str] | None = None,
        command: Sequence[str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._transport = SubprocessTransport(threaded=False)
        self._answers = _Answers(log)
        self.client = WorkerClient(self._transport, self._answers, folder, command, environment)

    def start(self) -> Ready:
        """Starts the worker and waits until torch is there.

        Raises:
            UNetSegmentError: the worker does not start, or torch does not work in it.
        """
        self.client.start()
        while self.client.ready is None:
            self._transport.pump(_POLL)
            self._answers.raise_if_down()
        ready = self.client.ready
        assert ready is not None
        return ready

    def segment(
        self, request: SegmentRequest, progress: ProgressCallback | None = None, cancel: CancelToken | None = None
    ) -> SegmentResult:
        """Runs a model and waits for the result.

        Raises:
            Cancelled: through ``cancel``.
            UNetSegmentError: what went wrong, as the library would have raised it here; WorkerError for the worker.
            KeyboardInterrupt: Ctrl-C; the request is cancelled before.
        """
        self._answers.progress = progress
        result: SegmentResult = self._wait(self.client.segment(request), cancel)
        # Notes stay on this side of the line, with the volumes that they are about.
        return replace(result, warnings=tuple(dict.fromkeys((*notes_of(request.inputs), *result.warnings))))

    def load(self, model: str, device: str = "auto", preset: str = "balanced") -> Loaded:
        """Warms a model up. Raises as :meth:`segment`."""
        loaded: Loaded = self._wait(self.client.load(model, device, preset))
        return loaded

    def bring(
        self,
        request: ImportRequest | InstallRequest,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Imported:
        """Imports a foreign model, or installs an entry of the library. Raises as :meth:`segment`."""
        self._answers.progress = progress
        client = self.client
        number = client.import_model(request) if isinstance(request, ImportRequest) else client.install(request)
        imported: Imported = self._wait(number, cancel)
        return imported

    def train(
        self,
        folder: str,
        keep: bool = False,
        models: str | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Trained:
        """Trains, or goes on with, the training in ``folder``. Raises as :meth:`segment`."""
        self._answers.progress = progress
        trained: Trained = self._wait(self.client.train(folder, keep, models), cancel)
        return trained

    def compress(
        self,
        order: CompressionOrder,
        models: str | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Compressed:
        """Makes a quick version of a model. Raises as :meth:`segment`."""
        self._answers.progress = progress
        compressed: Compressed = self._wait(self.client.compress(order, models), cancel)
        return compressed

    def unload(self, model: str | None = None) -> Unloaded:
        """Drops a warm model, or all. Raises as :meth:`segment`."""
        unloaded: Unloaded = self._wait(self.client.unload(model))
        return unloaded

    def close(self) -> None:
        """Ends the worker. The next request would start another one."""
        self.client.shutdown()

    def __enter__(self) -> WorkerSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _wait(self, number: int, cancel: CancelToken | None = None) -> Any:
        deadline: float | None = None
        try:
            while number not in self._answers.arrived:
                self._transport.pump(_POLL)
                if deadline is None and cancel is not None and cancel.cancelled:
                    self.client.cancel(number)
                    deadline = time.monotonic() + _CANCEL_PATIENCE
                if deadline is not None and time.monotonic() > deadline:
                    # It does not listen; its end answers the request.
                    self.client.kill()
        except BaseException:
            self.client.cancel(number)
            raise
        finally:
            # Whoever has stopped waiting is not called any more, least of all while the worker is being shut down.
            self._answers.progress = None
        answer = self._answers.arrived.pop(number)
        if isinstance(answer, UNetSegmentError):
            raise answer
        return answer


class _Answers(Listener):
    """Collects what arrives, by request."""

    def __init__(self, log: LogCallback | None) -> None:
        self.arrived: dict[int, Any] = {}
        self.progress: ProgressCallback | None = None
        self._log = log
        self._down: UNetSegmentError | None = None

    def raise_if_down(self) -> None:
        if self._down is not None:
            error, self._down = self._down, None
            raise error

    def on_ready(self, ready: Ready) -> None:
        self._down = None
        if ready.problem is not None:
            problem = ready.problem
            self._down = error_from_code(problem.code, problem.cause, problem.cure, problem.detail)

    def on_progress(self, request_id: int, event: ProgressEvent) -> None:
        if self.progress is not None:
            self.progress(event)

    def on_log(self, level: str, message: str, request_id: int | None) -> None:
        if self._log is not None:
            self._log(level, message)

    def on_result(self, request_id: int, result: SegmentResult) -> None:
        self.arrived[request_id] = result

    def on_loaded(self, request_id: int, loaded: Loaded) -> None:
        self.arrived[request_id] = loaded

    def on_imported(self, request_id: int, imported: Imported) -> None:
        self.arrived[request_id] = imported

    def on_trained(self, request_id: int, trained: Trained) -> None:
        self.arrived[request_id] = trained

    def on_compressed(self, request_id: int, compressed: Compressed) -> None:
        self.arrived[request_id] = compressed

    def on_unloaded(self, request_id: int, unloaded: Unloaded) -> None:
        self.arrived[request_id] = unloaded

    def on_error(self, request_id: int | None, error: UNetSegmentError) -> None:
        if request_id is None:
            self._down = error
        else:
            self.arrived[request_id] = error


def run_blocking(
    request: SegmentRequest,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    log: LogCallback | None = None,
    folder: str | os.PathLike[str] | None = None,
    command: Sequence[str] | None = None,
) -> SegmentResult:
    """One request in a worker of its own, which is gone afterwards. Raises as :meth:`WorkerSession.segment`."""
    with WorkerSession(log, folder, command) as worker:
        return worker.segment(request, progress, cancel)


def segment_through_worker(
    volumes: Sequence[Volume],
    model: str,
    *,
    region: Box | None = None,
    device: str = "auto",
    preset: str = "balanced",
    settings: dict[str, Any] | None = None,
    probabilities: bool = False,
    uncertainty: bool = False,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    log: LogCallback | None = None,
    command: Sequence[str] | None = None,
) -> SegmentResult:
    """The command line's ``--worker``: the arguments of ``Segmenter.segment``, carried out in another process. The
    result has the same fields (``segmentation``, ``probabilities``, ``uncertainty``, ``timings``, ``warnings``,
    ``settings``). ``command``: starts the worker; None is the usual one. Where the connection to one on another machine
    breaks, it is asked once more. Raises as :meth:`WorkerSession.segment`."""
    request = SegmentRequest(
        tuple(volumes), str(model), region, device, preset, dict(settings or {}), probabilities, uncertainty
    )
    try:
        return run_blocking(request, progress, cancel, log, command=command)
    except WorkerError as error:
        if error.code != WorkerError.FAR_BROKEN:
            raise
        logger.warning("%s It is made anew.", error.cause)
    return run_blocking(request, progress, cancel, log, command=command)
