"""What became of one case: a row of the table, a line of the journal."""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..io.case_names import RESULT
from .case import LeftOut

_SHARED = frozenset({"case", "folder", "job", "code", "cure", "name", "unit", "stored_at"})
CASE, SEGMENTATION, REPORT = "case.json", RESULT, "report.dcm"
"""In a case's folder: its record and how it was done; the segmentation, without its ending; a DICOM report."""


class Status(enum.Enum):
    """How a case ended."""

    DONE = "done"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class SegmentSize:
    """One segment of a result: volume in mL (area in mm² of a flat image), and Dice where there is a reference."""

    value: int
    name: str
    voxels: int
    size: float | None
    unit: str = "mL"
    dice: float | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One case after a run.

    Args:
        case: its name.
        status: see :class:`Status`.
        inputs: paths as they were given.
        stamp: sizes and times of change of the inputs' files; equal ones need no further look.
        content: SHA-256 of what the inputs hold.
        job: digest of model, settings and version, see :class:`~.job.CohortJob`.
        folder: of its results, relative to the run's output; empty where there are none.
        segments: what was found.
        quality: estimate by which cases are ordered for review, 0 to 1; None where none was made.
        warnings: sentences.
        seconds: reading, computing and writing together.
        code, cause, cure, detail: of the error.
        finished: UTC, ISO 8601.
        uids: of the DICOM series that were read.
        stored: SOP Instance UIDs of what a server has of the results.
        stored_at: that server.
        not_stored: why it has not all of them, where that was asked for.
    """

    case: str
    status: Status
    inputs: tuple[str, ...] = ()
    stamp: str = ""
    content: str = ""
    job: str = ""
    folder: str = ""
    segments: tuple[SegmentSize, ...] = ()
    quality: float | None = None
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    code: str = ""
    cause: str = ""
    cure: str = ""
    detail: str = field(default="", repr=False)
    finished: str = ""
    uids: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    stored_at: str = ""
    not_stored: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What somebody should read: warnings, and why results are not on a server."""
        return (*self.warnings, self.not_stored) if self.not_stored else self.warnings

    @classmethod
    def left_out(cls, left: LeftOut) -> Record:
        """The row of something that is not run."""
        return cls(left.name, Status.LEFT_OUT, (str(left.path),), code=left.code, cause=left.cause, cure=left.cure)

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is empty is left out."""
        # Not asdict, which copies everything deeply: there may be a million of these.
        value = {name: getattr(self, name) for name in _RECORD} | {"status": self.status.value}
        value["segments"] = tuple({name: getattr(one, name) for name in _SEGMENT} for one in self.segments)
        return {key: item for key, item in value.items() if item not in ("", (), None)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """The record of :meth:`to_json`; keys of newer versions are passed over.

        Raises:
            ValueError, TypeError, KeyError: no such record.
        """
        given: dict[str, Any] = {
            key: tuple(item) if isinstance(item, list) else _once(key, item)
            for key, item in value.items()
            if key in _RECORD
        }
        segments = [
            {key: _once(key, part) for key, part in item.items() if key in _SEGMENT}
            for item in value.get("segments", ())
        ]
        given["status"] = Status(given["status"])
        given["segments"] = tuple(SegmentSize(**segment) for segment in segments)
        return cls(**given)


_RECORD = tuple(f.name for f in fields(Record))
_SEGMENT = tuple(f.name for f in fields(SegmentSize))


def _once(key: str, item: Any) -> Any:
    """Texts that records share with each other, or with the list of cases, are kept once."""
    return sys.intern(item) if key in _SHARED and isinstance(item, str) else item
