"""Errors that name the cause and the cure.

Every error that a user can meet is a :class:`UNetSegmentError`: a stable ``code`` for programs, the ``cause`` (what
happened) and the ``cure`` (what to do about it) for people, and ``detail`` for a bug report. The command line, the
worker's protocol and the Slicer panel all show the same three texts.
"""

from __future__ import annotations


class UNetSegmentError(Exception):
    """Base of all errors raised on purpose. ``str(error)`` is the cause and the cure in one line."""

    code = "error"
    exit_code = 1

    def __init__(self, cause: str, cure: str = "", detail: str = "") -> None:
        super().__init__(f"{cause} {cure}".strip())
        self.cause = cause
        self.cure = cure
        self.detail = detail


class InputError(UNetSegmentError):
    """An image, label file, region or option that cannot be used as it is."""

    code = "bad-input"
    exit_code = 3


class UsageError(InputError):
    """A command line that is wrong whatever the files hold: a number out of its range, something that is missing."""

    code = "usage"
    exit_code = 2


class GeometryError(InputError):
    """A grid that is not a right-handed or left-handed orthonormal one, or two grids that should agree and do not."""

    code = "bad-geometry"


class ModelError(UNetSegmentError):
    """A model package that is missing, broken, altered, too new, or unfit for the given input."""

    code = "bad-model"
    exit_code = 4


class TrustError(ModelError):
    """A model that is a program and has not been trusted by the user: ask, and try again with their word."""

    code = "not-trusted"


class OutputError(UNetSegmentError):
    """A result that could not be written. Whatever stood at the destination before is still there."""

    code = "cannot-write"
    exit_code = 5


class ResourceError(UNetSegmentError):
    """Not enough memory on any device, or a device that was asked for and is not there."""

    code = "no-resources"
    exit_code = 6


class DependencyError(UNetSegmentError):
    """An optional package is needed for what was asked and is not installed."""

    code = "missing-package"
    exit_code = 7


class DownloadError(UNetSegmentError):
    """A file that could not be fetched: no network, a proxy in the way, a server that refuses or keeps failing."""

    code = "download-failed"
    exit_code = 9


class ServerError(UNetSegmentError):
    """A server (of DICOMweb) that is not there, refuses, or answers with something else than was asked for."""

    code = "server-failed"
    exit_code = 9


class Cancelled(UNetSegmentError):
    """The run was cancelled through its token; nothing was written."""

    code = "cancelled"
    exit_code = 130

    def __init__(self, cause: str = "The run was cancelled.", cure: str = "", detail: str = "") -> None:
        super().__init__(cause, cure, detail)
