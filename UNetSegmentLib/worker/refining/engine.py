"""The worker's side of a correction: one session at a time, in a process that knows nothing of networks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np

from ...errors import InputError
from ...refinement import Change, Point, Session, Strokes
from ...refinement.change import nothing
from ...volume import Segmentation, Volume
from ..exchange.mapped import read_array
from ..protocol.arrays import ArrayFile, BoxLabels, BoxMask
from ..protocol.messages import Ready
from ..protocol.refine_messages import Refine, Refined, RefineEdit, RefineOpen, RefineStep
from ..serving.needs import broken_installation
from ..serving.refusing import RefusingEngine
from .values import edit_of, packed, packed_mask, unpacked

logger = logging.getLogger(__name__)

_LABEL_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16))


class Refiner:
    """The session of the client, and the requests that speak of it.

    Args:
        make: begins a session; None is the library's.
    """

    def __init__(self, make: Callable[..., Session] | None = None) -> None:
        self._make = make or Session
        self._session: Session | None = None
        self._number = 0

    def refine(self, request: Refine) -> Refined:
        """Carries a request out.

        Raises:
            InputError: what the session says of a bad prompt; a session that is not open.
            OutputError: the new labels cannot be handed over.
        """
        started = time.perf_counter()
        change = self._step(request)
        result = request.result if not isinstance(request, RefineOpen) else ""
        history, undone = self._session.counts if self._session else (0, 0)
        return Refined(
            id=request.id,
            labels=packed(change.box, change.labels, result),
            where=self._painted(request, change),
            remade=self._remade(request),
            voxels=change.voxels,
            reach=change.reach,
            notes=change.notes,
            history=history,
            undone=undone,
            seconds=time.perf_counter() - started,
        )

    def _painted(self, request: Refine, change: Change) -> BoxMask | None:
        if not isinstance(request, RefineEdit) or request.painted is None or request.where is not None:
            return None
        assert self._session is not None
        edit = self._session.history[-1]
        assert isinstance(edit, Strokes) and edit.painted is not None
        # Those that change nothing painted nothing, wherever that was.
        painted = edit.painted if not change.empty else np.zeros(change.box.shape, bool)
        return packed_mask(change.box, painted)

    def _remade(self, request: Refine) -> tuple[BoxLabels, ...]:
        if not isinstance(request, RefineStep) or request.number is None:
            return ()
        assert self._session is not None
        later = range(request.number, self._session.counts[0])
        return tuple(packed(*self._session.outcome(number)) for number in later)

    def _step(self, request: Refine) -> Change:
        if isinstance(request, RefineOpen):
            # The old one first, so that there never are two in memory.
            self._session = None
            self._session, self._number = open_session(request, self._make), request.id
            return _nothing()
        if isinstance(request, RefineStep) and request.step == "close":
            if request.session == self._number:
                self._session = None
            return _nothing()
        session = self._session
        if session is None or request.session != self._number:
            raise InputError("No correction is open under this number.", "Open the image and its labels again.")
        if isinstance(request, RefineEdit):
            edit = edit_of(request)
            if request.known is not None:
                return session.adopt(edit, request.known.box, unpacked(request.known))
            return session.add(edit)
        if request.step == "remove":
            assert request.number is not None
            return session.remove(request.number)
        return {"undo": session.undo, "redo": session.redo, "reset": session.reset}[request.step]()


class RefiningEngine(RefusingEngine):
    """See :class:`~UNetSegmentLib.worker.serving.server.Engine`; imports no torch."""

    refusal = (
        "This worker corrects masks; it runs no models.",
        "Ask a worker for models (started without 'refine').",
    )

    def __init__(self, refiner: Refiner | None = None) -> None:
        self._refiner = refiner or Refiner()

    def probe(self) -> Ready:
        """Imports what corrections compute with."""
        started = time.perf_counter()
        try:
            import scipy.ndimage

            _ = scipy.ndimage.label
        except Exception as error:
            return Ready(problem=broken_installation(error), seconds=time.perf_counter() - started)
        return Ready(seconds=time.perf_counter() - started)

    def warm_up(self) -> None:
        """A first prompt that nobody waits for: what methods import on first use is there then."""
        try:
            corner = np.indices((8, 8, 8)).sum(axis=0) > 10
            volume = Volume.from_array(corner.astype(np.float32), name="warm-up")
            session = Session(volume, None)
            session.add(Point((1.0, 1.0, 1.0)))
            session.add(Point((1.0, 1.0, 1.0), include=False))
        except Exception:
            # A real prompt will tell what is wrong, in its own words.
            logger.warning("The warm-up of the worker failed.", exc_info=True)

    def refine(self, request: Refine) -> Refined:
        """See :meth:`Refiner.refine`."""
        return self._refiner.refine(request)


def open_session(request: RefineOpen, make: Callable[..., Session] = Session) -> Session:
    """A session over the mapped files of a request.

    Raises:
        InputError: a file that cannot be read, labels of an odd type, or what the session says.
        GeometryError: arrays that do not lie on the image's grid.
    """
    geometry = request.image.geometry
    volume = Volume(read_array(request.image.array), geometry, request.image.name)
    segmentation = None
    if request.segmentation is not None:
        voxels = read_array(request.segmentation)
        if voxels.dtype not in _LABEL_TYPES:
            raise InputError(f"Labels of type {voxels.dtype} cannot be corrected.", "Send uint8 or uint16.")
        segmentation = Segmentation(voxels, request.grid or geometry)
    more = {} if request.reach is None else {"reach": request.reach}
    return make(
        volume,
        segmentation,
        request.label,
        probabilities=_mapped(request.probabilities),
        locked=request.locked,
        editable=_mapped(request.editable),
        **more,
    )


def _mapped(file: ArrayFile | None) -> np.ndarray | None:
    return None if file is None else read_array(file)


def _nothing() -> Change:
    return nothing(np.dtype(np.uint8))
