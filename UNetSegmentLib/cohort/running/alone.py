"""One case from its files to its results, where others may be read and written at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from ...errors import Cancelled
from ...progress import ProgressCallback
from ..case import CohortCase
from ..job import CohortJob
from ..record import Record
from .failures import failed, in_words
from .pipeline import Network
from .reading import read_case
from .steps import Step
from .writing import write_case


def run_alone(
    case: CohortCase,
    network: Network,
    job: CohortJob,
    digest: str,
    output: Path,
    lock: threading.Lock,
    steps: Callable[[Step], None] = lambda step: None,
    progress: ProgressCallback | None = None,
) -> Record:
    """The record of a case; a failure is a record too.

    Args:
        lock: held while the network runs.
        steps: told what is done.
        progress: of the network.

    Raises:
        Cancelled: the run was cancelled.
    """
    read = None
    try:
        steps(Step.READING)
        read = read_case(case, gets_on=lambda: steps(Step.READING))
        steps(Step.WAITING)
        with lock:
            steps(Step.COMPUTING)
            result = network(read, progress, None)
        steps(Step.WRITING)
        return write_case(read, result, job, digest, output)
    except Cancelled:
        raise
    except Exception as error:
        return failed(case, in_words(error), digest, *(read.marks if read else ()))
