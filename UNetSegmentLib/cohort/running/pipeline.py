"""The cases of one process: the next one is read and the last one written while the network runs.

At most three cases are in memory: one that is read ahead, one in the network, one that is written.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from ...errors import Cancelled
from ...inference import SegmentationResult
from ...progress import CancelToken, ProgressCallback
from ..case import CohortCase
from ..job import CohortJob
from ..record import Record
from .failures import failed, in_words
from .reading import ReadCase, read_case
from .steps import Step
from .writing import write_case

log = logging.getLogger(__name__)

_LOOK = 0.2

_Item: TypeAlias = ReadCase | Record | None
_Made = TypeVar("_Made")


class Network(Protocol):
    """What runs a case: see :meth:`UNetSegmentLib.inference.Segmenter.segment`."""

    def __call__(
        self, read: ReadCase, progress: ProgressCallback | None, cancel: CancelToken | None
    ) -> SegmentationResult:
        """The segmentation of a case."""


class Pipeline:
    """Runs cases through reading, network and writing.

    Args:
        network: runs a case that was read.
        job: what is done.
        digest: of the job.
        output: folder of the run.
        cancel: ends the run between two steps; the case in the network leaves nothing.
        began: told the name of each case that goes into the network, from the thread that iterates.
        progress: of the network.
        steps: told the name of a case and what it goes into (see :class:`~.steps.Step`), from any thread.
    """

    def __init__(
        self,
        network: Network,
        job: CohortJob,
        digest: str,
        output: Path,
        cancel: CancelToken | None = None,
        began: Callable[[str], None] | None = None,
        progress: ProgressCallback | None = None,
        steps: Callable[[str, Step], None] | None = None,
    ) -> None:
        self._network, self._job, self._digest, self._output = network, job, digest, output
        self._cancel = cancel or CancelToken()
        self._began, self._progress, self._steps = began, progress, steps
        self._read: queue.Queue[_Item] = queue.Queue(maxsize=1)

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        """The record of each case, as it ends; an iterable that waits for its next case may be given.

        Raises:
            Cancelled: the token was set; the record of a case that was being written comes first.
        """
        reader = threading.Thread(target=self._read_all, args=(cases,), name="cohort-reader", daemon=True)
        reader.start()
        waiting: Future[Record] | None = None
        with ThreadPoolExecutor(1, "cohort-writer") as writer:
            while True:
                item, waiting = yield from self._next(waiting)
                if item is None:
                    break
                if isinstance(item, Record):
                    yield item
                    continue
                try:
                    result = self._segmented(item)
                except Cancelled:
                    if waiting is not None:
                        yield waiting.result()
                    raise
                if isinstance(result, Record):
                    yield result
                    continue
                if waiting is not None:
                    yield waiting.result()
                waiting = writer.submit(self._written, item, result)
                del item, result
            if waiting is not None:
                yield waiting.result()

    def _next(self, waiting: Future[Record] | None) -> Generator[Record, None, tuple[_Item, Future[Record] | None]]:
        """The next case that was read. What has been written meanwhile is handed out while there is nothing to do."""
        while True:
            if waiting is not None and (waiting.done() or self._cancel.cancelled):
                yield waiting.result()
                waiting = None
            self._cancel.raise_if_cancelled()
            with contextlib.suppress(queue.Empty):
                return self._read.get(timeout=_LOOK if waiting is None else 0.02), waiting

    def _read_all(self, cases: Iterable[CohortCase]) -> None:
        try:
            for case in cases:
                if self._cancel.cancelled:
                    break
                tell = functools.partial(self._tell, case, Step.READING)
                tell()
                item = self._guarded(case, functools.partial(read_case, case, self._cancel, tell))
                self._tell(case, Step.WAITING)
                self._put(item)
        except Exception:
            log.exception("the cases could not be listed any further")
        self._put(None)

    def _put(self, item: _Item) -> None:
        while not self._cancel.cancelled:
            with contextlib.suppress(queue.Full):
                self._read.put(item, timeout=_LOOK)
                return

    def _segmented(self, read: ReadCase) -> SegmentationResult | Record:
        if self._began is not None:
            self._began(read.case.name)
        self._tell(read.case, Step.COMPUTING)
        result = self._guarded(read.case, lambda: self._network(read, self._progress, self._cancel), read)
        self._tell(read.case, Step.WAITING)
        return result

    def _tell(self, case: CohortCase, step: Step) -> None:
        if self._steps is not None:
            self._steps(case.name, step)

    def _written(self, read: ReadCase, result: SegmentationResult) -> Record:
        self._tell(read.case, Step.WRITING)
        written = self._guarded(
            read.case, lambda: write_case(read, result, self._job, self._digest, self._output), read
        )
        assert isinstance(written, Record)
        return written

    def _guarded(self, case: CohortCase, work: Callable[[], _Made], read: ReadCase | None = None) -> _Made | Record:
        """What ``work`` makes, or the record of its failure.

        Raises:
            Cancelled: the token was set.
        """
        try:
            return work()
        except Cancelled:
            raise
        except Exception as error:
            return failed(case, in_words(error), self._digest, *(read.marks if read else ()))
