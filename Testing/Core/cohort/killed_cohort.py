"""A cohort run in processes of its own that are killed at chosen moments, and what is compared afterwards. POSIX."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from changing_folders import names_in

from UNetSegmentLib.io import read_segmentation

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 300.0
# What a run may tell differently: times.
_TIMES = ("seconds", "finished")
KINDS = ("group", "driver", "child", "interrupt")


@dataclass(frozen=True)
class Kill:
    """One kill: ``kind`` of :data:`KINDS`, once so many more cases have ended (None: all), after so many seconds."""

    kind: str
    more: int | None
    delay: float


@dataclass(frozen=True)
class Killed:
    """What a kill has met: the cases that had ended, what was going on, the exit code of the command."""

    kill: Kill
    ended: int
    doing: str
    code: int


def random_kill(seed: int, most: int) -> Kill:
    """Spread over the start (no case of this run has ended), the cases, and the end (the tables are written).

    Args:
        most: cases that end before it.
    """
    chance = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    moment = chance.random()
    if moment < 0.15:
        return Kill(kind, 0, chance.uniform(0, 3))
    if moment < 0.3:
        return Kill(kind, None, chance.uniform(0, 0.3))
    return Kill(kind, chance.randint(1, most), chance.uniform(0, 0.3))


class KilledCohort:
    """One output folder.

    Args:
        arguments: of ``batch``, without ``-o``.
        output: folder of the results.
        scratch: an empty folder for temporary files.
        cases: how many there are.
    """

    def __init__(self, arguments: list[str], output: Path, scratch: Path, cases: int) -> None:
        self.output, self.scratch, self.cases = output, scratch, cases
        self._command = [sys.executable, "-m", "UNetSegmentLib.cli", "batch", *arguments, "-o", str(output)]

    def finish(self) -> None:
        """Runs what is left, undisturbed."""
        process = self._start()
        code = process.wait(PATIENCE)
        assert code == 0, f"the run ended with {code}: {self.words()}"

    def killed(self, kill: Kill) -> Killed:
        """Starts a run, kills it, and waits until no process of it is left."""
        before = self.ended()
        target = self.cases if kill.more is None else min(before + kill.more, self.cases)
        process = self._start()
        _wait(lambda: self.ended() >= target or process.poll() is not None, "the moment never came")
        # Where all have ended before, the end lies in the second or so that such a run takes.
        time.sleep(kill.delay * (4 if before == self.cases else 1))
        _send(process, kill.kind)
        if kill.kind == "child":
            time.sleep(0.2)  # the driver finds out and starts another one; then everything ends as it likes
        ended = self.ended()
        doing = self._doing(before)
        code = process.wait(PATIENCE)
        _wait(lambda: not list(_of_session(process.pid)), "processes outlive the run")
        return Killed(kill, ended, doing, code)

    def ended(self) -> int:
        """Lines of the journal."""
        path = self.output / ".unetsegment" / "journal-1-of-1.jsonl"
        return path.read_bytes().count(b"\n") if path.is_file() else 0

    def words(self) -> str:
        """What the last run printed."""
        return (self.scratch.parent / f"{self.scratch.name}.txt").read_text(errors="replace")

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(self.scratch),
        }
        with (self.scratch.parent / f"{self.scratch.name}.txt").open("wb") as stream:
            return subprocess.Popen(
                self._command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _doing(self, before: int) -> str:
        """What the run was at, by what lies there."""
        if not self.output.exists():
            return "starting"
        if any(name.startswith(".") and ".tmp" in name for name in names_in(self.output)):
            return "table"
        if names_in(self.output / ".unetsegment" / "staging"):
            return "writing"
        ended = self.ended()
        return "starting" if ended == before < self.cases else "ending" if ended == self.cases else "reading, network"

    def remains(self) -> list[str]:
        """Temporary files and folders that are still there, and folders that are not whole."""
        found = [str(path) for path in self.scratch.iterdir()]
        found += [str(path) for path in self.output.rglob("*") if re.search(r"\.tmp|\.old|\.part", path.name)]
        staging = self.output / ".unetsegment" / "staging"
        found += [str(path) for path in staging.iterdir()] if staging.is_dir() else []
        folders = [path for path in self.output.iterdir() if path.is_dir() and not path.name.startswith(".")]
        return found + [f"{path} is not whole" for path in folders if not (path / "case.json").is_file()]

    def table(self) -> list[dict[str, str]]:
        """Rows of the table without the times."""
        with (self.output / "cases.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [{key: value for key, value in row.items() if key not in _TIMES} for row in rows]

    def audited(self) -> set[str]:
        """Digests of the contents for which there is a line."""
        found = set()
        for line in (self.output / "audit.jsonl").read_text(encoding="utf-8").splitlines():
            try:
                found.add(json.loads(line)["content"])
            except ValueError:
                continue  # cut short by a kill; the case was run again
        return found

    def differences(self, other: KilledCohort) -> list[str]:
        """What is not as in the other run: rows, files, voxels."""
        rows, others = self.table(), other.table()
        found = [f"row {n}: {a} and not {b}" for n, (a, b) in enumerate(zip(rows, others, strict=False)) if a != b]
        found += [f"{len(rows)} rows and not {len(others)}"] if len(rows) != len(others) else []
        files, wanted = self._files(), other._files()
        found += [f"file {name}" for name in sorted(files ^ wanted)]
        for name in sorted(files & wanted):
            if name.endswith("segmentation.seg.nrrd"):
                one, two = read_segmentation(self.output / name), read_segmentation(other.output / name)
                if one.geometry != two.geometry or not np.array_equal(one.voxels, two.voxels):
                    found.append(f"voxels of {name}")
            elif name.endswith(".png") and (self.output / name).read_bytes() != (other.output / name).read_bytes():
                found.append(f"picture {name}")
        return found + [f"no audit line of {one}" for one in other.audited() - self.audited()]

    def _files(self) -> set[str]:
        paths = (path.relative_to(self.output) for path in self.output.rglob("*") if path.is_file())
        return {path.as_posix() for path in paths if path.parts[0] != ".unetsegment"}


def _send(process: subprocess.Popen[bytes], kind: str) -> None:
    """The kill; what has just ended by itself cannot be killed any more."""
    with contextlib.suppress(ProcessLookupError):
        if kind == "group":
            os.killpg(process.pid, signal.SIGKILL)
        elif kind == "driver":
            os.kill(process.pid, signal.SIGKILL)
        elif kind == "interrupt":
            os.killpg(process.pid, signal.SIGINT)
        else:
            for pid, line in _of_session(process.pid):
                if b"cohort.running.child" in line:
                    os.kill(pid, signal.SIGKILL)


def _of_session(leader: int) -> Iterator[tuple[int, bytes]]:
    """Living processes of a session, with their command lines."""
    for path in Path("/proc").iterdir():
        if not path.name.isdecimal():
            continue
        try:
            fields = (path / "stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[3]) == leader and fields[0] != b"Z":
                yield int(path.name), (path / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue


def _wait(fits: Callable[[], bool], words: str) -> None:
    end = time.monotonic() + PATIENCE
    while not fits():
        assert time.monotonic() < end, words
        time.sleep(0.01)


def descendants(pid: int) -> list[tuple[int, bytes]]:
    """Children of a process and theirs, with their command lines; those that end meanwhile are passed over."""
    parents: dict[int, int] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                parents[int(path.name)] = int((path / "stat").read_bytes().rpartition(b")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    lines = []
    for one in found - {pid}:
        with contextlib.suppress(OSError):
            lines.append((one, Path(f"/proc/{one}/cmdline").read_bytes()))
    return lines
