"""A small real run after an installation: another worker process, the smallest bundled model, a made-up image."""

from collections.abc import Callable, Sequence

import numpy as np
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.models.card import ModelCard
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.client.client import Listener, WorkerClient, default_command
from UNetSegmentLib.worker.client.requests import SegmentRequest

from ..models import catalog
from ..running.worker_process import QProcessTransport, python_executable

_SIDE = 40


class SelfTest(Listener):
    """Runs once. ``done(passed, text)`` is called when it is over.

    Args:
        cards: models to choose from.
    """

    def __init__(self, cards: Sequence[ModelCard], done: Callable[[bool, str], None]) -> None:
        self._cards = [card for card in cards if card.network.dimension == 3] or list(cards)
        self._done = done
        self._client = WorkerClient(QProcessTransport(), self, command=default_command(python_executable()))
        self._ended = False

    def start(self) -> None:
        """Starts the process and returns."""
        if not self._cards:
            self._end(False, _("Self-test: there is no model to test with. Reinstall the extension."))
            return
        card = self._cards[0]
        generator = np.random.default_rng(0)
        voxels = generator.normal(100.0, 20.0, (len(card.inputs), _SIDE, _SIDE, _SIDE)).astype(np.float32)
        image = Volume(voxels, Geometry((_SIDE, _SIDE, _SIDE)), "self-test")
        try:
            self._client.segment(SegmentRequest([image], catalog.locate(card.name)))
        except UNetSegmentError as error:
            self._end(False, _failed(error))

    def on_result(self, request_id: int, result) -> None:
        """See Listener."""
        seconds = result.timings.get("total", 0.0)
        device = result.settings.get("device", "")
        self._end(
            True,
            _("Self-test passed: {model} {version} on {device} in {seconds:.1f} s.").format(
                model=result.model, version=result.version, device=device, seconds=seconds
            ),
        )

    def on_error(self, request_id: int | None, error: UNetSegmentError) -> None:
        """See Listener."""
        self._end(False, _failed(error))

    def _end(self, passed: bool, text: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._client.shutdown(timeout=2.0)
        self._done(passed, text)


def _failed(error: UNetSegmentError) -> str:
    return _("Self-test failed: {error}").format(error=error)
