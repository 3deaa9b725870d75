"""Trainings that are stopped: what is told then, and by which of several processes."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

import typer

from ...errors import Cancelled
from .plan import CHECKPOINT, PLAN

STOPPING = "Stopping after this step, with a checkpoint. Press Ctrl-C again to stop at once and lose the last steps."


@contextlib.contextmanager
def going_on(command: str, output: Path, source: Path) -> Iterator[None]:
    """Tells how to go on with a run that was stopped inside.

    Args:
        command: the one that runs.
        output: folder of the run.
        source: what the command was given: data, or a plan.
    """
    try:
        yield
    except Cancelled as error:
        if not is_first_process():
            raise typer.Exit(error.exit_code) from error
        plan = source if source.suffix.lower() == ".json" else output / PLAN
        words = [*_launcher(), command, str(plan)]
        if command == "train" and (output / CHECKPOINT).exists():
            words.append("--resume")
        raise Cancelled(error.cause, f"Go on with: {shlex.join(words)}") from error


def is_first_process() -> bool:
    """Whether this is the process that talks, of those that torchrun has started."""
    from torch import distributed

    launched = distributed.is_available() and distributed.is_torchelastic_launched()
    return not launched or not distributed.is_initialized() or distributed.get_rank() == 0


def _launcher() -> list[str]:
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        return ["torchrun", "--nproc-per-node", str(distributed.get_world_size()), "-m", "UNetSegmentLib.cli"]
    return ["unetsegment"]
