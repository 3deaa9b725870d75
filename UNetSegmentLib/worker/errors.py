"""What can go wrong between the two processes, and how an error crosses from one to the other."""

from __future__ import annotations

from collections.abc import Sequence

from .. import errors
from ..errors import UNetSegmentError


class WorkerError(UNetSegmentError):
    """The worker, not the image or the model, is the trouble. ``code`` says how, see the class's constants."""

    code = "worker"
    exit_code = 8

    CRASHED = "worker-crashed"
    """The process ended by itself, was killed from outside, or died of a native fault."""
    START_FAILED = "worker-start-failed"
    """The process could not be started."""
    BAD_MESSAGE = "bad-message"
    """A line that is no message of the protocol."""
    VERSION_SKEW = "version-skew"
    """The two sides speak different versions of the protocol."""
    INTERNAL = "internal"
    """An unexpected exception in the worker; ``detail`` holds its traceback."""
    FAR_UNREACHABLE = "far-unreachable"
    """ssh brought no connection: host unknown, off or not listening, key refused, host key unknown or changed."""
    FAR_NO_PYTHON = "far-no-python"
    """The host has no such Python, or an older one."""
    FAR_NO_LIBRARY = "far-no-library"
    """The host's Python lacks UNetSegmentLib."""
    FAR_VERSION = "far-version"
    """The host has another version of it."""
    FAR_MODEL_MISSING = "far-model-missing"
    """The host lacks the model, and sending it needs the user's word."""
    FAR_BROKEN = "far-broken"
    """The connection to the host broke in the middle."""
    FAR_DISK_FULL = "far-disk-full"
    """The host has no room for the voxels or the model."""
    FAR_NOT_THERE = "far-not-there"
    """A request that is carried out on this computer alone."""

    def __init__(self, cause: str, cure: str = "", detail: str = "", code: str = "") -> None:
        super().__init__(cause, cure, detail)
        if code:
            self.code = code


PARTING = (
    WorkerError.FAR_UNREACHABLE,
    WorkerError.FAR_NO_PYTHON,
    WorkerError.FAR_NO_LIBRARY,
    WorkerError.FAR_VERSION,
    WorkerError.FAR_BROKEN,
    WorkerError.CRASHED,
)
"""Codes of what a relay to another machine says before it ends; all but the last two would meet the next one too."""
RECOVERABLE = (WorkerError.FAR_BROKEN, WorkerError.CRASHED)


class ProtocolError(WorkerError):
    """A line that is no valid message. ``request_id`` is the request that it spoke of, where that could be read."""

    code = WorkerError.BAD_MESSAGE

    def __init__(self, cause: str, cure: str = "", detail: str = "", request_id: int | None = None) -> None:
        super().__init__(cause, cure or "Update UNetSegment so that both sides are of one version.", detail)
        self.request_id = request_id


class VersionError(ProtocolError):
    """The other side speaks another version of the protocol."""

    code = WorkerError.VERSION_SKEW


def error_from_code(code: str, cause: str, cure: str = "", detail: str = "") -> UNetSegmentError:
    """The library's own error class of ``code`` (so that ``except ModelError`` works across the process boundary), or
    a :class:`WorkerError` that carries the code."""
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, UNetSegmentError) and value.code == code:
            return value(cause, cure, detail)
    return WorkerError(cause, cure, detail, code)


def start_error(command: Sequence[str], reason: str) -> WorkerError:
    """The process of ``command`` could not be started."""
    return WorkerError(
        f"The worker process could not be started ({reason}).",
        "Check that this Python exists and may be run; reinstalling UNetSegment repairs a damaged installation.",
        " ".join(command),
        WorkerError.START_FAILED,
    )


def crash_error(during: str, how: str, detail: str) -> WorkerError:
    """The process ended by itself. ``detail``: the last that it wrote on stderr."""
    return WorkerError(
        f"The worker process ended {during} ({how}).",
        "Try again: a new one starts by itself. If it happens every time, choose another device (CPU) or a smaller"
        " region, and report the details.",
        detail,
        WorkerError.CRASHED,
    )
