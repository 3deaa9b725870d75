"""Training models: a worker of its own for each training, so that neither Slicer nor a segmentation waits for it.

Everything that a training has reached lies in its folder (``UNetSegmentLib.worker.protocol.training_runs``): when the
process or Slicer ends, it can be continued from there.
"""

import collections
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import Cancelled, UNetSegmentError
from UNetSegmentLib.models import locations
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.worker.client.client import Listener, WorkerClient, default_command
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.protocol.training_runs import (
    DATA,
    PLAN,
    Outcome,
    TrainingOrder,
    TrainingRun,
    discard_run,
    list_runs,
    make_run,
    read_run,
)

from ..running.runs import RunState
from ..running.worker_process import QProcessTransport, python_executable
from .export import PairExport

_LOG_LINES = 2000
# A step on a slow processor may take long; after it the checkpoint is written.
_STOP_PATIENCE_MS = 60_000


class Training:
    """A training at work, or what came of it. Read its attributes.

    Attributes:
        folder, order: see ``training_runs``.
        state: see ``runs.RunState``; CANCELLED is a training that was stopped and can be continued.
        copied: pairs that are copied, and how many there are; None once they are.
        progress: the last event, None before the first.
        keeping: a model is made of what has been learned so far.
        outcome: the model, once done.
        error: why it failed.
    """

    def __init__(self, folder: Path, order: TrainingOrder, keeping: bool = False) -> None:
        self.folder, self.order, self.keeping = folder, order, keeping
        self.state = RunState.WAITING
        self.copied: tuple[int, int] | None = None
        self.progress: ProgressEvent | None = None
        self.outcome: Outcome | None = None
        self.error: UNetSegmentError | None = None
        self.keep_when_stopped = False

    @property
    def run(self) -> TrainingRun:
        """How its folder stands."""
        return read_run(self.folder)


class Trainer(Listener):
    """Owns the worker process; one training at a time.

    Attributes:
        current: the training at work, or the last one; None before the first.
        log: what the process reports.
    """

    def __init__(self) -> None:
        self.current: Training | None = None
        self.log: collections.deque[str] = collections.deque(maxlen=_LOG_LINES)
        self._client = WorkerClient(QProcessTransport(), self, command=default_command(python_executable()))
        self._number: int | None = None
        self._export: PairExport | None = None
        self._observers: list[Callable[[Training], None]] = []

    def observe(self, callback: Callable[[Training], None]) -> None:
        """``callback(training)`` is called whenever it changes."""
        self._observers.append(callback)

    def forget(self, callback: Callable[[Training], None]) -> None:
        """Ends :meth:`observe`."""
        if callback in self._observers:
            self._observers.remove(callback)

    @property
    def busy(self) -> bool:
        return self.current is not None and not self.current.state.final

    @property
    def unfinished(self) -> list[TrainingRun]:
        """Trainings that can be continued, without the one at work."""
        at_work = self.current.folder if self.busy else None
        return [run for run in list_runs() if not run.finished and run.folder != at_work]

    # -- what the panel and scripts call ---------------------------------------------------------------------------

    def begin(self, order: TrainingOrder, pairs: PairExport | None = None) -> Training:
        """Starts a new training, after its pairs (if any) have been copied into its folder.

        Raises:
            UNetSegmentError: the name is taken, the folder cannot be made, the process cannot be started.
        """
        folder = make_run(order)
        training = self._take(Training(folder, order))
        if pairs is None:
            self._ask()
        else:
            self._export = pairs
            pairs.start(folder / DATA, self._on_copied, self._on_all_copied)
        return training

    def go_on(self, folder: Path, keep: bool = False) -> Training:
        """Continues a training; with ``keep`` makes a model of what it has learned so far instead.

        Raises:
            UNetSegmentError: no such training, or the process cannot be started.
        """
        training = self._take(Training(folder, read_run(folder).order, keep))
        self._ask()
        return training

    def stop(self, keep: bool = False) -> None:
        """Stops the training; what it has learned stays in its folder. ``keep`` makes a model of that next."""
        training = self.current
        if training is None or not self.busy or training.state is RunState.CANCELLING:
            return
        if self._export is not None:
            self._abandon(None)
            return
        training.keep_when_stopped = keep
        training.state = RunState.CANCELLING
        number = self._number
        self._client.cancel(number)
        qt.QTimer.singleShot(_STOP_PATIENCE_MS, lambda: self._number == number and self._client.kill())
        self._tell()

    def discard(self, folder: Path) -> None:
        """Removes a training that is not at work.

        Raises:
            OutputError: it cannot be removed.
        """
        discard_run(folder)
        if self.current is not None and self.current.folder == folder and not self.busy:
            self.current = None

    def scene_closing(self) -> None:
        """Pairs that are still being copied go with the scene; a training that has them does not need it."""
        if self._export is not None:
            self._abandon(
                UNetSegmentError(
                    _("The scene was closed before its pairs were copied."), _("Load them again, and start anew.")
                )
            )

    def wait(self, training: Training, timeout: float = 3600.0) -> Training:
        """Keeps the application alive until it has ended. For scripts; the panel never waits."""
        end = time.monotonic() + timeout
        while not training.state.final and time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.005)
        return training

    def shutdown(self) -> None:
        """Stops the process now; the training can be continued later."""
        if self._export is not None:
            self._abandon(None)
        # The step at work is finished and saved, as far as that takes no longer.
        self._client.shutdown(timeout=6.0)

    # -- what the export and the client tell ---------------------------------------------------------------------------

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

    def on_progress(self, request_id: int, event) -> None:
        if request_id != self._number:
            return
        self.current.progress = event
        if self.current.state is RunState.WAITING:
            self.current.state = RunState.RUNNING
        self._tell()

    def on_trained(self, request_id: int, trained) -> None:
        if request_id == self._number:
            self._end(RunState.DONE, outcome=trained.outcome)

    def on_error(self, request_id: int | None, error: UNetSegmentError) -> None:
        if request_id is None or request_id != self._number:
            return
        if not isinstance(error, Cancelled):
            self.on_log("ERROR", str(error), None)
            self._forget_unplanned(error)
            self._end(RunState.FAILED, error=_explained(error))
            return
        training = self.current
        self._end(RunState.CANCELLED)
        if training.keep_when_stopped and training.run.has_checkpoint:
            # Not from within the worker's own answer.
            qt.QTimer.singleShot(0, lambda: self._keep(training))

    # -- internals -------------------------------------------------------------------------------------------------

    def _keep(self, stopped: Training) -> None:
        if self.busy:
            return
        try:
            self.go_on(stopped.folder, keep=True)
        except UNetSegmentError as error:
            self._end(RunState.FAILED, error=error)

    def _forget_unplanned(self, error: UNetSegmentError) -> None:
        """Cases that cannot be used are corrected and trained anew: nothing of the attempt is worth keeping."""
        folder = self.current.folder
        if error.code != WorkerError.CRASHED and not (folder / PLAN).is_file():
            with contextlib.suppress(UNetSegmentError):
                discard_run(folder)

    def _take(self, training: Training) -> Training:
        self.log.clear()
        self.current = training
        return training

    def _ask(self) -> None:
        training = self.current
        try:
            models = str(locations.user_model_folder())
            self._number = self._client.train(str(training.folder), training.keeping, models)
        except UNetSegmentError:
            training.state = RunState.FAILED
            raise
        self._tell()

    def _abandon(self, error: UNetSegmentError | None) -> None:
        """Ends a training whose pairs are not all copied: nothing has been learned, so that nothing is kept."""
        self._export.cancel()
        self._export = self.current.copied = None
        discard_run(self.current.folder)
        self._end(RunState.FAILED if error is not None else RunState.CANCELLED, error=error)

    def _end(self, state: RunState, **outcome) -> None:
        training, self._number = self.current, None
        training.state = state
        for name, value in outcome.items():
            setattr(training, name, value)
        # The process goes at once: it holds memory, and would keep a graphics card from the segmentations.
        qt.QTimer.singleShot(0, lambda: self._number is not None or self.shutdown())
        self._tell()

    def _tell(self) -> None:
        for callback in list(self._observers):
            callback(self.current)


def _explained(error: UNetSegmentError) -> UNetSegmentError:
    """A process that died is told in the words of a training."""
    if error.code != WorkerError.CRASHED:
        return error
    return WorkerError(
        _("The training's process has ended by itself. {cause}").format(cause=error.cause),
        _("What was learned until the last checkpoint is there: click Continue. If it happens again, memory may be "
          "short: close other programs, or start anew with the device CPU."),
        error.detail,
        WorkerError.CRASHED,
    )  # fmt: skip
