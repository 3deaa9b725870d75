"""Results that somebody has corrected in their folders since a run wrote them: what the table says is not of these."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

from .record import CASE, SEGMENTATION, Record, Status

CORRECTED = "Its segmentation was changed after the run; sizes and Dice are of the result as it was computed."
_LATER = 2.0  # seconds, by which some file systems round


def marked(record: Record, output: Path) -> Record:
    """The record, with a warning where the segmentation is no longer what the run has written.

    Files are read only where the segmentation is younger than the case's own file, which is written after it. Both
    times are the file system's, whatever clock this machine has.
    """
    if record.status is not Status.DONE or not _changed(output / record.folder):
        return record
    return replace(record, warnings=(*record.warnings, CORRECTED))


def _changed(folder: Path) -> bool:
    times: dict[str, float] = {}
    with contextlib.suppress(OSError), os.scandir(folder) as listing:
        for entry in listing:
            if entry.name == CASE or entry.name.startswith(f"{SEGMENTATION}."):
                times[entry.name] = entry.stat().st_mtime
    written = times.pop(CASE, None)
    if written is None:
        return False
    return any(time > written + _LATER and not _as_written(folder / name) for name, time in times.items())


def _as_written(path: Path) -> bool:
    """Whether a younger file is the same all the same, as copies are."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return digests_in(path.parent)[path.name] == digest_of(path)
    return False


def digests_in(folder: Path) -> dict[str, str]:
    """What a case's own file says of the others when they were written: digests by name.

    Raises:
        OSError, ValueError, KeyError, TypeError: there is no such file, or another one.
    """
    return dict(json.loads((folder / CASE).read_bytes())["files"])


def digest_of(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
