"""What the demonstrations share: running commands, saying what they show, comparing weights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import torch

REPOSITORY = Path(__file__).resolve().parents[2]
ISBI = REPOSITORY.parent / "shared" / "data" / "isbi2012"
COMMAND = [sys.executable, "-m", "UNetSegmentLib.cli"]


def environment() -> dict[str, str]:
    """One thread, so that sums are always made in one order; the package from this checkout."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}


def start(command: list[str], **more: Any) -> subprocess.Popen[str]:
    """Starts a command and prints it."""
    shown = " ".join(command).replace(" ".join(COMMAND), "unetsegment")
    shown = shown.replace(f"{sys.executable} -m torch.distributed.run", "torchrun")
    print("\n$", shown, flush=True)
    return subprocess.Popen(command, env=environment(), encoding="utf-8", **more)


def run(*arguments: object) -> float:
    """Runs a command of unetsegment to its end; ends the demonstration when it fails. Returns the seconds."""
    began = time.monotonic()
    code = start([*COMMAND, *map(str, arguments)]).wait()
    if code:
        fail(f"the command ended with {code}")
    return time.monotonic() - began


def edit(plan: Path, target: Path, **changes: Any) -> Path:
    """A copy of a plan for another run's folder, with some entries changed."""
    content = json.loads(plan.read_text(encoding="utf-8"))
    target.mkdir(parents=True)
    content |= {"output": str(target), **changes}
    (target / "plan.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return target / "plan.json"


def checkpoint(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def largest_difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """Over all weights and averages of two networks."""
    if first.keys() != second.keys():
        fail("the networks have other tensors")
    return max(float((value.double() - second[name].double()).abs().max()) for name, value in first.items())


def wait_for(fits: Callable[[], bool], process: subprocess.Popen[str], seconds: float) -> None:
    """Waits until something is so while a process runs."""
    limit = time.monotonic() + seconds
    while not fits():
        if process.poll() is not None:
            fail(f"the process ended by itself with {process.returncode}")
        if time.monotonic() > limit:
            process.kill()
            fail("waited too long")
        time.sleep(0.05)


def fresh(folder: Path) -> Path:
    """An empty folder in the place of whatever was there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def claim(words: str, true: bool) -> None:
    """Says whether a claim holds; ends the demonstration when it does not."""
    print(f"{'SHOWN' if true else 'FAILED'}: {words}", flush=True)
    if not true:
        raise SystemExit(1)


def fail(words: str) -> NoReturn:
    claim(words, False)
    raise SystemExit(1)
