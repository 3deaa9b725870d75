"""What every command shares: errors as cause and cure, exit codes, Ctrl-C as a cancel token, logging."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from ...budget import is_out_of_memory, out_of_memory
from ...errors import Cancelled, InputError, UNetSegmentError
from ...progress import CancelToken
from ...text import shown
from .console import errors, say
from .streams import StreamError, print_json, standard_output

__all__ = ["print_json", "session"]

_LIBRARY = __name__.partition(".")[0]
STOPPING = "Cancelling. Press Ctrl-C again to stop at once."

DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks and the library's log.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Replace files that this command has not written itself (never an input).")
]
SeriesOption = Annotated[str | None, typer.Option(help="UID, number or description of the DICOM series.")]
ChannelOption = Annotated[
    list[Path] | None, typer.Option(help="Further input channel of the model, in order; may be repeated.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
PresetOption = Annotated[
    str, typer.Option(help="exact (the model's published protocol), balanced, or fast (8 bits, or coarser).")
]
FormOption = Annotated[
    str | None,
    typer.Option(help="Form of the networks: full, int8 (the package's 8-bit form), or smallest (int8 if it can)."),
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
            standard_output().flush()
        except StreamError as error:
            # Nothing can be said there any more; who closed it on purpose (| head) wants to hear nothing.
            if not error.closed:
                _finish(error, debug, as_json=False)
            raise typer.Exit(error.exit_code) from error
        except UNetSegmentError as error:
            raise _finish(error, debug, as_json) from error
        except KeyboardInterrupt as error:
            raise _finish(Cancelled(), debug, as_json) from error
        except MemoryError as error:
            raise _finish(out_of_memory(error), debug, as_json) from error
        except (typer.Exit, typer.Abort):
            raise
        except OSError as error:
            raise _finish(_refused_path(error) or _defect(error), debug, as_json) from error
        except Exception as error:
            raise _finish(_defect(error), debug, as_json) from error


def _finish(error: UNetSegmentError, debug: bool, as_json: bool) -> typer.Exit:
    with contextlib.suppress(StreamError):
        if debug:
            say(traceback.format_exc(), error=True)
        if as_json:
            texts = {"cause": error.cause, "cure": error.cure, "detail": error.detail}
            print_json({"error": {"code": error.code, **texts}})
        else:
            say(f"Error: {error.cause}", error=True, style="bold red")
            if error.cure:
                say(error.cure, error=True)
            if debug and error.detail:
                say(error.detail, error=True, style="dim")
    return typer.Exit(error.exit_code)


def _refused_path(error: OSError) -> UNetSegmentError | None:
    """A path that the operating system does not let us use: no defect of ours. None for other troubles."""
    if error.filename is None:
        return None
    return InputError(
        f"'{error.filename}' cannot be used: {os.strerror(error.errno or 0)}.",
        "Check the path, its length and its permissions.",
        repr(error),
    )


def _defect(error: Exception) -> UNetSegmentError:
    if is_out_of_memory(error):
        return out_of_memory(error)
    return UNetSegmentError(
        f"Something unexpected went wrong: {type(error).__name__}: {error}",
        "This is a defect. Run the command again with --debug and report what it prints.",
        traceback.format_exc(),
    )


@contextlib.contextmanager
def _signals(token: CancelToken, stopping: str) -> Iterator[None]:
    seen: set[int] = set()

    def stop(number: int, frame: FrameType | None) -> None:
        if token.cancelled:
            # A launcher (torchrun) may pass on the Ctrl-C that has come here already, as a request to terminate: the
            # first one of these behind a Ctrl-C says nothing new.
            if number == signal.SIGINT or number in seen:
                raise KeyboardInterrupt
            seen.add(number)
            return
        seen.add(number)
        token.cancel()
        # Nothing may fail in here: the terminal may be gone, and the stream may be in the middle of a write.
        with contextlib.suppress(StreamError, RuntimeError):
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


class _CleanFormatter(logging.Formatter):
    """Messages quote names out of files: nothing in them acts on the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record), None, lines=True)


@contextlib.contextmanager
def _logging(debug: bool) -> Iterator[None]:
    """The library's log on standard error while a command runs; afterwards its logger is what it was before."""
    from rich.logging import RichHandler

    logger = logging.getLogger(_LIBRARY)
    level, propagate = logger.level, logger.propagate
    handler = RichHandler(console=errors(), show_time=debug, show_path=debug, rich_tracebacks=False)
    handler.setFormatter(_CleanFormatter("%(message)s"))
    logger.setLevel(logging.DEBUG if debug else logging.WARNING)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
