"""What a worker needs beyond Python: which of it is missing, and the words for an installation that is broken."""

from __future__ import annotations

import importlib.util
import traceback

from ...errors import DependencyError
from ..protocol.messages import Problem

NEEDED = ("torch", "numpy", "SimpleITK", "safetensors")
"""Packages, by the name that is imported and installed alike, that every run needs."""


def missing_packages() -> list[str]:
    """Those of :data:`NEEDED` that are not installed. Imports nothing."""
    return [name for name in NEEDED if not _is_there(name)]


def broken_installation(error: Exception) -> Problem:
    """An import that failed, as a problem that names every package that is missing and not just the first."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name and not name.startswith(__name__.split(".")[0]):
        absent = list(dict.fromkeys([name.split(".")[0], *missing_packages()]))
        verb = "is" if len(absent) == 1 else "are"
        cause = f"{_listed(absent)} {verb} not installed."
        cure = f"Install what is missing: pip install {' '.join(absent)}."
    else:
        cause = f"The installation does not work ({type(error).__name__}: {error})."
        cure = "Reinstall UNetSegment, and torch in the build that fits this computer."
    return Problem(DependencyError.code, cause, cure, traceback.format_exc())


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a module that is half there
        return False


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
