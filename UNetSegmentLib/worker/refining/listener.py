"""What a correction tells: its state, its changes, and what went wrong."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ...errors import UNetSegmentError
from ...progress import ProgressEvent
from ...refinement import Change, Edit


class RefineState(enum.Enum):
    """``STOPPED``: no process, as wished (also before the first one). ``STARTING``: started, not yet there (edits are
    taken already). ``READY``: idle. ``BUSY``: an image is being opened, or edits are being worked out or wait.
    ``REPLACING``: a process has died, another takes up the session. ``CRASHED``: no process, against our wish, and no
    other came up; the next call tries again."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    REPLACING = "replacing"
    CRASHED = "crashed"


@dataclass(frozen=True, eq=False)
class Made:
    """An edit of the history, and the number that :meth:`RefineClient.add` gave it."""

    number: int
    edit: Edit


@dataclass(frozen=True, eq=False)
class RefineHistory:
    """Args:
    done: the edits that made the label map what it is, oldest first.
    undone: those that redo would make again, the next one first.
    """

    done: tuple[Made, ...] = ()
    undone: tuple[Made, ...] = ()


class RefineListener:
    """Override what you need. Every number that a call of the client returned is answered once: by :meth:`on_opened`
    (for ``open``), :meth:`on_change` (for the others) or :meth:`on_failed`; in the order of the calls."""

    def on_opened(self, number: int) -> None:
        """The worker holds the image and its labels; edits may have been asked for before."""

    def on_change(self, number: int, change: Change, history: RefineHistory) -> None:
        """An edit, undo, redo, reset or removal is done. ``change.box`` (array order, may be empty) and
        ``change.labels`` hold the labels that are new; ``change.notes`` are for the user."""

    def on_failed(self, number: int, error: UNetSegmentError) -> None:
        """A call came to nothing: labels and history are as they were before it. ``error.code`` is ``cancelled`` where
        the session was closed meanwhile, ``bad-input`` for a prompt that cannot be followed, ``worker-crashed`` for an
        edit that ended the worker every time, ..."""

    def on_state(self, state: RefineState) -> None:
        """The state changed."""

    def on_progress(self, event: ProgressEvent) -> None:
        """Voxels are on their way to a worker on another machine."""

    def on_log(self, level: str, message: str) -> None:
        """A line for the log. ``level`` as in :mod:`logging`; what the worker prints on stderr comes as ``STDERR``."""
