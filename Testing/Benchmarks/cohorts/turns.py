"""Commands that take turns, and the rows that come of them."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        section, candidate: what was run.
        cases: how many.
        seconds: of the whole command, best of all rounds.
        note: what belongs to it, in words.
        figures: further numbers by name.
    """

    section: str
    candidate: str
    cases: int
    seconds: float
    note: str = ""
    figures: dict = field(default_factory=dict)

    @property
    def each(self):
        """Seconds a case."""
        return self.seconds / self.cases


def in_turns(section, candidates, cases, work, rounds):
    """Runs the candidates (name -> function of an empty folder, which may return a note and figures) in turn; a row for
    each, of its best round."""
    best = {}
    for number in range(rounds):
        for name, run in candidates.items():
            folder = work / "out" / f"{section}-{name}".replace(" ", "-").replace("/", "-")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            started = time.perf_counter()
            note, figures = run(folder) or ("", {})
            seconds = figures.pop("whole", None) or time.perf_counter() - started
            print(f"{section}, round {number + 1}, {name}: {seconds:.1f} s, {seconds / cases:.3f} s a case", flush=True)
            if name not in best or seconds < best[name].seconds:
                best[name] = Row(section, name, cases, seconds, note, figures)
    return list(best.values())


def unetsegment(*arguments, threads=0):
    """Runs the command line in a process of its own; its standard output."""
    return run([sys.executable, "-m", "UNetSegmentLib.cli", *map(str, arguments)], threads)


def run(command, threads=0, extra=None):
    """Runs a command to its end; its standard output.

    Raises:
        RuntimeError: it failed; with its last words.
    """
    env = {**os.environ, "PYTHONPATH": str(LIBRARY), **(extra or {})}
    if threads:
        env |= {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:6]))} ended with {done.returncode}: {done.stderr[-1500:]}")
    return done.stdout


def beside():
    """The environment in which this package can be imported too."""
    return {"PYTHONPATH": os.pathsep.join([str(LIBRARY), str(Path(__file__).resolve().parents[1])])}


def batch(images, output, model, *options, threads=0):
    """``unetsegment batch``; when records ended, as seconds since the start of the command."""
    begun = time.time()
    answer = json.loads(unetsegment("batch", images, "-o", output, "-m", model, "--json", *options, threads=threads))
    failed = answer["counts"]["failed"]
    if failed:
        causes = {case.get("cause") for case in answer["cases"] if case["status"] == "failed"}
        raise RuntimeError(f"{failed} cases failed: {causes}")
    return [_clock(case["finished"]) - begun for case in answer["cases"]]


def told(ended):
    """Start and pace of a run, from when its records ended."""
    first, last = min(ended), max(ended)
    pace = (last - first) / max(len(ended) - 1, 1)
    return f"first result after {first:.1f} s, then {pace:.3f} s a case", {"first": first, "pace": pace}


def _clock(text):
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def linked(files, folder, suffix=""):
    """A folder of links to files; ``suffix`` goes behind their names (nnU-Net's channels)."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in files:
        stem, dot, ending = file.name.partition(".")
        (folder / f"{stem}{suffix}{dot}{ending}").symlink_to(file)
    return folder
