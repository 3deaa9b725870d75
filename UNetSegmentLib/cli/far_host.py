"""``unetsegment doctor --worker ssh://HOST``: a machine for far workers, tried."""

from __future__ import annotations

import typer

from ..worker.far.check import FarReport, check_host
from .options.where import Where
from .terminal.console import output, say, words_table, working
from .terminal.session import print_json

_PATIENCE = 60.0


def examine(where: Where, as_json: bool) -> None:
    """Says what a host has and how quick the line is.

    Raises:
        typer.Exit: it cannot be used.
    """
    assert where.host is not None
    with working(f"Trying {where.host.host}", not as_json):
        report = check_host(where.host, where.ssh, _PATIENCE, speed=True)
    if as_json:
        print_json({"host": where.host.url, **report.words(), "healthy": report.problem is None})
    else:
        _show(where.host.url, report)
    if report.problem is not None:
        raise typer.Exit(report.problem.exit_code)


def _show(url: str, report: FarReport) -> None:
    devices = [f"{device.name} ({device.title}{_memory(device.free_memory)})" for device in report.devices]
    found = {
        "Reachable": "yes" if report.reachable else "no",
        "Python": report.python,
        "UNetSegmentLib": report.library,
        "torch": report.torch,
        "Devices": ", ".join(devices),
        "Worker ready after": f"{report.seconds:.1f} s" if report.problem is None else "",
        "Round trip": _number(report.round_trip, "ms"),
        "Voxels there": _number(report.upload, "MB/s"),
        "Voxels back": _number(report.download, "MB/s"),
    }
    # What was not reached is not said; the problem below says why.
    output().print(words_table((url, ""), [(name, value) for name, value in found.items() if value]))
    if report.problem is None:
        say("All is well.")
    else:
        say(f"{report.problem.cause} {report.problem.cure}".strip())


def _number(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.1f} {unit}"


def _memory(free: int | None) -> str:
    return "" if free is None else f", {free / 1024**3:.1f} GB free"
