"""Runs cases in a process of its own and survives its death.

A few cases are handed over ahead, so that the process can read the next one while the network runs. When it dies (out
of memory, a crash in a library), the cases that it had are run again one at a time: the one that ends a process while
it is alone is the culprit and becomes a failed row; the rest goes on. A case that shows no progress for too long (a
drive that does not answer, a loop in a library) is given up together with its process, and the others go on in a new
one.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path

from ...errors import Cancelled
from ...progress import CancelToken
from ...worker.errors import WorkerError
from ..case import CohortCase
from ..job import CohortJob
from ..record import Record
from .child_process import ChildProcess
from .failures import failed
from .messages import case_line
from .overdue import Overdue, Watch, given_up

log = logging.getLogger(__name__)

AHEAD = 3
GRACE = 10.0
# So often a process may be killed from outside before it is ready.
_EARLY_KILLS = 3
_COMMAND = (sys.executable, "-m", "UNetSegmentLib.cohort.running.child")


class Driver:
    """Runs cases through child processes.

    Args:
        job, digest, output: see :class:`~.pipeline.Pipeline`.
        cancel: ends the run.
        began: told the name of each case that goes into the network.
        command: that starts a child.
        patience: seconds without any progress after which a case is given up; 0 for never.
        owner: tells this run from those that write other parts to the same folder.

    Attributes:
        grace: seconds that a child has to end by itself after a cancel.
    """

    def __init__(
        self,
        job: CohortJob,
        digest: str,
        output: Path,
        cancel: CancelToken | None = None,
        began: Callable[[str], None] | None = None,
        command: Sequence[str] = _COMMAND,
        patience: float = 0.0,
        owner: str = "1-of-1",
    ) -> None:
        self._order = {"job": job.to_json(), "digest": digest, "output": str(output.absolute()), "owner": owner}
        self._digest = digest
        self._cancel = cancel or CancelToken()
        self._began = began
        self._command = command
        self._patience = patience
        self._killed_early = 0
        self.grace = GRACE

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        """The record of each case, as it ends.

        Raises:
            Cancelled: the token was set; records of cases that were being written come first.
            UNetSegmentError: a process cannot even be made ready (no such model, no such device).
        """
        waiting = deque(cases)
        suspects: deque[CohortCase] = deque()
        while waiting or suspects:
            alone = bool(suspects)
            source, ahead = (suspects, 1) if alone else (waiting, AHEAD)
            lost, how = yield from self._one_process(source, ahead)
            if isinstance(how, Overdue):
                yield given_up(next(case for case in lost if case.name == how.case), how, self._digest)
                source.extendleft(case for case in reversed(lost) if case.name != how.case)
            elif len(lost) == 1 and alone:
                yield self._culprit(lost[0], how)
            elif lost:
                log.warning("the process that ran cases ended (%s); its %d cases are run one at a time", how, len(lost))
                suspects.extend(lost)

    def _one_process(
        self, source: deque[CohortCase], ahead: int
    ) -> Generator[Record, None, tuple[list[CohortCase], str | Overdue]]:
        """Runs cases in one process until there are none left or it dies; returns the cases lost and how it ended."""
        pending: dict[str, CohortCase] = {}
        watch = Watch(self._patience)
        with ChildProcess(self._command, self._order, self.grace) as child:
            while source or pending:
                while source and len(pending) < ahead and child.ready:
                    case = source.popleft()
                    pending[case.name] = case
                    if not child.send(case_line(case)):
                        break
                try:
                    message = child.receive(self._cancel, watch.overdue)
                except Cancelled:
                    yield from child.last_records()
                    raise
                if isinstance(message, Overdue):
                    child.kill()
                    return list(pending.values()), message
                if message is None:
                    child.check_ready(self._killed_early < _EARLY_KILLS)
                    self._killed_early += not child.ready
                    return list(pending.values()), child.how
                watch.notice(message)
                if "began" in message and self._began is not None:
                    self._began(message["began"])
                if "record" in message:
                    record = Record.from_json(message["record"])
                    pending.pop(record.case, None)
                    yield record
        return [], ""

    def _culprit(self, case: CohortCase, how: str) -> Record:
        error = WorkerError(
            f"It ended the process that ran it ({how}).",
            "If memory ran out: run it on a machine with more, give a region (roi), or use the preset 'fast'. "
            "Otherwise the file is probably damaged: export it again.",
            code=WorkerError.CRASHED,
        )
        return failed(case, error, self._digest)
