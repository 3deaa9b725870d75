"""What a client tells: its state, and what happens to requests."""

from __future__ import annotations

import enum

from ...errors import UNetSegmentError
from ...progress import ProgressEvent
from ..protocol.compression import Compressed
from ..protocol.messages import Imported, Loaded, Ready, Trained, Unloaded
from ..transport.interface import ExitStatus
from .requests import SegmentResult


class WorkerState(enum.Enum):
    """``STARTING``: process started, torch not yet there (requests are taken already). ``READY``: idle. ``BUSY``: a
    request is running or waiting. ``STOPPED``: no process, as wished (also before the first start). ``CRASHED``: no
    process, against our wish; :meth:`WorkerClient.start`, or the next request, starts a new one."""

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    STOPPED = "stopped"
    CRASHED = "crashed"


class Listener:
    """Override what you need. ``request_id`` is what :meth:`WorkerClient.segment` and the like returned."""

    def on_state(self, state: WorkerState) -> None:
        """The state changed."""

    def on_ready(self, ready: Ready) -> None:
        """torch was imported: its version and the devices; or ``ready.problem`` tells why it was not."""

    def on_progress(self, request_id: int, event: ProgressEvent) -> None:
        """A step is done."""

    def on_log(self, level: str, message: str, request_id: int | None) -> None:
        """A line for the log. ``level`` as in :mod:`logging`; what the worker prints on stderr comes as ``STDERR``."""

    def on_result(self, request_id: int, result: SegmentResult) -> None:
        """A segmentation is finished."""

    def on_loaded(self, request_id: int, loaded: Loaded) -> None:
        """A model is warm."""

    def on_imported(self, request_id: int, imported: Imported) -> None:
        """Models were imported or installed."""

    def on_trained(self, request_id: int, trained: Trained) -> None:
        """A training's model is installed."""

    def on_compressed(self, request_id: int, compressed: Compressed) -> None:
        """The quick version of a model is installed."""

    def on_unloaded(self, request_id: int, unloaded: Unloaded) -> None:
        """Warm models were dropped."""

    def on_error(self, request_id: int | None, error: UNetSegmentError) -> None:
        """A request failed (``error.code`` is ``cancelled`` after a cancel, ``worker-crashed`` after a crash, ...), or,
        with None, something that belongs to no request."""

    def on_exit(self, status: ExitStatus, expected: bool) -> None:
        """The process is gone; ``expected`` when that was asked for. Waiting requests have had their error before."""
