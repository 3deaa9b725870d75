"""Digests recorded when a file is downloaded for the first time, for files whose source publishes none."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from ...errors import ModelError
from ...io.locks import file_lock
from .. import typed_json
from .cache import LOCKS, TRUST


@dataclass(frozen=True)
class Trusted:
    """What a file was when it came first; ``date`` is that day."""

    bytes: int
    sha256: str
    date: str


@dataclass(frozen=True)
class _Records:
    files: dict[str, Trusted]


def trusted(folder: Path, address: str) -> Trusted | None:
    """What is recorded about the file at ``address``."""
    return _read(folder).get(address)


def trust(folder: Path, address: str, size: int, sha256: str) -> None:
    """Records a file, in place of what was known of it."""
    with file_lock(folder / LOCKS / f"{TRUST}.lock"):
        records = _read(folder)
        records[address] = Trusted(size, sha256, datetime.date.today().isoformat())
        text = typed_json.readable(typed_json.to_json(_Records(dict(sorted(records.items())))))
        temporary = folder / LOCKS / f"{TRUST}.new"
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(folder / TRUST)


def _read(folder: Path) -> dict[str, Trusted]:
    path = folder / TRUST
    try:
        return dict(typed_json.from_json(_Records, json.loads(path.read_text(encoding="utf-8"))).files)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, ModelError) as error:
        # Going on without the records would silently trust whatever comes.
        raise ModelError(
            f"The record of earlier downloads, '{path}', cannot be read.",
            "Delete it if you accept that the files are trusted anew.",
            str(error),
        ) from error
