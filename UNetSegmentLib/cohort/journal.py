"""The memory of a cohort run: one line of JSON for each case that has ended, appended at once.

A process that is killed loses no line. Lines are forced to the disk once a second at most: a power cut costs the cases
of that second, which are run again. One process writes one journal: a part of a run that is divided among machines has
one of its own. A line that a crash cut short is passed over; the case is run again. The last line of a case counts.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from ..errors import InputError
from ..io.atomic import output_error
from ..io.locks import lacks_locks, taken_within
from .case import CohortCase
from .record import Record

log = logging.getLogger(__name__)

_EVERY_SECONDS = 1.0
FOLDER = ".unetsegment"
_PATIENCE = 3.0
_NAME = re.compile(r"journal-(\d+)-of-(\d+)\.jsonl")


class Journal:
    """A journal that is being written; a context manager.

    Args:
        output: folder of the run.
        part, parts: which of how many, counted from 1.
        patience: seconds that a process which is just ending, or looks whether we are there, is waited for.
        holder: who is known to have it, for the message.
        alive: whether that one seems to be at work; asked for where the file system keeps no locks.

    Raises:
        InputError: another run writes this journal now.
        OutputError: it cannot be written.
    """

    def __init__(
        self,
        output: Path,
        part: int = 1,
        parts: int = 1,
        patience: float = _PATIENCE,
        holder: str = "",
        alive: Callable[[], bool] = lambda: False,
    ) -> None:
        self.path = journal_path(output, part, parts)
        self._holder, self._alive = holder, alive
        self._file: IO[bytes] | None = None
        self._forced = -_EVERY_SECONDS
        self._patience = patience

    def __enter__(self) -> Journal:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
            if not self._locked(self._file):
                self._file.close()
                who = f" ({self._holder})" if self._holder else ""
                raise InputError(
                    f"Another run is writing its results to '{self.path.parent.parent}' now{who}.",
                    "Wait for its end, or choose another folder. Where its machine has died, this ends by itself "
                    "within a quarter of an hour.",
                )
            end_torn_line(self._file)
        except OSError as error:
            raise output_error(self.path, error) from error
        return self

    def __exit__(self, *ignored: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.fsync(self._file.fileno())
            with contextlib.suppress(OSError):
                self._file.close()

    def _locked(self, file: IO[bytes]) -> bool:
        try:
            return taken_within(file.fileno(), self._patience)
        except OSError as error:
            if not lacks_locks(error):
                raise
            log.warning("'%s' lies on a file system without locks", self.path.parent.parent)
            return not self._alive()

    def add(self, record: Record) -> None:
        """Keeps a record.

        Raises:
            OutputError: it cannot be written, for instance to a full disk.
        """
        assert self._file is not None
        line = json.dumps(record.to_json(), ensure_ascii=False, separators=(",", ":"))
        try:
            self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")
            self._file.flush()
            if time.monotonic() - self._forced >= _EVERY_SECONDS:
                os.fsync(self._file.fileno())
                self._forced = time.monotonic()
        except OSError as error:
            raise output_error(self.path, error) from error


def end_torn_line(file: IO[bytes]) -> None:
    """What a crash left without a line break must not swallow the next line.

    Args:
        file: open for reading and appending.

    Raises:
        OSError: it cannot be written.
    """
    if file.seek(0, os.SEEK_END) == 0:
        return
    file.seek(-1, os.SEEK_END)
    if file.read(1) != b"\n":
        file.write(b"\n")


def journal_path(output: Path, part: int, parts: int) -> Path:
    """Where the journal of a part is."""
    return output / FOLDER / f"journal-{part}-of-{parts}.jsonl"


def part_of(journal: Path) -> tuple[int, int]:
    """Which part of how many a journal of :func:`journals` belongs to."""
    match = _NAME.fullmatch(journal.name)
    assert match is not None
    return int(match[1]), int(match[2])


def journals(output: Path) -> list[Path]:
    """The journals of all parts."""
    with contextlib.suppress(OSError):
        return sorted(path for path in (output / FOLDER).iterdir() if _NAME.fullmatch(path.name))
    return []


def read_records(
    output: Path, paths: Iterable[Path] | None = None, cases: Iterable[CohortCase] = ()
) -> dict[str, Record]:
    """The last record of every case, over all parts; the later one where two parts ran the same.

    Args:
        paths: of journals; None for all.
        cases: whose paths the records share instead of keeping their own: there may be a million of them.
    """
    found: dict[str, Record] = {}
    known = {case.name: case for case in cases}
    for path in journals(output) if paths is None else paths:
        for record in _records(path, known):
            before = found.get(record.case)
            if before is None or before.finished <= record.finished:
                found[record.case] = record
    return found


def _records(path: Path, known: Mapping[str, CohortCase]) -> Iterator[Record]:
    try:
        with path.open("rb") as file:
            for line in file:
                with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                    value = json.loads(line.decode("utf-8", "surrogateescape"))
                    if (case := known.get(value["case"])) is not None:
                        texts = [str(source) for source in case.images]
                        value["inputs"] = texts if value.get("inputs") == texts else value.get("inputs", [])
                    yield Record.from_json(value)
    except OSError:
        return
