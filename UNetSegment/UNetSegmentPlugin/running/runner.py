"""The queue of runs in front of the worker processes: one on this computer, and one for each host that is chosen.

Voxels are handed over when a run is asked for, so that what the user saw at the click is what is segmented. A worker
works its queue off in order; results are written to the scene as they come, on the GUI thread.
"""

import collections
import logging
import time
from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import Cancelled, InputError, UNetSegmentError
from UNetSegmentLib.worker.client.client import WorkerState
from UNetSegmentLib.worker.client.requests import SegmentRequest
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.protocol.messages import Problem, Ready

from ..scene import inputs, provenance, regions, results, rollback, volumes
from ..scene.provenance import Provenance
from . import far_words, hosts
from .permission import ModelPermission
from .runs import Order, Run, RunState, stamp_of, wait_for
from .worker import Worker

logger = logging.getLogger(__name__)

_LOG_LINES = 2000
# A worker that has not answered a cancel after this long is replaced; it costs the warm model, never a frozen panel.
_CANCEL_PATIENCE_MS = 5000
# Whoever only waited for a worker that has ended of something else is asked again.
_NOT_OF_THE_RUN = (WorkerError.CRASHED, WorkerError.FAR_BROKEN)


class Runner:
    """Owns the workers and their runs.

    Args:
        undo_history: its ``save(segmentation_node)`` is called before a result changes segments, its ``take_back()``
            when that has failed (see ``undo``).
    """

    def __init__(self, undo_history) -> None:
        self.undo_history = undo_history
        self.log: collections.deque[str] = collections.deque(maxlen=_LOG_LINES)
        self.last_error: UNetSegmentError | None = None
        self.permission = ModelPermission()
        self._here = Worker(self)
        self._far: list[Worker] = []
        self._again: list[Run] = []
        self._lacking: list[tuple[Run, UNetSegmentError]] = []
        self._observers: list[Callable[[Run | None], None]] = []
        self._leave_when_idle = False

    # -- what the panel and scripts call ---------------------------------------------------------------------------

    def observe(self, callback: Callable[[Run | None], None]) -> None:
        """``callback(run)`` is called whenever a run changes, ``callback(None)`` when the worker or its log does."""
        self._observers.append(callback)

    def forget(self, callback: Callable[[Run | None], None]) -> None:
        """Ends :meth:`observe`."""
        if callback in self._observers:
            self._observers.remove(callback)

    @property
    def runs(self) -> tuple[Run, ...]:
        """Runs that are not finished, oldest first."""
        waiting = [*self._again, *(run for run, _error in self._lacking)]
        every = [run for worker in self._workers for run in worker.runs.values()] + waiting
        return tuple(sorted(every, key=lambda run: run.number))

    @property
    def ready(self):
        """What the worker on this computer has said of torch and its devices; None while it has not."""
        return self._here.ready

    def ready_at(self, url: str):
        """The same of the worker on a host."""
        if not url:
            return self.ready
        return next((worker.ready for worker in reversed(self._far) if worker.url == url), None)

    @property
    def state(self) -> WorkerState:
        """Of the worker on this computer."""
        return self._here.client.state

    def state_of(self, run: Run) -> WorkerState:
        """Of the worker that a run is with."""
        worker = next((worker for worker in self._workers if worker.number_of(run) is not None), self._here)
        return worker.client.state

    @property
    def process_id(self) -> int | None:
        """Of the interpreter that works here (not of the launcher around it); None without one."""
        hello = self._here.client.hello
        return hello.pid if hello is not None and not self._here.gone else None

    @property
    def torch_is_installed(self) -> bool:
        """Whether the worker's Python on this computer has PyTorch, working or not; True while nobody knows."""
        hello = self._here.client.hello
        return hello is None or hello.torch is not None

    def start(self) -> None:
        """Starts the worker where the next run goes, unless it runs, so that torch is loaded by the first click."""
        self._leave_when_idle = False
        self._start(self._worker_of(hosts.chosen()))

    def _start(self, worker: Worker) -> None:
        try:
            worker.client.start()
        except UNetSegmentError as error:
            self._note(error)
            self._explain_failed_start(worker)

    def submit(self, order: Order) -> Run:
        """Queues a run and returns at once.

        Raises:
            UNetSegmentError: the inputs cannot be used, or the worker cannot be started.
        """
        self._leave_when_idle = False
        run = Run(order, self._cancel)
        self._ask(run)
        self._tell(run)
        return run

    def diagnostics(self) -> list[str]:
        """How the workers are."""
        here = [f"worker: {self.state.value}", f"torch and devices: {self.ready}"]
        return here + [f"worker on a host: {worker.client.state.value}, {worker.ready}" for worker in self._far]

    def cancel_all(self, reason: Callable[[Run], bool] = lambda run: True) -> None:
        """Cancels every unfinished run for which ``reason(run)`` holds."""
        for run in self.runs:
            if reason(run):
                self._cancel(run)

    @staticmethod
    def wait(run: Run, timeout: float = 3600.0) -> Run:
        """Keeps the application alive until ``run`` is finished. For scripts; the panel never waits."""
        return wait_for(run, timeout)

    def leave_when_idle(self) -> None:
        """Stops the workers, at once or as soon as the queue is empty."""
        self._leave_when_idle = True
        self._leave_if_due()

    def shutdown(self) -> None:
        """Stops the workers now. Unfinished runs are cancelled."""
        for worker in self._far:
            # No farewell over a line that may be slow or dead: the far end goes with its connection.
            worker.client.kill()
        self.stop_here()

    def stop_here(self) -> None:
        """Stops the worker on this computer alone, which holds files of packages open."""
        self._here.client.shutdown(timeout=2.0)

    def restart(self) -> None:
        """A new process on this computer, which sees packages that were installed since the last one started."""
        self.stop_here()
        self._leave_when_idle = False
        self._start(self._here)

    # -- what workers tell -----------------------------------------------------------------------------------------

    def on_log(self, level: str, message: str, request_id: int | None) -> None:
        self.log.append(f"{time.strftime('%H:%M:%S')}  {message}")
        self._tell(None)

    def on_result(self, worker: Worker, number: int, result) -> None:
        """A run has ended well; its segments are still to be written."""
        run = worker.runs[number]
        if run.state is RunState.CANCELLING or not run.inputs_present:
            self._end(worker, number, RunState.CANCELLED)
            return
        try:
            self._write(run, result)
        except UNetSegmentError as error:
            self._fail(worker, number, error)
        except Exception as error:
            logger.exception("A result could not be written to the scene")
            problem = UNetSegmentError(_("The result could not be written to the scene."), detail=str(error))
            self._fail(worker, number, problem)
        else:
            self._end(worker, number, RunState.DONE)

    def on_error(self, worker: Worker, number: int | None, error: UNetSegmentError) -> None:
        """A run has ended otherwise; without a number the worker itself has."""
        run = worker.runs.get(number)
        if run is None:
            self._note(error)
        elif isinstance(error, Cancelled):
            self._end(worker, number, RunState.CANCELLED)
        elif error.code in _NOT_OF_THE_RUN and self._may_run_again(run):
            # It only waited behind the run that the worker died of.
            self._again.append(worker.runs.pop(number))
            qt.QTimer.singleShot(0, self._ask_again)
        elif error.code == WorkerError.FAR_MODEL_MISSING and not worker.send_models:
            self._lacking.append((worker.runs.pop(number), error))
            # Not from within the worker's answer: a question keeps the event loop running.
            qt.QTimer.singleShot(0, self._ask_for_model)
        else:
            self._fail(worker, number, far_words.told_of(error, worker.url))

    def on_exit(self, worker: Worker, status, expected: bool, was_ready: bool) -> None:
        """The process is gone."""
        if not expected and not was_ready:
            self._explain_failed_start(worker)
        worker.on_log("INFO", _("The worker process has ended ({how}).").format(how=status.describe()), None)

    def changed(self, run: Run | None) -> None:
        """A run has changed; None: a worker has."""
        self._tell(run)

    # -- internals -------------------------------------------------------------------------------------------------

    def _ask(self, run: Run) -> None:
        """Hands the voxels over to the worker, as they are now."""
        order = run.order
        region = regions.box_of(order.roi, order.volumes[0]) if order.roi is not None else None
        request = SegmentRequest(
            inputs=volumes.read_channels(order.volumes, len(order.card.inputs)),
            model=order.package,
            region=region,
            device=order.device,
            preset=order.preset,
            settings=order.settings,
            uncertainty=order.uncertainty,
        )
        run.stamp = stamp_of(order)
        self._worker_of(order.where).segment(request, run)

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return (self._here, *self._far)

    def _worker_of(self, url: str) -> Worker:
        """The worker of a host, made where there is none; another one since it may be sent models."""
        if not url:
            return self._here
        for worker in [worker for worker in self._far if worker.gone and not worker.runs]:
            # Its folder goes, too.
            worker.client.kill()
            self._far.remove(worker)
        may_send = hosts.may_send_models(url)
        for worker in [worker for worker in self._far if worker.url == url]:
            if worker.send_models == may_send:
                return worker
            if not worker.runs:
                # Never from within its own answer.
                qt.QTimer.singleShot(0, worker.client.kill)
        self._far.append(Worker(self, url, may_send))
        return self._far[-1]

    def _write(self, run: Run, result) -> None:
        order = run.order
        destination = order.destination
        if destination.segmentation is not None and not slicer.mrmlScene.IsNodePresent(destination.segmentation):
            run.warnings += (_("The chosen segmentation was removed meanwhile, so that a new one was made."),)
            destination = results.Destination()
        made = Provenance(
            model=result.model,
            version=result.version,
            model_title=order.card.title,
            volumes=tuple(node.GetName() for node in order.volumes),
            region=order.roi.GetName() if order.roi is not None else "",
            settings={**result.settings, "preset": order.preset, **_where(order)},
            seconds=result.timings.get("total", 0.0),
        )
        volume_node = order.volumes[0]
        grid = volumes.geometry_of(volume_node)
        if not grid.is_close(result.segmentation.geometry):
            raise InputError(
                _("'{name}' was changed during the run.").format(name=volume_node.GetName()), _("Run it again.")
            )
        warnings = (*result.warnings, *inputs.warnings(order.volumes))
        uncertainty = None
        try:
            with rollback.whole():
                if result.uncertainty is not None:
                    uncertainty = volumes.add_volume(result.uncertainty, volume_node, _("uncertainty"))
                written = results.write(result.segmentation, volume_node, destination, made, self.undo_history.save)
                if uncertainty is not None:
                    provenance.set_uncertainty(written.segmentation, uncertainty)
        except BaseException:
            self.undo_history.take_back()
            raise
        run.written, run.uncertainty = written, uncertainty
        run.warnings += warnings
        run.timings = dict(result.timings)
        run.warm = result.warm

    @staticmethod
    def _may_run_again(run: Run) -> bool:
        """Once, and only with what the user saw at the click."""
        waiting = run.state is RunState.WAITING and not run.asked_again
        return waiting and run.inputs_present and run.stamp == stamp_of(run.order)

    def _ask_again(self) -> None:
        while self._again:
            run = self._again.pop(0)
            run.asked_again = True
            try:
                self._ask(run)
            except UNetSegmentError as error:
                run.error = error
                self._note(error)
                self._finish(run, RunState.FAILED)
            else:
                self._tell(run)

    def _ask_for_model(self) -> None:
        """The next run whose host lacks the model; the user is asked unless it has been permitted."""
        if not self._lacking or self.permission.asking:
            return
        run, error = self._lacking[0]
        may = self.permission.given(run, self.runs)
        # Others may have come while the question stood there.
        qt.QTimer.singleShot(0, self._ask_for_model)
        if (run, error) not in self._lacking:
            # It was cancelled meanwhile.
            return
        self._lacking.remove((run, error))
        if may and run.inputs_present:
            run.asked_again = False
            self._again.append(run)
            self._ask_again()
        else:
            run.error = far_words.told_of(error, run.order.where)
            self._note(error)
            self._finish(run, RunState.FAILED)

    def _cancel(self, run: Run) -> None:
        lacking = [each for each in self._lacking if each[0] is run]
        if run in self._again or lacking:
            self._again = [other for other in self._again if other is not run]
            self._lacking = [each for each in self._lacking if each[0] is not run]
            self._finish(run, RunState.CANCELLED)
            return
        worker = next((worker for worker in self._workers if worker.number_of(run) is not None), None)
        if worker is None or run.state is RunState.CANCELLING:
            return
        number = worker.number_of(run)
        run.state = RunState.CANCELLING
        worker.client.cancel(number)
        # The last resort when a cancel is not answered: the worker goes, and the next request starts another.
        qt.QTimer.singleShot(_CANCEL_PATIENCE_MS, lambda: number in worker.runs and worker.client.kill())
        self._tell(run)

    def _fail(self, worker: Worker, number: int, error: UNetSegmentError) -> None:
        worker.runs[number].error = error
        self._note(error)
        self._end(worker, number, RunState.FAILED)

    def _end(self, worker: Worker, number: int, state: RunState) -> None:
        self._finish(worker.runs.pop(number), state)

    def _finish(self, run: Run, state: RunState) -> None:
        run.state = state
        run.timings["click to result"] = run.seconds
        self._tell(run)
        self._leave_if_due()

    def _leave_if_due(self) -> None:
        if self._leave_when_idle and not self.runs:
            # Never from within the worker's own answer: its process may still be delivering.
            qt.QTimer.singleShot(0, lambda: self._leave_when_idle and not self.runs and self.shutdown())

    def _explain_failed_start(self, worker: Worker) -> None:
        """A worker that does not even get ready is a broken installation, which Setup shows if it is the one here."""
        if self.last_error is not None:
            worker.ready = Ready(problem=Problem.of(self.last_error))
            self._tell(None)

    def _note(self, error: UNetSegmentError) -> None:
        self.last_error = error
        self.on_log("ERROR", str(error), None)

    def _tell(self, run: Run | None) -> None:
        for callback in list(self._observers):
            try:
                callback(run)
            except Exception:
                # What goes wrong in showing a run must not leave the run itself half finished.
                logger.exception("A run could not be shown")


def _where(order: Order) -> dict[str, str]:
    """Said of a result only where it is news."""
    return {"where": hosts.name_of(order.where)} if order.where else {}
