"""Making quick versions of models: a worker of its own, so that neither Slicer nor a segmentation waits for it.

Nothing is kept but the finished package: one that is cancelled or fails is started anew.
"""

import collections
import re
import time
from collections.abc import Callable
from dataclasses import replace

import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import Cancelled, OutputError, UNetSegmentError
from UNetSegmentLib.models import locations
from UNetSegmentLib.models.card import ModelCard
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.worker.client.client import WorkerClient
from UNetSegmentLib.worker.client.listener import Listener
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.exchange.folders import ExchangeFolder
from UNetSegmentLib.worker.protocol.compression import CompressionOrder, CompressionOutcome
from UNetSegmentLib.worker.transport.launch import default_command

from ..running.runs import RunState
from ..running.worker_process import QProcessTransport, python_executable
from ..training.export import PairExport

_LOG_LINES = 2000
# A layer that is being converted cannot be left; who does not answer for so long is ended. Nothing half-done stays.
_CANCEL_PATIENCE_MS = 8000
_CASES = "cases"
_OPTION = re.compile(r"(?<!\w)--[a-z]")


class Compression:
    """A quick version on its way, or what came of it. Read its attributes.

    Attributes:
        order: what is made.
        source: card of the model that it is made of, as it was then.
        state: see ``runs.RunState``.
        copied: pairs that are copied, and how many there are; None once they are.
        progress: the last event, None before the first.
        reached: the largest share of each stage that was told so far; stages may come again.
        outcome: the model, once done.
        error: why it failed.
    """

    def __init__(self, order: CompressionOrder, source: ModelCard) -> None:
        self.order, self.source = order, source
        self.state = RunState.WAITING
        self.copied: tuple[int, int] | None = None
        self.progress: ProgressEvent | None = None
        self.reached: dict[str, float] = {}
        self.outcome: CompressionOutcome | None = None
        self.error: UNetSegmentError | None = None


class Compressor(Listener):
    """Owns the worker process; one quick version at a time.

    Attributes:
        current: the one at work, or the last one; None before the first.
        log: what the process reports.
    """

    def __init__(self) -> None:
        self.current: Compression | None = None
        self.log: collections.deque[str] = collections.deque(maxlen=_LOG_LINES)
        self._client = WorkerClient(QProcessTransport(), self, command=default_command(python_executable()))
        self._number: int | None = None
        self._export: PairExport | None = None
        self._folder: ExchangeFolder | None = None
        self._observers: list[Callable[[Compression], None]] = []

    def observe(self, callback: Callable[[Compression], None]) -> None:
        """``callback(compression)`` is called whenever it changes."""
        self._observers.append(callback)

    def forget(self, callback: Callable[[Compression], None]) -> None:
        """Ends :meth:`observe`."""
        if callback in self._observers:
            self._observers.remove(callback)

    @property
    def busy(self) -> bool:
        return self.current is not None and not self.current.state.final

    # -- what the panel and scripts call ---------------------------------------------------------------------------

    def begin(self, order: CompressionOrder, source: ModelCard, pairs: PairExport | None = None) -> Compression:
        """Starts, after the pairs of the scene (if any) have been copied into a private folder, which goes at the end.

        Raises:
            UNetSegmentError: the folder cannot be made, or the process cannot be started.
        """
        if pairs is not None:
            folder = self._private_folder()
            order = replace(order, cases=str(folder.path / _CASES), copied=str(folder.path))
        self.log.clear()
        compression = self.current = Compression(order, source)
        if pairs is None:
            self._ask()
        else:
            self._export = pairs
            pairs.start(self._folder.path / _CASES, self._on_copied, self._on_all_copied)
        return compression

    def cancel(self) -> None:
        """Stops it; nothing half-done stays."""
        if not self.busy or self.current.state is RunState.CANCELLING:
            return
        if self._export is not None:
            self._abandon(None)
            return
        self.current.state = RunState.CANCELLING
        number = self._number
        self._client.cancel(number)
        qt.QTimer.singleShot(_CANCEL_PATIENCE_MS, lambda: self._number == number and self._client.kill())
        self._tell()

    def scene_closing(self) -> None:
        """Pairs that are still being copied go with the scene; once they are copied nothing needs it."""
        if self._export is not None:
            self._abandon(
                UNetSegmentError(
                    _("The scene was closed before its pairs were copied."), _("Load them again, and start anew.")
                )
            )

    def wait(self, compression: Compression, timeout: float = 3600.0) -> Compression:
        """Keeps the application alive until it has ended. For scripts; the panel never waits."""
        end = time.monotonic() + timeout
        while not compression.state.final and time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.005)
        return compression

    def shutdown(self) -> None:
        """Stops the process now; one that is at work is cancelled."""
        if self._export is not None:
            self._abandon(None)
        self._client.shutdown(timeout=2.0)
        self._remove_folder()

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

    def on_progress(self, request_id: int, event) -> None:
        if request_id != self._number:
            return
        self.current.progress = event
        reached = self.current.reached
        reached[event.stage] = max(reached.get(event.stage, 0.0), event.fraction)
        if self.current.state is RunState.WAITING:
            self.current.state = RunState.RUNNING
        self._tell()

    def on_compressed(self, request_id: int, compressed) -> None:
        if request_id == self._number:
            self._end(RunState.DONE, outcome=compressed.outcome)

    def on_error(self, request_id: int | None, error: UNetSegmentError) -> None:
        if request_id is None or request_id != self._number:
            return
        if isinstance(error, Cancelled):
            self._end(RunState.CANCELLED)
            return
        self.on_log("ERROR", str(error), None)
        self._end(RunState.FAILED, error=_explained(error))

    # -- internals -------------------------------------------------------------------------------------------------

    def _private_folder(self) -> ExchangeFolder:
        """Nobody else may read the images that are copied there; they go with this process, however it ends."""
        self._remove_folder()
        try:
            self._folder = ExchangeFolder()
        except OSError as error:
            raise OutputError(
                _("There is no place for a copy of the pairs ({reason}).").format(reason=error.strerror),
                _("Check the disk that holds temporary files."),
            ) from error
        return self._folder

    def _remove_folder(self) -> None:
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def _ask(self) -> None:
        try:
            self._number = self._client.compress(self.current.order, str(locations.user_model_folder()))
        except UNetSegmentError:
            self.current.state = RunState.FAILED
            self._remove_folder()
            raise
        self._tell()

    def _abandon(self, error: UNetSegmentError | None) -> None:
        """Ends one whose pairs are not all copied."""
        self._export.cancel()
        self._export = self.current.copied = None
        self._end(RunState.FAILED if error is not None else RunState.CANCELLED, error=error)

    def _end(self, state: RunState, **outcome) -> None:
        compression, self._number = self.current, None
        compression.state = state
        for name, value in outcome.items():
            setattr(compression, name, value)
        self._remove_folder()
        # The process goes at once: it holds memory, and is needed once in a long while.
        qt.QTimer.singleShot(0, lambda: self.busy or self.shutdown())
        self._tell()

    def _tell(self) -> None:
        for callback in list(self._observers):
            callback(self.current)


def _explained(error: UNetSegmentError) -> UNetSegmentError:
    """What was said for a command line, or of a worker in general, in the words of the panel."""
    if _OPTION.search(error.cure):
        error.cure = _("Let it lose more, or give more cases or others; the log tells what was tried.")
    if error.code != WorkerError.CRASHED:
        return error
    return WorkerError(
        _("The process that made the quick version has ended by itself. {cause}").format(cause=error.cause),
        _("The model is as it was. Memory may be short: close other programs, or use fewer or smaller cases, and try "
          "again."),
        error.detail,
        WorkerError.CRASHED,
    )  # fmt: skip
