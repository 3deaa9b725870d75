"""Who ran what on which images: a line for each case that a run has ended, in ``audit.jsonl`` of its folder.

Images are named by the digest of what they hold and by the UIDs of their series, never by a name of a patient.
"""

from __future__ import annotations

import getpass
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..io.atomic import output_error
from ..models.card import ModelCard
from ..version import __version__
from .job import CohortJob
from .journal import end_torn_line
from .own_files import audit_name
from .record import Record


def auditor(output: Path, card: ModelCard, job: CohortJob, part: int = 1, parts: int = 1) -> Callable[[Record], None]:
    """A function that keeps the line of a record.

    A part of a divided run has a file of its own: machines that append to one file of a network drive tear each
    other's lines.

    Raises (the function):
        OutputError: the line cannot be written.
    """
    about: dict[str, Any] = {
        "user": _user(),
        "host": platform.node(),
        "program": f"UNetSegment {__version__}",
        "model": card.name,
        "model_version": card.version,
        "model_files": dict(sorted(card.digests.items())),
        "settings": {key: value for key, value in job.to_json().items() if key != "model"},
    }

    def keep(record: Record) -> None:
        line = {
            "finished": record.finished,
            "status": record.status.value,
            "code": record.code,
            "content": record.content,
            "series": list(record.uids),
            "stored": list(record.stored),
            "stored_at": record.stored_at,
            "job": record.job,
            **about,
        }
        path = output / audit_name(part, parts)
        try:
            with path.open("ab+") as file:
                end_torn_line(file)
                file.write(json.dumps(line, default=str).encode() + b"\n")
        except OSError as error:
            raise output_error(path, error) from error

    return keep


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without a name
        return ""
