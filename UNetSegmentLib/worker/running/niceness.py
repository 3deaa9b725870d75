"""What runs beside Slicer for minutes or hours lets Slicer and its segmentations go first."""

from __future__ import annotations

import contextlib
import os

_NICENESS = 5


def step_back() -> None:
    """Lowers this process's priority, once, where the system knows such a thing."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(max(_NICENESS - os.nice(0), 0))
