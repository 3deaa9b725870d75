"""What a command leaves behind in the process that ran it: nothing."""

from __future__ import annotations

import contextlib
import logging
import signal

import pytest
import typer

from UNetSegmentLib.cli.session import session
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


def test_a_request_to_terminate_after_ctrl_c_does_not_stop_at_once() -> None:
    """A launcher passes on the Ctrl-C that the terminal has sent already."""
    with session(stopping="Stopping") as cancel:
        signal.raise_signal(signal.SIGINT)
        assert cancel.cancelled
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as caught, session():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert caught.value.exit_code == 130


def test_a_second_request_to_terminate_stops_at_once() -> None:
    for numbers in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM, signal.SIGTERM)):
        with pytest.raises(typer.Exit) as caught, session() as cancel:
            for number in numbers:
                signal.raise_signal(number)
            raise AssertionError("went on")
        assert cancel.cancelled and caught.value.exit_code == 130
