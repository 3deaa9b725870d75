"""The record of a case that could not be run. Imports no network: who drives a run needs none."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ...budget import is_out_of_memory, out_of_memory
from ...errors import Cancelled, OutputError, ResourceError, UNetSegmentError
from ...io.atomic import DISK_FULL, output_error
from ...io.dicom.recognition import is_dicom
from ...io.dicom.series import without_listing
from ...io.plain_files import is_folder
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
    cause, detail = error.cause, error.detail
    if _tells_of_headers(case):
        cause, detail = without_listing(cause), _without_words(error)
    return Record(
        case=case.name,
        status=Status.FAILED,
        inputs=tuple(str(source) for source in case.images),
        stamp=_stamp(case) if stamp is None else stamp,
        content=content,
        job=digest,
        warnings=notes,
        code=error.code,
        cause=cause,
        cure=error.cure,
        detail=detail,
        finished=now(),
    )


def in_words(error: Exception) -> UNetSegmentError:
    """Whatever a case has raised as an error of ours."""
    if isinstance(error, UNetSegmentError):
        return error
    return out_of_memory(error) if is_out_of_memory(error) else _unexpected(error)


def without_dice(case: CohortCase, error: Exception) -> str:
    """The warning of a case whose reference cannot be read or compared: no reason to lose the segmentation.

    Raises:
        Cancelled, ResourceError: the error is one of these, and no fault of the reference.
    """
    known = in_words(error)
    if isinstance(known, Cancelled | ResourceError):
        raise known
    cause = without_listing(known.cause) if _tells_of_headers(case) else known.cause
    return f"There is no Dice, for the reference cannot be used. {cause}"


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
    found.__cause__ = error
    return found


def _of_dicom(path: Path) -> bool:
    """Whether a path means DICOM, whose headers hold words about a patient: a folder, or such a file."""
    return is_folder(path) or is_dicom(path)


def _tells_of_headers(case: CohortCase) -> bool:
    paths = [*(source.path for source in case.images), *([case.reference] if case.reference else [])]
    return any(source.remote is not None for source in case.images) or any(map(_of_dicom, paths))


def _without_words(error: UNetSegmentError) -> str:
    """Where an error came from. What libraries say in their own words may quote a header."""
    lines: list[str] = []
    one: BaseException | None = error.__cause__
    while one is not None:
        where = traceback.format_tb(one.__traceback__) if error.code == UNEXPECTED else []
        lines = [*where, f"{type(one).__name__}\n", *lines]
        one = one.__cause__ or one.__context__
    return "".join(lines).strip()[-2000:]


def _stamp(case: CohortCase) -> str:
    """So that a file that cannot be read is not tried again before it has changed."""
    try:
        return stamp_of(case)
    except OSError:
        return ""
