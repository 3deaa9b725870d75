"""Importing and installing models: a worker of its own, so that a long download holds no segmentation up.

The process starts with the first request and leaves after the last one.
"""

from collections.abc import Callable

import qt

from UNetSegmentLib.errors import Cancelled, UNetSegmentError
from UNetSegmentLib.models import locations
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.worker.client.client import ImportRequest, InstallRequest, Listener, WorkerClient, default_command
from UNetSegmentLib.worker.protocol.messages import ImportedModel

from ..running.runs import RunState, wait_for
from ..running.worker_process import QProcessTransport, python_executable

# The importer and the downloader look at their token often; whoever does not answer for so long is replaced.
_CANCEL_PATIENCE_MS = 8000


class Installation:
    """Models on their way. Read its attributes; :meth:`cancel` it.

    Attributes:
        title: what is imported, for people.
        state: see ``runs.RunState``.
        progress: the last event, None before the first.
        models: what it brought, once done.
        error: why it failed.
    """

    def __init__(self, title: str, request, cancel: Callable[["Installation"], None]) -> None:
        self.title = title
        self.request = request
        self.state = RunState.WAITING
        self.progress: ProgressEvent | None = None
        self.models: tuple[ImportedModel, ...] = ()
        self.error: UNetSegmentError | None = None
        self._cancel = cancel

    @property
    def entry(self) -> str:
        """Name of the library's entry, empty for an import from the disk."""
        return self.request.entry if isinstance(self.request, InstallRequest) else ""

    def cancel(self) -> None:
        """Stops it; nothing half-done stays."""
        self._cancel(self)


class Installer(Listener):
    """Owns the worker process and the queue of installations.

    Args:
        log: takes a level, a line and None, for the panel's log.
    """

    def __init__(self, log: Callable[[str, str, int | None], None]) -> None:
        self._log = log
        self._client = WorkerClient(QProcessTransport(), self, command=default_command(python_executable()))
        self._installations: dict[int, Installation] = {}
        self._observers: list[Callable[[Installation], None]] = []

    def observe(self, callback: Callable[[Installation], None]) -> None:
        """``callback(installation)`` is called whenever one changes."""
        self._observers.append(callback)

    def forget(self, callback: Callable[[Installation], None]) -> None:
        """Ends :meth:`observe`."""
        if callback in self._observers:
            self._observers.remove(callback)

    @property
    def unfinished(self) -> tuple[Installation, ...]:
        """Oldest first."""
        return tuple(self._installations.values())

    def import_model(self, path: str, title: str, trust: bool = False) -> Installation:
        """Queues the import of a file or a folder. Raises as :meth:`install`."""
        request = ImportRequest(str(path), str(locations.user_model_folder()), trust)
        return self._add(Installation(title, request, self._cancel), self._client.import_model(request))

    def install(self, entry: str, title: str, files: tuple[str, ...] = ()) -> Installation:
        """Queues an entry of the library, whose licence the user has accepted.

        Args:
            files: the entry's files, where they need no downloading.

        Raises:
            WorkerError: the worker could not be started.
        """
        request = InstallRequest(entry, True, tuple(files), str(locations.user_model_folder()))
        return self._add(Installation(title, request, self._cancel), self._client.install(request))

    def wait(self, installation: Installation, timeout: float = 3600.0) -> Installation:
        """Keeps the application alive until it is finished. For scripts; the panel never waits."""
        return wait_for(installation, timeout)

    def shutdown(self) -> None:
        """Stops the process now; whatever is unfinished is cancelled."""
        self._client.shutdown(timeout=2.0)

    # -- what the client tells (Listener) --------------------------------------------------------------------------

    def on_log(self, level: str, message: str, request_id: int | None) -> None:
        self._log(level, message, None)

    def on_progress(self, request_id: int, event) -> None:
        installation = self._installations.get(request_id)
        if installation is None:
            return
        installation.progress = event
        if installation.state is RunState.WAITING:
            installation.state = RunState.RUNNING
        self._tell(installation)

    def on_imported(self, request_id: int, imported) -> None:
        self._end(request_id, RunState.DONE, models=imported.models)

    def on_error(self, request_id: int | None, error: UNetSegmentError) -> None:
        state = RunState.CANCELLED if isinstance(error, Cancelled) else RunState.FAILED
        self._end(request_id, state, error=None if state is RunState.CANCELLED else error)

    # -- internals -------------------------------------------------------------------------------------------------

    def _add(self, installation: Installation, number: int) -> Installation:
        self._installations[number] = installation
        self._tell(installation)
        return installation

    def _cancel(self, installation: Installation) -> None:
        number = next((n for n, other in self._installations.items() if other is installation), None)
        if number is None or installation.state is RunState.CANCELLING:
            return
        installation.state = RunState.CANCELLING
        self._client.cancel(number)
        qt.QTimer.singleShot(_CANCEL_PATIENCE_MS, lambda: number in self._installations and self._client.kill())
        self._tell(installation)

    def _end(self, number: int | None, state: RunState, **outcome) -> None:
        installation = self._installations.pop(number, None)
        if installation is None:
            return
        installation.state = state
        for name, value in outcome.items():
            setattr(installation, name, value)
        # Never from within the worker's own answer: its process may still be delivering.
        qt.QTimer.singleShot(0, lambda: self._installations or self.shutdown())
        self._tell(installation)

    def _tell(self, installation: Installation) -> None:
        for callback in list(self._observers):
            callback(installation)
