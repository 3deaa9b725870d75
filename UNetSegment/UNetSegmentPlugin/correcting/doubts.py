"""The doubtful places of a segment: looked for in a process of its own, then shown one after the other."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import OutputError, UNetSegmentError
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.labels import Label
from UNetSegmentLib.refinement import Kind, Looked, Reason, Review
from UNetSegmentLib.volume import Segmentation, Volume
from UNetSegmentLib.worker.reviewing import answer, ask, review_command
from UNetSegmentLib.worker.transport.launch import default_environment

from ..running.worker_process import QProcessTransport, python_executable
from ..scene import provenance, volumes
from . import labels
from .target import Target


class Doubts:
    """The list of one segment, and which of its places were looked at.

    Args:
        changed: called when :attr:`status`, :attr:`problem` or :attr:`left` may have changed.
        found: called with a place and its target when it is to be shown.
    """

    def __init__(self, changed: Callable[[], None], found: Callable) -> None:
        self.status = ""
        self.problem: UNetSegmentError | None = None
        self._changed, self._found = changed, found
        self._transport = QProcessTransport()
        self._folder: Path | None = None
        self._target: Target | None = None
        self._review: Review | None = None
        self._evidence: tuple = ()
        self._looked: list[tuple[Target, Looked]] = []
        self._wanted = False

    @property
    def searching(self) -> bool:
        """Whether the process looks for places."""
        return self._folder is not None

    def left(self, target: Target | None) -> int | None:
        """How many places of a segment nobody has looked at; None while nobody knows."""
        known = self._review is not None and target is not None and target.is_same(self._target)
        return self._review.left if known else None

    def next(self, target: Target, read: Callable[[], np.ndarray], image: Callable[[], Volume]) -> None:
        """Shows the next place of a segment: at once, or as soon as its list is there.

        Args:
            read: the segment as a label map of the image's grid (see :mod:`.labels`).
            image: the image.
        """
        self.problem = None
        if self.searching:
            self._wanted = self._wanted or target.is_same(self._target)
        elif self._review is not None and target.is_same(self._target) and _evidence_of(target) == self._evidence:
            self._show_next()
        else:
            self._wanted = True
            self._search(target, read(), image())
        self._changed()

    def edited(self, target: Target, box: Box, changed: np.ndarray) -> None:
        """Voxels were corrected: places there need no second look."""
        if self._review is not None and target.is_same(self._target):
            self._review.edited(box, changed)

    def stop(self) -> None:
        """Ends a search; the list is forgotten, what was looked at is not."""
        self._transport.terminate()
        self._clear_folder()
        self._review = self._target = None

    # -- the search ----------------------------------------------------------------------------------------------------

    def _search(self, target: Target, present: np.ndarray, volume: Volume) -> None:
        # With the other segments: doubt about their borders is not about this one.
        segmentation = Segmentation(present, volume.geometry, (Label(labels.OWN, target.segment.GetName()),))
        uncertainty = _uncertainty_on(target, volume)
        self._target, self._review, self._evidence = target, None, _evidence_of(target)
        self._folder = Path(tempfile.mkdtemp(prefix="unetsegment-review-"))
        try:
            ask(self._folder, segmentation, None if uncertainty is not None else volume, uncertainty, [labels.OWN])
        except OSError as error:
            self._clear_folder()
            raise OutputError(
                _("The image could not be handed over to the process that looks for doubtful places."),
                _("Make room on the disk for temporary files."),
                str(error),
            ) from error
        self.status = _("Looking for doubtful places ...")
        command = review_command(python_executable(), self._folder)
        self._transport.start(command, default_environment(), _ignore, _ignore, self._on_end)

    def _on_end(self, _status) -> None:
        if self._folder is None:
            return
        try:
            self._review = Review(answer(self._folder), self._looked_at(self._target))
        except UNetSegmentError as error:
            self.status, self.problem = "", error
            self._wanted = False
        finally:
            self._clear_folder()
        if self._review is not None:
            self.status = ""
            if self._wanted:
                self._show_next()
        self._changed()

    def _looked_at(self, target: Target) -> Looked:
        """What was looked at of a segment, in earlier lists too."""
        self._looked = [(known, looked) for known, looked in self._looked if known.present]
        for known, looked in self._looked:
            if known.is_same(target):
                return looked
        self._looked.append((target, Looked()))
        return self._looked[-1][1]

    def _show_next(self) -> None:
        self._wanted = False
        if not self._target.present:
            return
        place = self._review.next()
        if place is None:
            self.status = _("No doubtful place is left.")
            return
        left = self._review.left
        self.status = _("{what}. Places left: {count}.").format(
            what=description(place, self._target.segment.GetName()), count=left
        )
        self._found(place, self._target)

    def _clear_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def description(place, name: str) -> str:
    """What may be wrong at a place, and why it is thought so."""
    # Voxels of this segment that may be another's are too much here.
    kind = Kind.EXTRA if (place.kind, place.now) == (Kind.CONFUSED, labels.OWN) else place.kind
    said = {
        Kind.MISSING: _("{size} that may belong to '{name}'"),
        Kind.EXTRA: _("{size} that may not belong to '{name}'"),
        Kind.CONFUSED: _("{size} that may belong to '{name}'"),
        Kind.BORDER: _("{size} at the border of '{name}' that may lie elsewhere"),
    }[kind].format(size=place.size_words, name=name)
    why = {
        Reason.MODEL: _("the model is unsure"),
        Reason.MEMBERS: _("folds or mirrors of the model disagree"),
        Reason.INTENSITY: _("its brightness fits better there"),
        Reason.NO_EDGE: _("the image has no edge here"),
        Reason.ISLAND: _("it lies apart from the rest"),
        Reason.HOLE: _("it is a hole"),
        Reason.BRIDGE: _("it is a thin bridge between two parts"),
        Reason.SLICE: _("the slices beside it differ"),
    }[place.reason]
    return f"{said} ({why})"


def world_of(place, target: Target) -> tuple[float, float, float]:
    """RAS mm of the world of a place."""
    x, y, z = place.position
    return volumes.transform_between(target.volume, None).TransformPoint((-x, -y, z))


def jump_to(world) -> None:
    """Moves all slice views to a place (RAS mm of the world)."""
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        node.JumpSliceByCentering(*world)


def _evidence_of(target: Target) -> tuple:
    """What changes when a run has brought another uncertainty."""
    node = provenance.uncertainty_of(target.segmentation)
    image = node.GetImageData() if node is not None else None
    return (None,) if image is None else (node.GetID(), image.GetMTime())


def _uncertainty_on(target: Target, volume: Volume) -> np.ndarray | None:
    """The uncertainty of the model that made the segmentation, where it lies on the image's grid."""
    node = provenance.uncertainty_of(target.segmentation)
    if node is None or node.GetImageData() is None:
        return None
    channel = volumes.read_channel(node)
    return channel.voxels[0] if channel.geometry.is_close(volume.geometry) else None


def _ignore(_data: bytes) -> None:
    """The process tells nothing on its way."""
