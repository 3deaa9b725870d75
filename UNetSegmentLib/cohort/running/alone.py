"""One case from its files to its results, where others may be read and written at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

from ...budget import is_out_of_memory, out_of_memory
from ...errors import Cancelled, UNetSegmentError
from ..case import CohortCase
from ..job import CohortJob
from ..record import Record
from .pipeline import Network, failed, unexpected
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
    except UNetSegmentError as error:
        return failed(case, error, digest, read)
    except Exception as error:
        failure = out_of_memory(error) if is_out_of_memory(error) else unexpected(error)
        return failed(case, failure, digest, read)
