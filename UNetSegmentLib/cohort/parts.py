"""What the parts of a divided run say of themselves: a small file each, beside the journals.

By it another part, or whoever joins them, knows what was run with which settings on which inputs, whether it has ended,
and on which machine it is at work.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from ..io.atomic import atomic_path
from .case import CohortCase
from .journal import FOLDER, journal_path
from .running.failures import now

_NAME = re.compile(r"part-(\d+)-of-(\d+)\.json")
_SILENT_SECONDS = 900.0
_SHOWN = 8


@dataclass(frozen=True)
class PartState:
    """One part.

    Args:
        part, parts: which of how many, counted from 1.
        job: digest of model, settings and program.
        about: the same in words.
        cases: how many it has.
        listing: digest of the names of all cases, those of the other parts included.
        host, process: that runs it.
        begun, ended: UTC, ISO 8601; ``ended`` is empty until all its cases have.
    """

    part: int
    parts: int
    job: str
    about: str
    cases: int
    listing: str
    host: str
    process: int
    begun: str
    ended: str = ""

    def __str__(self) -> str:
        return f"part {self.part} of {self.parts}"

    @property
    def where(self) -> str:
        """Who runs it, in words."""
        return f"{self}, begun {self.begun[:19].replace('T', ' ')} UTC on {self.host} by process {self.process}"

    def write(self, output: Path) -> None:
        """Keeps it.

        Raises:
            OutputError: it cannot be written.
        """
        with atomic_path(_path(output, self.part, self.parts)) as temporary:
            temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def finished(self, output: Path) -> None:
        """Keeps that all its cases have ended.

        Raises:
            OutputError: it cannot be written.
        """
        replace(self, ended=now()).write(output)

    def seems_alive(self, output: Path) -> bool:
        """Whether it may be at work: for file systems without locks. A process of this machine is asked for; one of
        another machine counts as alive until nothing has come from it for a quarter of an hour."""
        if self.ended:
            return False
        if self.host == platform.node() and sys.platform != "win32":
            return self.process != os.getpid() and _exists(self.process)
        places = (_path(output, self.part, self.parts), journal_path(output, self.part, self.parts))
        with contextlib.suppress(OSError):
            return time.time() - max(place.stat().st_mtime for place in places) < _SILENT_SECONDS
        return False


def new_state(part: int, parts: int, job: str, about: str, cases: Sequence[CohortCase], own: int) -> PartState:
    """Of a part that begins here and now.

    Args:
        cases: of all parts.
        own: how many of them are its own.
    """
    digest = hashlib.sha256()
    for case in cases:
        digest.update(case.name.encode("utf-8", "surrogateescape") + b"\0")
    listing = digest.hexdigest()[:32]
    return PartState(part, parts, job, about, own, listing, platform.node(), os.getpid(), now())


def state_of(output: Path, part: int, parts: int) -> PartState | None:
    """What a part has said; None where it has not begun."""
    names = {f.name for f in fields(PartState)}
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        value = json.loads(_path(output, part, parts).read_text(encoding="utf-8"))
        return PartState(**{key: item for key, item in value.items() if key in names})
    return None


def read_states(output: Path) -> list[PartState]:
    """All that have begun, in order; also those of an earlier division into more or fewer parts."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(output / FOLDER):  # noqa: PTH208 (names alone are wanted)
            match = _NAME.fullmatch(name)
            state = state_of(output, int(match[1]), int(match[2])) if match else None
            found += [state] if state is not None else []
    return sorted(found, key=lambda state: (state.parts, state.part))


def differences(state: PartState, others: Iterable[PartState]) -> list[str]:
    """How other parts of the same run differ from this one, as sentences."""
    others = [other for other in others if other.parts == state.parts and other.part != state.part]
    jobs = [other for other in others if other.job != state.job]
    inputs = [other for other in others if other.job == state.job and other.listing != state.listing]
    notes = []
    if jobs:
        was = f"{_named(jobs)} run with other settings ({jobs[0].about}; {jobs[0].job[:8]})"
        notes.append(f"{was} than {state} ({state.about}; {state.job[:8]}).")
    if inputs:
        notes.append(f"{_named(inputs)} given other inputs than {state}.")
    return notes


def numbers(parts: Sequence[int]) -> str:
    """The first few, in words."""
    return ", ".join(map(str, parts[:_SHOWN])) + (" ..." if len(parts) > _SHOWN else "")


def _named(states: Sequence[PartState]) -> str:
    many = len(states) > 1
    listed = numbers([state.part for state in states])
    return f"Part{'s' * many} {listed} of {states[0].parts} {'were' if many else 'was'}"


def _path(output: Path, part: int, parts: int) -> Path:
    return output / FOLDER / f"part-{part}-of-{parts}.json"


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
