"""What is done with a case, as the process that runs it tells the one that watches it."""

from __future__ import annotations

import enum


class Step(enum.Enum):
    """What is done with a case."""

    READING = "read"
    WAITING = "kept waiting"
    COMPUTING = "computed"
    WRITING = "written"
