"""Torch at first; a quicker backend from the moment when it has shown that it gives the same answer sooner.

The trial costs: the network is converted and compiled (seconds) and one batch of tiles is run twice. It is made only
when that is expected to come back: within this run, or because earlier runs of the same network have already spent as
much as it costs (so the sum never exceeds about twice what a seer would have paid). Its verdict is kept on the disk for
this network, machine and versions; later runs start with the right backend.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch

from ..backend import Backend
from .comparison import LARGEST_DIFFERENCE, LEAST_AGREEMENT, agreement, difference
from .request import BackendRequest
from .verdicts import Verdict, VerdictBook, machine_key

log = logging.getLogger(__name__)

_EXPECTED_GAIN = 0.4  # of the reference's time
_EXPECTED_SETUP = 2.0  # seconds for each network
_EXPECTED_LOADING = 0.5  # the same, from the cache
_WARM = 2.0  # seconds of a first tile in which a process's warming up no longer counts


class Candidate(Backend, Protocol):
    """A backend that may turn out quicker."""

    name: str

    def compile(self, shape: Sequence[int]) -> None:
        """Makes ready for tiles of that shape (N, C, z, y, x)."""

    def stored(self, shape: Sequence[int]) -> bool:
        """Whether that takes only a moment."""


class TrialBackend:
    """See the module's text.

    Args:
        reference: what runs until the verdict, and for good where it is negative.
        candidate: what may take over.
        request: what is run.
        book: verdicts, in place of the user's.
    """

    def __init__(
        self, reference: Backend, candidate: Candidate, request: BackendRequest, book: VerdictBook | None = None
    ) -> None:
        self.device = reference.device
        self._reference = reference
        self._candidate: Candidate | None = candidate
        self._chosen: Backend | None = None
        self._request = request
        self._book = book or VerdictBook()
        self.note = ""
        """What the user should know: that the quicker backend failed."""
        self._key = ""
        self._tiles = request.tiles  # that will come
        self._seen = 0  # tiles
        self._seconds: list[float] = []  # of the reference, for each batch
        self._per_tile = math.inf  # the least of the reference's seconds
        self._known: Verdict | None = None  # of an earlier run, or of this one's trial
        self._rival = candidate.name
        self._spent = 0.0  # seconds of earlier processes
        self._fresh = False  # whether this run's first tile has been seen
        self._folds = len(request.modules)

    @property
    def name(self) -> str:
        """The backend that runs the tiles now."""
        return str(getattr(self._chosen or self._reference, "name", "torch"))

    @property
    def reason(self) -> str:
        """Why the tiles run in this backend and not in the other one, in words; empty while nothing is decided."""
        verdict = self._known
        if verdict is None or self._chosen is None:
            return ""
        if self._chosen is not self._reference:
            return f"{verdict.gain:.1f} times as fast as {getattr(self._reference, 'name', 'torch')} here, same labels"
        return f"{self._rival} was tried: {verdict.note}" if verdict.note else self.note.rstrip(".")

    @property
    def passes(self) -> int:
        """Forward passes per tile."""
        return self._reference.passes

    def expect(self, tiles: int) -> None:
        """Another run begins, of that many tiles; what is known from those before it stays known."""
        self._tiles, self._seen, self._fresh = tiles, 0, False

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """See Backend."""
        if not self._key:
            self._open(tiles)
        if not self._fresh:
            self._fresh = True
            self._recall(tiles)
        if self._chosen is not None:
            return self._run_chosen(tiles)
        first = self._seen == 0
        started = time.perf_counter()
        logits = self._reference.predict(tiles)
        self._seconds.append(time.perf_counter() - started)
        self._per_tile = min(self._per_tile, self._seconds[-1] / tiles.shape[0])
        self._seen += tiles.shape[0]
        if self._is_time(tiles):
            self._try(tiles, logits)
        elif first:
            self._note_spending(tiles)
        return logits

    # -- a verdict of an earlier run --------------------------------------------------------------------------------

    def _open(self, tiles: torch.Tensor) -> None:
        """Looks the verdict up, at the first tile. How many tiles come at once does not count, but whether several."""
        several = "several" if self._request.batch > 1 else "one"
        size = "x".join(map(str, tiles.shape[1:]))
        threads = torch.get_num_threads()
        owner = self._request.cache_key or f"memory-{id(self._request.modules[0])}"
        self._key = f"{machine_key()}/{threads}/{owner}/{several}/{size}/{self._reference.passes}"
        if self._request.cache_key:
            self._known, self._spent = self._book.find(self._key), self._book.spent(self._key)

    def _recall(self, tiles: torch.Tensor) -> None:
        """Follows a verdict of an earlier run, where one is known and that pays within this run."""
        verdict = self._known
        if verdict is None or self._chosen is not None:
            return
        if not verdict.is_better:
            log.debug("torch is kept: %s", verdict.note)
            self._choose(self._reference)
            return
        assert self._candidate is not None
        quick = self._candidate.stored(tiles.shape)
        setup = _EXPECTED_LOADING * self._folds if quick else verdict.setup_seconds
        gain = (verdict.reference_seconds - verdict.seconds) * max(self._remaining, tiles.shape[0])
        if gain > setup:
            self._choose(self._candidate)

    def _run_chosen(self, tiles: torch.Tensor) -> torch.Tensor:
        assert self._chosen is not None
        if self._chosen is self._reference:
            return self._reference.predict(tiles)
        try:
            return self._chosen.predict(tiles)
        except Exception as error:  # whatever a foreign runtime raises, torch can still do the work
            log.warning("%s failed, so torch goes on: %s", self.name, error)
            self.note = f"{self.name} failed, so the rest ran in torch, which is slower ({type(error).__name__})."
            self._choose(self._reference)
            return self._reference.predict(tiles)

    # -- the trial --------------------------------------------------------------------------------------------------

    def _is_time(self, tiles: torch.Tensor) -> bool:
        """Whether a trial now is expected to pay."""
        if self._candidate is None:
            return False
        if len(self._seconds) == 1 and self._seconds[0] < _WARM:
            return False  # the first one tells little, and a single tile is done by now
        least = self._per_tile * tiles.shape[0]
        cost = _EXPECTED_SETUP * self._folds + least * (1 - _EXPECTED_GAIN)
        past = self._spent + sum(self._seconds)
        return _EXPECTED_GAIN * self._per_tile * self._remaining > cost or _EXPECTED_GAIN * past > cost

    @property
    def _remaining(self) -> int:
        """Tiles still to come, as far as known."""
        return max(self._tiles - self._seen, 0)

    def _note_spending(self, tiles: torch.Tensor) -> None:
        seconds = self._seconds[-1] * (1 + self._remaining / tiles.shape[0])
        if self._request.cache_key and seconds > 1:
            self._book.add_spent(self._key, seconds)

    def _try(self, tiles: torch.Tensor, logits: torch.Tensor) -> None:
        candidate, self._candidate = self._candidate, None
        assert candidate is not None
        try:
            verdict = self._verdict(candidate, tiles, logits)
        except Exception as error:  # a foreign runtime may raise anything; torch goes on
            log.info("%s cannot run this network, so torch goes on: %s", candidate.name, error)
            verdict = Verdict(agrees=False, note=f"failed: {type(error).__name__}")
        self._known = verdict
        if self._request.cache_key:
            size = " x ".join(map(str, reversed(tiles.shape[2:])))
            title, threads = self._request.title, torch.get_num_threads()
            self._book.record(self._key, replace(verdict, model=title, tile=size, threads=threads))
        better = verdict.is_better
        log.info("%s against torch: %s", candidate.name, verdict)
        self._choose(candidate if better else self._reference)

    def _verdict(self, candidate: Candidate, tiles: torch.Tensor, logits: torch.Tensor) -> Verdict:
        started = time.perf_counter()
        candidate.compile(tiles.shape)
        ready = time.perf_counter()
        other = candidate.predict(tiles)
        seconds = time.perf_counter() - ready
        verdict = Verdict(
            agrees=True,
            difference=difference(logits, other),
            reference_seconds=self._per_tile,
            seconds=seconds / tiles.shape[0],
            setup_seconds=ready - started,
        )
        if not verdict.difference <= LARGEST_DIFFERENCE:
            return replace(verdict, agrees=False, note=f"its answer differs by {verdict.difference:.1e}")
        activation = self._request.activation
        if activation and (same := agreement(logits, other, activation)) < LEAST_AGREEMENT:
            return replace(verdict, agrees=False, note=f"only {same:.5%} of the voxels have the same label")
        if not verdict.is_better:
            # The first run took memory and started threads; it is judged by a second one.
            ready = time.perf_counter()
            candidate.predict(tiles)
            verdict = replace(verdict, seconds=(time.perf_counter() - ready) / tiles.shape[0])
        return verdict if verdict.is_better else replace(verdict, note="it is not quicker")

    def _choose(self, backend: Backend) -> None:
        self._chosen = backend
        self._candidate = None
