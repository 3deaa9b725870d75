"""Training models: a worker of its own for each training, so that neither Slicer nor a segmentation waits for it.

Everything that a training has reached lies in its folder (``UNetSegmentLib.worker.protocol.training_runs``): when the
process or Slicer ends, it can be continued from there.
"""

import contextlib
from pathlib import Path

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.models import locations
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
from .export import PairExport
from .job_worker import Job, JobWorker, in_words


class Training(Job):
    """A training at work, or what came of it. Read its attributes, and those of every job; a state of CANCELLED is a
    training that was stopped and can be continued.

    Attributes:
        folder, order: see ``training_runs``.
        keeping: a model is made of what has been learned so far.
        outcome: the model, once done.
    """

    outcome: Outcome | None

    def __init__(self, folder: Path, order: TrainingOrder, keeping: bool = False) -> None:
        super().__init__()
        self.folder, self.order, self.keeping = folder, order, keeping
        self.keep_when_stopped = False

    @property
    def run(self) -> TrainingRun:
        """How its folder stands."""
        return read_run(self.folder)


class Trainer(JobWorker[Training]):
    """One training at a time. A shutdown stops it, and it can be continued later."""

    # A step on a slow processor may take long; after it the checkpoint is written, as far as a shutdown leaves time.
    _cancel_patience_ms = 60_000
    _shutdown_patience_s = 6.0

    @property
    def unfinished(self) -> list[TrainingRun]:
        """Trainings that can be continued, without the one at work."""
        at_work = self.current.folder if self.busy else None
        return [run for run in list_runs() if not run.finished and run.folder != at_work]

    def begin(self, order: TrainingOrder, pairs: PairExport | None = None) -> Training:
        """Starts a new training, after its pairs (if any) have been copied into its folder.

        Raises:
            UNetSegmentError: the name is taken, the folder cannot be made, the process cannot be started.
        """
        folder = make_run(order)
        return self._start(Training(folder, order), pairs, folder / DATA)

    def go_on(self, folder: Path, keep: bool = False) -> Training:
        """Continues a training; with ``keep`` makes a model of what it has learned so far instead.

        Raises:
            UNetSegmentError: no such training, or the process cannot be started.
        """
        return self._start(Training(folder, read_run(folder).order, keep), None, None)

    def stop(self, keep: bool = False) -> None:
        """Stops the training; what it has learned stays in its folder. ``keep`` makes a model of that next."""
        if self.busy and self.current.state is not RunState.CANCELLING:
            self.current.keep_when_stopped = keep
            self._stop()

    def discard(self, folder: Path) -> None:
        """Removes a training that is not at work.

        Raises:
            OutputError: it cannot be removed.
        """
        discard_run(folder)
        if self.current is not None and self.current.folder == folder and not self.busy:
            self.current = None

    def on_trained(self, request_id: int, trained) -> None:
        self._on_done(request_id, trained.outcome)

    # -- internals -------------------------------------------------------------------------------------------------

    def _send(self, job: Training) -> int:
        return self._client.train(str(job.folder), job.keeping, str(locations.user_model_folder()))

    def _uncopied(self, job: Training) -> None:
        """Nothing has been learned, so that nothing is kept."""
        discard_run(job.folder)

    def _failing(self, job: Training, error: UNetSegmentError) -> UNetSegmentError:
        """Cases that cannot be used are corrected and trained anew: nothing of the attempt is worth keeping."""
        if error.code != WorkerError.CRASHED and not (job.folder / PLAN).is_file():
            with contextlib.suppress(UNetSegmentError):
                discard_run(job.folder)
        return in_words(
            error,
            _("The training's process has ended by itself. {cause}"),
            _("What was learned until the last checkpoint is there: click Continue. If it happens again, memory may be "
              "short: close other programs, or start anew with the device CPU."),
        )  # fmt: skip

    def _cancelled(self, job: Training) -> None:
        if job.keep_when_stopped and job.run.has_checkpoint:
            # Not from within the worker's own answer.
            qt.QTimer.singleShot(0, lambda: self._keep(job))

    def _keep(self, stopped: Training) -> None:
        if self.busy:
            return
        try:
            self.go_on(stopped.folder, keep=True)
        except UNetSegmentError as error:
            self._end(RunState.FAILED, error=error)
