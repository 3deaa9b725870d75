"""Results sent to a server: a case's SEG and report after it has ended, and what earlier runs have not sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ...errors import Cancelled, UNetSegmentError
from ...io.dicomweb.failures import PassingError
from ...io.dicomweb.server import Server
from ...io.dicomweb.storing import store_files
from ...io.outputs import check_folder
from ...progress import CancelToken, ProgressCallback, Stage
from ..case import CohortCase, Found
from ..holding import own_journal
from ..job import DICOM
from ..journal import read_records
from ..record import REPORT, SEGMENTATION, Record, Status
from ..run import Engine, Part, still_to_do

_AHEAD = 4
_LATER = "The files are in the case's folder; a later run with --store sends what is not there yet."


class Sender:
    """Sends results of cases.

    While a server is not there, it is asked once for each case and not waited for: nothing is lost by sending later.

    Args:
        server: where to.
        output: folder of the run.
        cancel: ends the waiting for a server that is not there.
    """

    def __init__(self, server: Server, output: Path, cancel: CancelToken | None = None) -> None:
        self._server, self._output, self._cancel = server, output, cancel
        self._asked = server

    @property
    def cancelled(self) -> bool:
        """Whether nothing more is to be sent."""
        return self._cancel is not None and self._cancel.cancelled

    def wants(self, record: Record) -> bool:
        """Whether something of the case is not on the server yet, as far as the record knows."""
        return record.status is Status.DONE and len(self._there(record)) < len(self._files(record))

    def sent(self, record: Record) -> Record:
        """The record after its files have been sent; a server that fails is written in it.

        What is known to be stored stays known, also where this attempt does not get as far.
        """
        if not self.wants(record):
            return record
        stored = list(self._there(record))
        why = ""
        try:
            store_files(self._asked, self._files(record), self._cancel, stored.append)
            self._asked = self._server
        except Cancelled:
            why = f"The run was cancelled before all was sent. {_LATER}"
        except UNetSegmentError as error:
            if isinstance(error, PassingError):
                self._asked = replace(self._server, waits=())
            why = f"{error} {_LATER}"
        if not stored:  # another server may have it, and still does
            return replace(record, not_stored=why)
        return replace(record, stored=tuple(dict.fromkeys(stored)), stored_at=self._server.url, not_stored=why)

    def _there(self, record: Record) -> tuple[str, ...]:
        return record.stored if record.stored_at == self._server.url else ()

    def _files(self, record: Record) -> list[Path]:
        folder = self._output / record.folder
        return [path for path in (folder / f"{SEGMENTATION}{DICOM}", folder / REPORT) if path.is_file()]


class SendingEngine:
    """An engine whose results are sent as cases end, while the next ones run.

    Args:
        engine: runs the cases.
        sender: see there.
    """

    def __init__(self, engine: Engine, sender: Sender) -> None:
        self._engine, self._sender = engine, sender

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        """The record of each case, after its results were sent.

        Raises:
            Whatever the engine raises, after the records of what had ended.
        """
        waiting: deque[Future[Record]] = deque()
        with ThreadPoolExecutor(1, "cohort-sender") as pool:
            try:
                for record in self._engine.run(cases):
                    waiting.append(pool.submit(self._sender.sent, record))
                    while waiting and (waiting[0].done() or len(waiting) > _AHEAD):
                        yield waiting.popleft().result()
            except UNetSegmentError:
                while waiting:
                    yield waiting.popleft().result()
                raise
            while waiting:
                yield waiting.popleft().result()


def send_earlier(
    found: Found,
    digest: str,
    output: Path,
    sender: Sender,
    part: Part | None = None,
    ended: Callable[[Record], None] | None = None,
    progress: ProgressCallback | None = None,
) -> int:
    """Sends results of earlier runs that stand and are not on the server; once cancelled, leaves the rest as it is.

    Args:
        found, digest, output, part, ended, progress: see :func:`~..run.run_cohort`.

    Returns:
        Of how many cases.

    Raises:
        InputError, OutputError: the journal is in use, or cannot be written.
    """
    part = part or Part()
    check_folder(output)
    with own_journal(output, part.number, part.count) as journal:
        _, stand = still_to_do(part.of(found.cases), read_records(output), digest, output)
        unsent = [record for record in stand.values() if sender.wants(record)]
        stage = Stage("sending results of before", len(unsent), progress)
        for number, one in enumerate(unsent):
            if sender.cancelled:
                return number
            record = sender.sent(one)
            if ended is not None:
                ended(record)
            journal.add(record)
            stage.step()
    return len(unsent)
