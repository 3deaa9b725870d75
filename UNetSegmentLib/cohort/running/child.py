"""``python -m UNetSegmentLib.cohort.running.child``: a process that runs cases, so that one that crashes takes no
other along.

The first line of stdin says what is done, each further one names a case, the last one is ``end``; on stdout come lines
of JSON: ``ready``, ``began`` (a case is in the network), ``step`` (what a case goes into), ``alive`` (the network gets
on) and ``record``. Where stdin ends without ``end``, the driver is gone: nobody would count what is made from then on,
and a new run may be about to do the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from ...errors import Cancelled, InputError
from ...io.locks import lacks_locks, taken_within
from ...progress import CancelToken, ProgressEvent
from ..case import CohortCase
from ..job import CohortJob
from ..journal import FOLDER
from .messages import case_from, record_line

# What has been asked to end and does not, such as a read from a drive that has gone, is ended.
_GRACE = 30.0
# So long a child waits for the one of a run that was killed.
_PATIENCE = 60.0
_PULSE = 1.0


def main() -> None:
    """Serves until stdin ends; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's, who closes our stdin
    from ...worker.serving.stdio import claim_stdio

    channel = claim_stdio()
    output = _Output(channel.output)
    code = 1
    try:
        order = json.loads(channel.input.readline())
        _serve(order, channel.input, output)
        code = 0
    except (BrokenPipeError, Cancelled):
        pass
    except Exception as error:
        from .failures import in_words

        known = in_words(error)
        with contextlib.suppress(OSError):
            output.send({"error": [known.code, known.cause, known.cure, known.detail]})
    sys.stderr.flush()
    # Not sys.exit: native libraries that are torn down in a bad order must not turn success into a crash.
    os._exit(code)


def _serve(order: dict[str, Any], source: BinaryIO, output: _Output) -> None:
    from ...models import load_model
    from .network import SegmenterNetwork
    from .pipeline import Pipeline

    job = CohortJob(**order["job"])
    cancel = CancelToken()
    network = SegmenterNetwork(load_model(job.model), job)
    with _only_one(Path(order["output"]), order["owner"]):
        output.send({"ready": True})
        pipeline = Pipeline(
            network,
            job,
            order["digest"],
            Path(order["output"]),
            cancel,
            lambda name: output.send({"began": name}),
            output.pulse,
            lambda name, step: output.send({"step": [name, step.name]}),
        )
        waiting: queue.Queue[CohortCase | None] = queue.Queue()
        threading.Thread(target=_listen, args=(source, waiting, cancel), daemon=True).start()
        for record in pipeline.run(iter(waiting.get, None)):
            output.send(record_line(record))


@contextlib.contextmanager
def _only_one(folder: Path, owner: str) -> Iterator[None]:
    """No two processes write the same results: the child of a run that was killed may live a moment longer, also of one
    that was divided otherwise.

    Where the file system keeps no locks nobody can tell, and we go on: such a child ends by itself with its stdin.

    Raises:
        InputError: it does not end.
    """
    path = folder / FOLDER / f"child-{owner}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        end = time.monotonic() + _PATIENCE
        others = [one for one in path.parent.glob("child-*.lock") if _division(one) != _division(path)]
        if not (_free(file, end) and all(_ended(one, end) for one in others)):
            raise InputError(
                f"A process of an earlier run still works on '{folder}' and does not end.",
                "End it, or choose another folder.",
            )
        yield


def _division(lock: Path) -> str:
    """Into how many parts the run of a child is divided, by the name of its lock."""
    return lock.stem.rpartition("-")[2]


def _ended(lock: Path, end: float) -> bool:
    try:
        with lock.open("rb+") as file:
            return _free(file, end)
    except (FileNotFoundError, PermissionError):  # of another user: nobody can tell
        return True


def _free(file: IO[bytes], end: float) -> bool:
    """Whether nobody else has the lock of an open file until then, as far as the file system can tell."""
    try:
        return taken_within(file.fileno(), end - time.monotonic())
    except OSError as error:
        if not lacks_locks(error):
            raise
        return True


def _listen(source: BinaryIO, waiting: queue.Queue[CohortCase | None], cancel: CancelToken) -> None:
    """Takes lines as they come: a cancel must not wait until somebody wants the next case."""
    for line in source:
        message = json.loads(line)
        if "end" in message:
            waiting.put(None)
            return
        if "cancel" in message:
            break
        waiting.put(case_from(message))
    cancel.cancel()
    waiting.put(None)
    timer = threading.Timer(_GRACE, os._exit, (1,))
    timer.daemon = True
    timer.start()


class _Output:
    """Lines to the driver, from any thread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._lock = file, threading.Lock()
        self._last = 0.0

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            self._file.write(data)

    def pulse(self, event: ProgressEvent) -> None:
        """Says that the network gets on."""
        now = time.monotonic()
        if now - self._last > _PULSE:
            self._last = now
            self.send({"alive": True})


if __name__ == "__main__":
    main()
