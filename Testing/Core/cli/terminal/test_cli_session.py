"""What a command leaves behind in the process that ran it: nothing."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import textwrap

import pytest
import typer

from UNetSegmentLib.cli.terminal.session import session
from UNetSegmentLib.errors import InputError


@pytest.mark.parametrize("fails", [False, True])
def test_the_librarys_logger_is_what_it_was(fails: bool, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("UNetSegmentLib")
    before = logger.level, logger.propagate, list(logger.handlers)
    with pytest.raises(typer.Exit) if fails else contextlib.nullcontext(), session(debug=True):
        assert logger.level == logging.DEBUG and not logger.propagate
        if fails:
            raise InputError("cause", "cure")
    assert (logger.level, logger.propagate, logger.handlers) == before


# Signals are sent to processes of their own: what else a test process has loaded may have a handler for them too.
AFTER_CTRL_C = """
with session(stopping="Stopping") as cancel:
    signal.raise_signal(signal.SIGINT)
    assert cancel.cancelled
    signal.raise_signal(signal.SIGTERM)
with session():
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
"""

TWICE = """
with session() as cancel:
    try:
        for name in {names}:
            signal.raise_signal(getattr(signal, name))
    except KeyboardInterrupt:
        assert cancel.cancelled
        raise
    raise SystemExit("went on")
"""


def exit_code(script: str) -> int:
    """Of a script that knows ``signal`` and ``session``; 1 and the traceback where it fails."""
    lines = ("import signal, sys, typer", "from UNetSegmentLib.cli.terminal.session import session", "try:")
    body = textwrap.indent(script, "    ")
    ending = "except typer.Exit as stopped:\n    sys.exit(stopped.exit_code)"
    command = [sys.executable, "-c", "\n".join((*lines, body, ending))]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode != 1, done.stderr
    return done.returncode


def test_a_request_to_terminate_after_ctrl_c_does_not_stop_at_once() -> None:
    """A launcher passes on the Ctrl-C that the terminal has sent already."""
    assert exit_code(AFTER_CTRL_C) == 130


@pytest.mark.parametrize("names", [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGTERM", "SIGTERM")])
def test_a_second_request_to_terminate_stops_at_once(names: tuple[str, ...]) -> None:
    assert exit_code(TWICE.format(names=names)) == 130
