"""The command and the environment that start a worker."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def default_command(python: str | None = None) -> list[str]:
    """The command that starts a worker with this copy of UNetSegmentLib. ``python``: the interpreter (in Slicer:
    PythonSlicer); None is the running one."""
    return [python or sys.executable, "-m", "UNetSegmentLib.worker"]


def refine_command(python: str | None = None) -> list[str]:
    """The command that starts a worker for corrections, which imports no torch. ``python``: as
    :func:`default_command`'s."""
    return [*default_command(python), "refine"]


def default_environment() -> dict[str, str]:
    """What the worker's environment needs on top of ours: this copy of UNetSegmentLib first on the path, and the
    current folder not on it."""
    library = str(Path(__file__).resolve().parents[3])
    rest = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([library, rest] if rest else [library]), "PYTHONSAFEPATH": "1"}
