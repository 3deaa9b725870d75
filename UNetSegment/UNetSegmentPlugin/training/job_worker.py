"""One long job at a time in a worker process of its own, so that neither Slicer nor a segmentation waits for it.

What trainings and the making of quick versions have in common: pairs of the scene are copied first, then the worker is
asked, its progress told, and the process goes as soon as the job has ended.
"""

import collections
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.errors import Cancelled, UNetSegmentError
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.worker.client.client import WorkerClient
from UNetSegmentLib.worker.client.listener import Listener
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.transport.launch import default_command

from ..running.runs import RunState, wait_for
from ..running.worker_process import QProcessTransport, python_executable
from .export import PairExport

_LOG_LINES = 2000


class Job:
    """Something on its way, or what came of it. Read its attributes.

    Attributes:
        state: see ``runs.RunState``.
        copied: pairs that are copied, and how many there are; None once they are.
        progress: the last event, None before the first.
        outcome: what was made, once done.
        error: why it failed.
    """

    def __init__(self) -> None:
        self.state = RunState.WAITING
        self.copied: tuple[int, int] | None = None
        self.progress: ProgressEvent | None = None
        self.outcome = None
        self.error: UNetSegmentError | None = None


_Job = TypeVar("_Job", bound=Job)


class JobWorker(Listener, Generic[_Job]):
    """Owns the worker process; one job at a time. A kind of job says what it asks of the worker, and what it leaves.

    Attributes:
        current: the job at work, or the last one; None before the first.
        log: what the process reports.
    """

    # How long a job may take to stop, and the process to leave at a shutdown, before it is ended.
    _cancel_patience_ms: int
    _shutdown_patience_s: float

    def __init__(self) -> None:
        self.current: _Job | None = None
        self.log: collections.deque[str] = collections.deque(maxlen=_LOG_LINES)
        self._client = WorkerClient(QProcessTransport(), self, command=default_command(python_executable()))
        self._number: int | None = None
        self._export: PairExport | None = None
        self._observers: list[Callable[[_Job], None]] = []

    def observe(self, callback: Callable[[_Job], None]) -> None:
        """``callback(job)`` is called whenever it changes."""
        self._observers.append(callback)

    def forget(self, callback: Callable[[_Job], None]) -> None:
        """Ends :meth:`observe`."""
        if callback in self._observers:
            self._observers.remove(callback)

    @property
    def busy(self) -> bool:
        return self.current is not None and not self.current.state.final

    def scene_closing(self) -> None:
        """Pairs that are still being copied go with the scene; once they are copied nothing needs it."""
        if self._export is not None:
            self._abandon(
                UNetSegmentError(
                    _("The scene was closed before its pairs were copied."), _("Load them again, and start anew.")
                )
            )

    def wait(self, job: _Job, timeout: float = 3600.0) -> _Job:
        """Keeps the application alive until it has ended. For scripts; the panel never waits."""
        return wait_for(job, timeout)

    def shutdown(self) -> None:
        """Stops the process now; a job that is at work is cancelled."""
        if self._export is not None:
            self._abandon(None)
        self._client.shutdown(timeout=self._shutdown_patience_s)

    # -- what a kind of job does in its own way --------------------------------------------------------------------

    def _send(self, job: _Job) -> int:
        """Asks the worker for it; the number of the request."""
        raise NotImplementedError

    def _uncopied(self, job: _Job) -> None:
        """Its pairs will not all be copied: what it has made until now goes."""

    def _unsent(self, job: _Job) -> None:
        """The worker could not be asked."""

    def _failing(self, job: _Job, error: UNetSegmentError) -> UNetSegmentError:
        """The worker could not do it: what goes with it, and the error in the words of the panel."""
        return error

    def _ended(self, job: _Job) -> None:
        """It has ended, in whatever way; nobody has been told yet."""

    def _cancelled(self, job: _Job) -> None:
        """It was cancelled at work, and that has been told."""

    # -- for the kinds of job --------------------------------------------------------------------------------------

    def _start(self, job: _Job, pairs: PairExport | None, folder: Path | None) -> _Job:
        """Asks the worker, after the pairs (if any) have been copied into the folder."""
        self.log.clear()
        self.current = job
        if pairs is None:
            self._ask()
        else:
            self._export = pairs
            pairs.start(folder, self._on_copied, self._on_all_copied)
        return job

    def _stop(self) -> None:
        """Cancels what is at work, or copies no further."""
        if self._export is not None:
            self._abandon(None)
            return
        self.current.state = RunState.CANCELLING
        number = self._number
        self._client.cancel(number)
        qt.QTimer.singleShot(self._cancel_patience_ms, lambda: self._number == number and self._client.kill())
        self._tell()

    def _end(self, state: RunState, **outcome) -> None:
        job, self._number = self.current, None
        job.state = state
        for name, value in outcome.items():
            setattr(job, name, value)
        self._ended(job)
        # The process goes at once: it holds memory, would keep a graphics card from the segmentations, and is needed
        # once in a long while.
        qt.QTimer.singleShot(0, lambda: self.busy or self.shutdown())
        self._tell()

    # -- what the export and the client tell -----------------------------------------------------------------------

    def _on_copied(self, done: int, total: int) -> None:
        self.current.copied = done, total
        self._tell()

    def _on_all_copied(self, error: UNetSegmentError | None) -> None:
        if error is not None:
            self._abandon(error)
            return
        self._export = self.current.copied = None
        try:
            self._ask()
        except UNetSegmentError as failure:
            self._end(RunState.FAILED, error=failure)

    def on_log(self, level: str, message: str, request_id: int | None) -> None:
        self.log.append(f"{time.strftime('%H:%M:%S')}  {message}")

    def on_progress(self, request_id: int, event: ProgressEvent) -> None:
        if request_id != self._number:
            return
        self.current.progress = event
        if self.current.state is RunState.WAITING:
            self.current.state = RunState.RUNNING
        self._tell()

    def _on_done(self, request_id: int, outcome) -> None:
        if request_id == self._number:
            self._end(RunState.DONE, outcome=outcome)

    def on_error(self, request_id: int | None, error: UNetSegmentError) -> None:
        if request_id is None or request_id != self._number:
            return
        job = self.current
        if isinstance(error, Cancelled):
            self._end(RunState.CANCELLED)
            self._cancelled(job)
            return
        self.on_log("ERROR", str(error), None)
        self._end(RunState.FAILED, error=self._failing(job, error))

    # -- internals -------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        try:
            self._number = self._send(self.current)
        except UNetSegmentError:
            self.current.state = RunState.FAILED
            self._unsent(self.current)
            raise
        self._tell()

    def _abandon(self, error: UNetSegmentError | None) -> None:
        """Ends one whose pairs are not all copied."""
        self._export.cancel()
        self._export = self.current.copied = None
        self._uncopied(self.current)
        self._end(RunState.FAILED if error is not None else RunState.CANCELLED, error=error)

    def _tell(self) -> None:
        for callback in list(self._observers):
            callback(self.current)


def in_words(error: UNetSegmentError, cause: str, cure: str) -> UNetSegmentError:
    """A process that died, in the words of the job; any other error as it is.

    Args:
        cause: with ``{cause}`` where what the client found out goes.
    """
    if error.code != WorkerError.CRASHED:
        return error
    return WorkerError(cause.format(cause=error.cause), cure, error.detail, WorkerError.CRASHED)
