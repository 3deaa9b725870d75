"""What every command shares: errors as cause and cure, exit codes, Ctrl-C as a cancel token, logging."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Annotated, Any

import typer

from ..errors import Cancelled, ResourceError, UNetSegmentError
from ..progress import CancelToken
from .console import errors, say

_LIBRARY = __name__.partition(".")[0]
STOPPING = "Cancelling. Press Ctrl-C again to stop at once."

DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks and the library's log.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
PresetOption = Annotated[
    str, typer.Option(help="exact (the model's published protocol), balanced, or fast (coarser edges).")
]


@contextlib.contextmanager
def session(debug: bool = False, as_json: bool = False, stopping: str = STOPPING) -> Iterator[CancelToken]:
    """Runs a command's body; turns what goes wrong into a message and an exit code.

    The first Ctrl-C (or a request to terminate) sets the token, so that the body ends between two steps and leaves
    nothing half-written; a second Ctrl-C stops at once. ``stopping`` is what the first one is answered with.
    """
    token = CancelToken()
    with _logging(debug), _signals(token, stopping):
        try:
            yield token
        except UNetSegmentError as error:
            raise _finish(error, debug, as_json) from error
        except KeyboardInterrupt as error:
            raise _finish(Cancelled(), debug, as_json) from error
        except MemoryError as error:
            wrapped = ResourceError("Memory ran out.", "Close other programs, or use a smaller image or region.")
            raise _finish(wrapped, debug, as_json) from error
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            wrapped_error = UNetSegmentError(
                f"Something unexpected went wrong: {type(error).__name__}: {error}",
                "This is a defect. Run the command again with --debug and report what it prints.",
                traceback.format_exc(),
            )
            raise _finish(wrapped_error, debug, as_json) from error


def print_json(value: Any) -> None:
    """The one JSON document that a command prints on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1))


def _finish(error: UNetSegmentError, debug: bool, as_json: bool) -> typer.Exit:
    if debug:
        say(traceback.format_exc(), error=True)
    if as_json:
        print_json({"error": {"code": error.code, "cause": error.cause, "cure": error.cure, "detail": error.detail}})
    else:
        console = errors()
        console.print(f"Error: {error.cause}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        if error.cure:
            console.print(error.cure, markup=False, highlight=False, soft_wrap=True)
        if debug and error.detail:
            console.print(error.detail, style="dim", markup=False, highlight=False)
    return typer.Exit(error.exit_code)


@contextlib.contextmanager
def _signals(token: CancelToken, stopping: str) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        if token.cancelled:
            # A launcher (torchrun) may pass on the Ctrl-C that has come here already, as a request to terminate.
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        token.cancel()
        say(stopping, error=True)

    before: dict[int, Callable[..., Any] | int | None] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        # Only the main thread may handle signals; elsewhere (tests, embedding) the caller has its own ways.
        with contextlib.suppress(ValueError):
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for restored, handler in before.items():
            signal.signal(restored, handler)


@contextlib.contextmanager
def _logging(debug: bool) -> Iterator[None]:
    """The library's log on standard error while a command runs; afterwards its logger is what it was before."""
    from rich.logging import RichHandler

    logger = logging.getLogger(_LIBRARY)
    level, propagate = logger.level, logger.propagate
    handler = RichHandler(console=errors(), show_time=debug, show_path=debug, rich_tracebacks=False)
    logger.setLevel(logging.DEBUG if debug else logging.WARNING)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
