"""Making quick versions of models: a worker of its own, so that neither Slicer nor a segmentation waits for it.

Nothing is kept but the finished package: one that is cancelled or fails is started anew.
"""

import re
from dataclasses import replace

from slicer.i18n import tr as _

from UNetSegmentLib.errors import OutputError, UNetSegmentError
from UNetSegmentLib.models import locations
from UNetSegmentLib.models.card import ModelCard
from UNetSegmentLib.worker.exchange.folders import ExchangeFolder
from UNetSegmentLib.worker.protocol.compression import CompressionOrder, CompressionOutcome

from ..running.runs import RunState
from ..training.export import PairExport
from ..training.job_worker import Job, JobWorker, in_words

_CASES = "cases"
_OPTION = re.compile(r"(?<!\w)--[a-z]")


class Compression(Job):
    """A quick version on its way, or what came of it. Read its attributes, and those of every job.

    Attributes:
        order: what is made.
        source: card of the model that it is made of, as it was then.
        reached: the largest share of each stage that was told so far; stages may come again.
        outcome: the model, once done.
    """

    outcome: CompressionOutcome | None

    def __init__(self, order: CompressionOrder, source: ModelCard) -> None:
        super().__init__()
        self.order, self.source = order, source
        self.reached: dict[str, float] = {}


class Compressor(JobWorker[Compression]):
    """Makes one quick version at a time."""

    # A layer that is being converted cannot be left; who does not answer for so long is ended. Nothing half-done stays.
    _cancel_patience_ms = 8000
    _shutdown_patience_s = 2.0

    def __init__(self) -> None:
        super().__init__()
        self._folder: ExchangeFolder | None = None

    def begin(self, order: CompressionOrder, source: ModelCard, pairs: PairExport | None = None) -> Compression:
        """Starts, after the pairs of the scene (if any) have been copied into a private folder, which goes at the end.

        Raises:
            UNetSegmentError: the folder cannot be made, or the process cannot be started.
        """
        cases = None
        if pairs is not None:
            folder = self._private_folder()
            cases = folder.path / _CASES
            order = replace(order, cases=str(cases), copied=str(folder.path))
        return self._start(Compression(order, source), pairs, cases)

    def cancel(self) -> None:
        """Stops it; nothing half-done stays."""
        if self.busy and self.current.state is not RunState.CANCELLING:
            self._stop()

    def shutdown(self) -> None:
        super().shutdown()
        self._remove_folder()

    # -- what the client tells -------------------------------------------------------------------------------------

    def on_progress(self, request_id: int, event) -> None:
        if request_id == self._number:
            reached = self.current.reached
            reached[event.stage] = max(reached.get(event.stage, 0.0), event.fraction)
        super().on_progress(request_id, event)

    def on_compressed(self, request_id: int, compressed) -> None:
        self._on_done(request_id, compressed.outcome)

    # -- internals -------------------------------------------------------------------------------------------------

    def _send(self, job: Compression) -> int:
        return self._client.compress(job.order, str(locations.user_model_folder()))

    def _unsent(self, job: Compression) -> None:
        self._remove_folder()

    def _ended(self, job: Compression) -> None:
        self._remove_folder()

    def _failing(self, job: Compression, error: UNetSegmentError) -> UNetSegmentError:
        """What was said for a command line, or of a worker in general, in the words of the panel."""
        if _OPTION.search(error.cure):
            error.cure = _("Let it lose more, or give more cases or others; the log tells what was tried.")
        return in_words(
            error,
            _("The process that made the quick version has ended by itself. {cause}"),
            _("The model is as it was. Memory may be short: close other programs, or use fewer or smaller cases, and "
              "try again."),
        )  # fmt: skip

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
