"""Every hostile input with the time and memory that it took and the message that came of it, as one table.

    python Testing/Demos/hostile_inputs.py [--only WORDS] [--seconds 60] [--library CHECKOUT]

Each is made in a folder of its own and given to ``unetsegment`` in a process of its own. Wrong are: an end by a signal,
no end within the time, "This is a defect", a traceback, success where there can be none, an escape sequence or a line
of somebody's letter in what is printed or written, and a temporary file that outlives the run. Ends with 1 when
anything is wrong. POSIX only: it measures with wait4 and limits with setrlimit.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing"), str(Path(__file__).parent)]

from hostile.images import IMAGES  # noqa: E402
from hostile.models import MODELS  # noqa: E402
from hostile.place import Hostile, Place  # noqa: E402

_LETTER = b"Dear colleague"
# Nothing here may ask for more; what does must not take the computer with it.
_MOST = 12_000_000_000


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code (negative: the signal), seconds, bytes of memory, what it printed."""

    code: int
    seconds: float
    memory: int
    text: str
    remains: tuple[str, ...]
    letter: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="inputs whose point or name holds these words")
    parser.add_argument("--seconds", type=float, default=60.0, help="the longest that an answer may take")
    parser.add_argument("--library", type=Path, default=ROOT, help="checkout whose library is tried")
    options = parser.parse_args()
    from level_model import save_level_model

    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        package = save_level_model(Path(scratch) / "levels")
        print("| | input | s | MB | exit | message |\n|---|---|---|---|---|---|")
        for number, hostile in enumerate((*IMAGES, *MODELS)):
            if options.only.lower() not in f"{hostile.point} {hostile.name}".lower():
                continue
            folder = Path(scratch) / f"case{number}"
            folder.mkdir()
            outcome = run(hostile, Place(folder, package), options.library.resolve(), options.seconds)
            faults = faults_of(hostile, outcome, options.seconds)
            wrong += bool(faults)
            message = " ".join(outcome.text.replace(scratch, "").split())[:220].replace("|", "/")
            said = f"**{'; '.join(faults)}** {message}" if faults else message
            print(
                f"| {hostile.point} | {hostile.name} | {outcome.seconds:.1f} | {outcome.memory / 1e6:.0f} "
                f"| {outcome.code} | {said} |",
                flush=True,
            )
    print(f"\n{wrong} wrong.")
    return 1 if wrong else 0


def run(hostile: Hostile, place: Place, library: Path, seconds: float) -> Outcome:
    """Makes the input and gives it to the command."""
    arguments = hostile.command(place)
    temporary = place.folder / "tmp"
    temporary.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(library),
        "TMPDIR": str(temporary),
        "COLUMNS": "120",
        "HOME": str(place.folder),
    }
    log = place.folder / "printed.txt"

    def limit() -> None:
        most = hostile.memory or _MOST
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    began = time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "UNetSegmentLib.cli", *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=place.folder,
            preexec_fn=limit,
            start_new_session=True,
        )
        status, memory = _wait(process, hostile.patience or 2 * seconds)
    taken = time.monotonic() - began
    written = [path for path in place.folder.glob("out*") if path.is_file()]
    letter = any(_LETTER in path.read_bytes() for path in [log, *written])
    remains = tuple(path.name for path in temporary.iterdir())
    text = log.read_bytes().decode("utf-8", "backslashreplace")
    return Outcome(status, taken, memory, text, remains, letter)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> tuple[int, int]:
    """Exit code and peak memory of a process, which is killed with its children when its time is over."""
    deadline = time.monotonic() + seconds
    while True:
        found, status, usage = os.wait4(process.pid, os.WNOHANG)
        if found:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_maxrss * 1024
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.02)


def faults_of(hostile: Hostile, outcome: Outcome, seconds: float) -> list[str]:
    """What is wrong about an outcome, in words."""
    faults = []
    if outcome.code < 0:
        faults.append(f"ended by signal {-outcome.code}")
    if outcome.seconds > (hostile.patience or seconds):
        faults.append("took too long")
    if "defect" in outcome.text or "Traceback" in outcome.text:
        faults.append("taken for a defect")
    if outcome.code == 0 and not hostile.fine:
        faults.append("succeeded")
    if "\x1b" in outcome.text:
        faults.append("an escape sequence was printed")
    if outcome.letter:
        faults.append("somebody's letter was read")
    if outcome.remains:
        faults.append(f"left {', '.join(outcome.remains)}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
