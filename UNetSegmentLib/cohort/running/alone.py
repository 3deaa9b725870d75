"""One case from its files to its results, where others may be read and written at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

from ...errors import Cancelled
from ..case import CohortCase
from ..job import CohortJob
from ..record import Record
from .failures import failed, in_words
from .pipeline import Network
from .reading import read_case
from .writing import write_case


def run_alone(
    case: CohortCase, network: Network, job: CohortJob, digest: str, output: Path, lock: threading.Lock
) -> Record:
    """The record of a case; a failure is a record too.

    Args:
        lock: held while the network runs.

    Raises:
        Cancelled: the run was cancelled.
    """
    read = None
    try:
        read = read_case(case)
        with lock:
            result = network(read, None, None)
        return write_case(read, result, job, digest, output)
    except Cancelled:
        raise
    except Exception as error:
        return failed(case, in_words(error), digest, *(read.marks if read else ()))
