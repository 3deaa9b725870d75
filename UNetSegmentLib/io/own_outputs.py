"""Which files a command has written itself, so that it may be run again without asking.

For each output a small note is kept in the user's folder for states: the command, a digest of what it read (inputs,
model), and the file's size and time of change. A file that has been corrected, replaced or copied since is nobody's
own. The notes hold no path and no name of a patient; where they are lost, the command asks for ``--force`` once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from ..folders import state_folder

_MOST = 2000


@dataclass(frozen=True)
class Job:
    """Who writes, and from what: settings such as the region or the preset do not count.

    Args:
        command: its name.
        sources: what it reads: paths, names of models.
    """

    command: str
    sources: tuple[Path | str, ...] = ()

    @property
    def digest(self) -> str:
        parts = [self.command, *(_absolute(s) if isinstance(s, Path) else s for s in self.sources)]
        return hashlib.sha256(b"\0".join(os.fsencode(part) for part in parts)).hexdigest()


def is_own(path: Path, job: Job, folder: Path | None = None) -> bool:
    """Whether ``path`` is an earlier output of the same command, as it was written, whatever it was made from.

    Args:
        folder: of the notes, in place of the user's.
    """
    note, now = _kept(path, folder), _entry(path, job)
    return bool(note) and all(note.get(key) == now[key] for key in ("command", "bytes", "changed"))


def is_of_same_sources(path: Path, job: Job, folder: Path | None = None) -> bool:
    """Whether an own output (:func:`is_own`) was made from what ``job`` reads."""
    return _kept(path, folder).get("job") == job.digest


def remember(path: Path, job: Job, folder: Path | None = None) -> None:
    """Notes that ``job`` has just written ``path``. Where no note can be kept nothing happens."""
    note = _note(path, folder)
    temporary = note.with_name(f".{secrets.token_hex(4)}.tmp")
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            temporary.write_text(json.dumps(_entry(path, job)), encoding="ascii")
            temporary.replace(note)
        finally:
            temporary.unlink(missing_ok=True)
        _forget_oldest(note.parent)


def _note(path: Path, folder: Path | None) -> Path:
    name = hashlib.sha256(os.fsencode(_absolute(path))).hexdigest()
    return (folder or state_folder() / "written") / f"{name}.json"


def _kept(path: Path, folder: Path | None) -> dict[str, object]:
    try:
        note = json.loads(_note(path, folder).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _entry(path: Path, job: Job) -> dict[str, object]:
    """The note on a file as it is; empty values where there is none."""
    try:
        status = path.stat()
    except OSError:
        return {"command": job.command, "job": job.digest, "bytes": None, "changed": None}
    return {"command": job.command, "job": job.digest, "bytes": status.st_size, "changed": status.st_mtime_ns}


def _absolute(path: Path) -> str:
    return str(path.resolve())


def _forget_oldest(folder: Path) -> None:
    notes = list(folder.glob("*.json"))
    if len(notes) > 2 * _MOST:
        notes.sort(key=lambda note: note.stat().st_mtime)
        for note in notes[:-_MOST]:
            note.unlink(missing_ok=True)
