"""How long a command has taken, counted from the start of its process: what someone with a watch would say."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import typer


@dataclass(frozen=True)
class Clock:
    """Counts from ``before`` seconds before it was made."""

    before: float = 0.0
    made: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.made


def process_clock() -> Clock:
    """A clock that counts from the start of this process, the loading of Python and its packages with it."""
    return Clock(_age_on_linux() or time.process_time())


def command_clock(context: typer.Context) -> Clock:
    """The clock of the program that runs this command; a new one where the command runs inside of another program."""
    started = context.find_root().obj
    return started if isinstance(started, Clock) else Clock()


def _age_on_linux() -> float | None:
    try:
        # The name, in parentheses, may hold anything; the start is the 20th field behind it, in ticks since boot.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        age = uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    # In some containers the two files count from different boots.
    return age if 0 <= age < 3600 else None
