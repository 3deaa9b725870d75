"""What an engine does with requests that it is not made for."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from ...progress import CancelToken, ProgressCallback
from ..errors import WorkerError
from ..protocol.compression import Compress, Compressed
from ..protocol.messages import (
    Import,
    Imported,
    LibraryInstall,
    Load,
    Loaded,
    Result,
    Segment,
    Train,
    Trained,
    Unload,
    Unloaded,
)
from ..protocol.refine_messages import Refine, Refined


class RefusingEngine:
    """Refuses every request of :class:`~.server.Engine`; engines override those that they carry out."""

    refusal: ClassVar[tuple[str, str]]
    """Cause and cure of what is told."""

    def load(self, request: Load, cancel: CancelToken) -> Loaded:
        """Refused. Raises WorkerError."""
        self._refuse()

    def segment(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> Result:
        """Refused. Raises WorkerError."""
        self._refuse()

    def refine(self, request: Refine) -> Refined:
        """Refused. Raises WorkerError."""
        self._refuse()

    def bring(self, request: Import | LibraryInstall, progress: ProgressCallback, cancel: CancelToken) -> Imported:
        """Refused. Raises WorkerError."""
        self._refuse()

    def train(self, request: Train, progress: ProgressCallback, cancel: CancelToken) -> Trained:
        """Refused. Raises WorkerError."""
        self._refuse()

    def compress(self, request: Compress, progress: ProgressCallback, cancel: CancelToken) -> Compressed:
        """Refused. Raises WorkerError."""
        self._refuse()

    def unload(self, request: Unload) -> Unloaded:
        """Refused. Raises WorkerError."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        cause, cure = self.refusal
        raise WorkerError(cause, cure, code=WorkerError.BAD_MESSAGE)
