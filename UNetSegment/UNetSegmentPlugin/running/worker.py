"""One worker and the runs that it works off: on this computer, or on a host."""

from UNetSegmentLib.worker.client.client import Listener, WorkerClient, WorkerState
from UNetSegmentLib.worker.client.requests import SegmentRequest

from . import hosts
from .runs import Run, RunState
from .worker_process import QProcessTransport

# A run whose image is only on its way may wait behind another one.
_ON_ITS_WAY = "sending to "


class Worker(Listener):
    """Passes on what the client tells, with its runs in place of their numbers.

    Args:
        owner: see ``runner.Runner``.
        url: of the host; empty for this computer.
        send_models: whether models that the host lacks are sent.

    Attributes:
        ready: what the process has said of torch and devices, None while it has not.
        runs: by their numbers, oldest first.
    """

    def __init__(self, owner, url: str = hosts.HERE, send_models: bool = False) -> None:
        self.url, self.send_models = url, send_models
        self.ready = None
        self.runs: dict[int, Run] = {}
        self._owner = owner
        self.client = WorkerClient(QProcessTransport(), self, command=hosts.run_command(url, send_models))

    @property
    def gone(self) -> bool:
        """Whether there is no process."""
        return self.client.state in (WorkerState.STOPPED, WorkerState.CRASHED)

    def segment(self, request: SegmentRequest, run: Run) -> None:
        """Queues a run. Raises as WorkerClient.segment."""
        self.runs[self.client.segment(request)] = run

    def number_of(self, run: Run) -> int | None:
        """The number of a run that is not finished here."""
        return next((number for number, other in self.runs.items() if other is run), None)

    # -- what the client tells (Listener) --------------------------------------------------------------------------

    def on_state(self, state: WorkerState) -> None:
        self._owner.changed(None)

    def on_ready(self, ready) -> None:
        self.ready = ready
        self._owner.changed(None)

    def on_log(self, level: str, message: str, request_id: int | None) -> None:
        host = hosts.name_of(self.url)
        self._owner.on_log(level, f"{host}: {message}" if host else message, None)

    def on_progress(self, request_id: int, event) -> None:
        run = self.runs.get(request_id)
        if run is None:
            return
        first = next(iter(self.runs.values())) is run
        if not first and event.stage.startswith(_ON_ITS_WAY):
            return
        run.progress = event
        if run.state is RunState.WAITING:
            run.state = RunState.RUNNING
        self._owner.changed(run)

    def on_result(self, request_id: int, result) -> None:
        if request_id in self.runs:
            self._owner.on_result(self, request_id, result)

    def on_error(self, request_id: int | None, error) -> None:
        self._owner.on_error(self, request_id, error)

    def on_exit(self, status, expected: bool) -> None:
        was_ready, self.ready = self.ready is not None, None
        self._owner.on_exit(self, status, expected, was_ready)
