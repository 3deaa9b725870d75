"""The record of a case that could not be run. Imports no network: who drives a run needs none."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ...budget import is_out_of_memory, out_of_memory
from ...errors import OutputError, UNetSegmentError
from ...io.atomic import DISK_FULL, output_error
from ..case import CohortCase
from ..record import Record, Status
from ..stamps import stamp_of

UNEXPECTED = "unexpected"


class CaseFolderError(OutputError):
    """The folder of one case cannot be written. Others can: a plain :class:`OutputError` ends the run."""

    code = "cannot-write-case"


def failed(
    case: CohortCase,
    error: UNetSegmentError,
    digest: str,
    stamp: str | None = None,
    content: str = "",
    notes: tuple[str, ...] = (),
) -> Record:
    """The record of a case that could not be run.

    Args:
        digest: of the job.
        stamp, content: of its inputs, where they are known, see :mod:`..stamps`.
        notes: what reading had to tell.
    """
    return Record(
        case=case.name,
        status=Status.FAILED,
        inputs=tuple(str(source) for source in case.images),
        stamp=_stamp(case) if stamp is None else stamp,
        content=content,
        job=digest,
        warnings=notes,
        code=error.code,
        cause=error.cause,
        cure=error.cure,
        detail=error.detail,
        finished=now(),
    )


def in_words(error: Exception) -> UNetSegmentError:
    """Whatever a case has raised as an error of ours."""
    if isinstance(error, UNetSegmentError):
        return error
    return out_of_memory(error) if is_out_of_memory(error) else _unexpected(error)


@contextlib.contextmanager
def at_case_folder(folder: Path) -> Iterator[None]:
    """Where a case's folder is put in its place: what the system refuses there is this one's trouble.

    Raises:
        CaseFolderError: the system refuses.
        OutputError: the disk is full, which is every case's trouble.
    """
    try:
        yield
    except OSError as error:
        known = output_error(folder, error)
        if error.errno in DISK_FULL:
            raise known from error
        raise CaseFolderError(known.cause, f"{known.cure} --retry-failed runs it again.", known.detail) from error


def now() -> str:
    """UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _unexpected(error: Exception) -> UNetSegmentError:
    """An exception that nobody foresaw, as an error of ours: the run goes on with the next case."""
    found = UNetSegmentError(
        f"This is a defect of UNetSegment ({type(error).__name__}).",
        "Please report it, with the details of the table.",
        "".join(traceback.format_exception(error))[-2000:],
    )
    found.code = UNEXPECTED
    return found


def _stamp(case: CohortCase) -> str:
    """So that a file that cannot be read is not tried again before it has changed."""
    try:
        return stamp_of(case)
    except OSError:
        return ""
