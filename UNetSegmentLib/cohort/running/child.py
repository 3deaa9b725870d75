"""``python -m UNetSegmentLib.cohort.running.child``: a process that runs cases, so that one that crashes takes no
other along.

The first line of stdin says what is done, each further one names a case; on stdout come lines of JSON: ``ready``,
``began`` (a case is in the network) and ``record``. The end of stdin is the end of the work.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from ...progress import CancelToken
from ..case import CohortCase
from ..job import CohortJob
from .messages import case_from, record_line


def main() -> None:
    """Serves until stdin ends; never returns."""
    from ...worker.serving.stdio import claim_stdio

    channel = claim_stdio()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's, who closes our stdin
    output = _Output(channel.output)
    code = 1
    try:
        order = json.loads(channel.input.readline())
        _serve(order, channel.input, output)
        code = 0
    except BrokenPipeError:
        pass
    except Exception as error:
        from .failures import in_words

        known = in_words(error)
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
    output.send({"ready": True})
    pipeline = Pipeline(
        network, job, order["digest"], Path(order["output"]), cancel, lambda name: output.send({"began": name})
    )
    waiting: queue.Queue[CohortCase | None] = queue.Queue()
    threading.Thread(target=_listen, args=(source, waiting, cancel), daemon=True).start()
    for record in pipeline.run(iter(waiting.get, None)):
        output.send(record_line(record))


def _listen(source: BinaryIO, waiting: queue.Queue[CohortCase | None], cancel: CancelToken) -> None:
    """Takes lines as they come: a cancel must not wait until somebody wants the next case."""
    for line in source:
        message = json.loads(line)
        if "cancel" in message:
            cancel.cancel()
            break
        waiting.put(case_from(message))
    waiting.put(None)


class _Output:
    """Lines to the driver, from any thread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._lock = file, threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            self._file.write(data)


if __name__ == "__main__":
    main()
