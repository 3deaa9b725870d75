"""The queue of runs in front of the worker process.

Voxels are handed over when a run is asked for, so that what the user saw at the click is what is segmented. The worker
works the queue off in order; results are written to the scene as they come, on the GUI thread.
"""

import collections
import logging
import time
from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import Cancelled, InputError, UNetSegmentError
from UNetSegmentLib.worker.client.client import Listener, WorkerClient, WorkerState, default_command
from UNetSegmentLib.worker.client.requests import SegmentRequest
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.protocol.messages import Problem, Ready

from ..scene import inputs, provenance, regions, results, rollback, volumes
from ..scene.provenance import Provenance
from .runs import Order, Run, RunState
from .worker_process import QProcessTransport, python_executable

logger = logging.getLogger(__name__)

_LOG_LINES = 2000
# A worker that has not answered a cancel after this long is replaced; it costs the warm model, never a frozen panel.
_CANCEL_PATIENCE_MS = 5000


class Runner(Listener):
    """Owns the worker and its runs.

    Args:
        undo_history: its ``save(segmentation_node)`` is called before a result changes segments, its ``take_back()``
            when that has failed (see ``undo``).
    """

    def __init__(self, undo_history) -> None:
        self.undo_history = undo_history
        self.log: collections.deque[str] = collections.deque(maxlen=_LOG_LINES)
        self.ready = None
        self.last_error: UNetSegmentError | None = None
        self._client = WorkerClient(QProcessTransport(), self, command=default_command(python_executable()))
        self._runs: dict[int, Run] = {}
        self._again: list[Run] = []
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
        return (*self._runs.values(), *self._again)

    @property
    def state(self) -> WorkerState:
        return self._client.state

    @property
    def process_id(self) -> int | None:
        """Of the interpreter that works (not of the launcher around it); None without one."""
        hello = self._client.hello
        return hello.pid if hello is not None and self.state not in (WorkerState.STOPPED, WorkerState.CRASHED) else None

    @property
    def torch_is_installed(self) -> bool:
        """Whether the worker's Python has PyTorch, working or not; True while nobody knows."""
        hello = self._client.hello
        return hello is None or hello.torch is not None

    def start(self) -> None:
        """Starts the worker unless it runs, so that torch is loaded by the time of the first click."""
        self._leave_when_idle = False
        try:
            self._client.start()
        except UNetSegmentError as error:
            self._note(error)
            self._explain_failed_start()

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

    def cancel_all(self, reason: Callable[[Run], bool] = lambda run: True) -> None:
        """Cancels every unfinished run for which ``reason(run)`` holds."""
        for run in self.runs:
            if reason(run):
                self._cancel(run)

    def wait(self, run: Run, timeout: float = 3600.0) -> Run:
        """Keeps the application alive until ``run`` is finished. For scripts; the panel never waits."""
        end = time.monotonic() + timeout
        while not run.state.final and time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.005)
        return run

    def leave_when_idle(self) -> None:
        """Stops the worker, at once or as soon as the queue is empty."""
        self._leave_when_idle = True
        self._leave_if_due()

    def shutdown(self) -> None:
        """Stops the worker now. Unfinished runs are cancelled."""
        self._client.shutdown(timeout=2.0)

    def restart(self) -> None:
        """A new worker process, which sees packages that were installed since the last one started."""
        self.shutdown()
        self.start()

    # -- what the client tells (Listener) --------------------------------------------------------------------------

    def on_state(self, state: WorkerState) -> None:
        self._tell(None)

    def on_ready(self, ready) -> None:
        self.ready = ready
        self._tell(None)

    def on_log(self, level: str, message: str, request_id: int | None) -> None:
        self.log.append(f"{time.strftime('%H:%M:%S')}  {message}")
        self._tell(None)

    def on_progress(self, request_id: int, event) -> None:
        run = self._runs.get(request_id)
        if run is None:
            return
        run.progress = event
        if run.state is RunState.WAITING:
            run.state = RunState.RUNNING
        self._tell(run)

    def on_result(self, request_id: int, result) -> None:
        run = self._runs.get(request_id)
        if run is None:
            return
        if run.state is RunState.CANCELLING or not run.inputs_present:
            self._end(request_id, RunState.CANCELLED)
            return
        try:
            self._write(run, result)
        except UNetSegmentError as error:
            self._fail(request_id, error)
        except Exception as error:
            logger.exception("A result could not be written to the scene")
            self._fail(request_id, UNetSegmentError("The result could not be written to the scene.", detail=str(error)))
        else:
            self._end(request_id, RunState.DONE)

    def on_error(self, request_id: int | None, error: UNetSegmentError) -> None:
        if request_id is None or request_id not in self._runs:
            self._note(error)
        elif isinstance(error, Cancelled):
            self._end(request_id, RunState.CANCELLED)
        elif error.code == WorkerError.CRASHED and self._may_run_again(self._runs[request_id]):
            # It only waited behind the run that the worker died of.
            self._again.append(self._runs.pop(request_id))
            qt.QTimer.singleShot(0, self._ask_again)
        else:
            self._fail(request_id, error)

    def on_exit(self, status, expected: bool) -> None:
        was_ready, self.ready = self.ready is not None, None
        if not expected and not was_ready:
            self._explain_failed_start()
        self.on_log("INFO", _("The worker process has ended ({how}).").format(how=status.describe()), None)

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
        run.stamp = _stamp(order)
        self._runs[self._client.segment(request)] = run

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
            settings={**result.settings, "preset": order.preset},
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
        return waiting and run.inputs_present and run.stamp == _stamp(run.order)

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

    def _cancel(self, run: Run) -> None:
        if run in self._again:
            self._again.remove(run)
            self._finish(run, RunState.CANCELLED)
            return
        number = next((number for number, other in self._runs.items() if other is run), None)
        if number is None or run.state is RunState.CANCELLING:
            return
        run.state = RunState.CANCELLING
        self._client.cancel(number)
        qt.QTimer.singleShot(_CANCEL_PATIENCE_MS, lambda: self._replace_worker_of(number))
        self._tell(run)

    def _replace_worker_of(self, number: int) -> None:
        """The last resort when a cancel is not answered: the worker goes, and the next request starts another."""
        if number in self._runs:
            self._client.kill()

    def _fail(self, number: int, error: UNetSegmentError) -> None:
        self._runs[number].error = error
        self._note(error)
        self._end(number, RunState.FAILED)

    def _end(self, number: int, state: RunState) -> None:
        self._finish(self._runs.pop(number), state)

    def _finish(self, run: Run, state: RunState) -> None:
        run.state = state
        run.timings["click to result"] = run.seconds
        self._tell(run)
        self._leave_if_due()

    def _leave_if_due(self) -> None:
        if self._leave_when_idle and not self.runs:
            # Never from within the worker's own answer: its process may still be delivering.
            qt.QTimer.singleShot(0, lambda: self._leave_when_idle and not self.runs and self.shutdown())

    def _explain_failed_start(self) -> None:
        """A worker that does not even get ready is a broken installation, which Setup shows."""
        if self.last_error is not None:
            self.ready = Ready(problem=Problem.of(self.last_error))
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


def _stamp(order: Order) -> tuple:
    """What changes when the voxels, the grid or the region of an order do."""
    nodes = [*order.volumes, *([order.roi] if order.roi is not None else [])]
    images = [node.GetImageData() for node in order.volumes]
    return tuple(item.GetMTime() for item in (*nodes, *images) if item is not None)
