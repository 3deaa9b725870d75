"""Notices corrections of our segments by anybody, so that their DICOM tags tell the truth when Slicer exports them."""

from collections.abc import Callable

import qt
import slicer

from . import provenance

# Painting fires an event per stroke; reading all voxels may wait until the hand rests.
_SETTLE_MS = 400


class CorrectionWatch:
    """Follows segmentations for as long as they are in the scene, whichever module changes them.

    Args:
        settled: called with a node whose tags have been brought up to date after a change.
    """

    def __init__(self, settled: Callable[[object], None]) -> None:
        self._settled = settled
        self._followed: dict[object, list[tuple]] = {}
        self._due: list = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE_MS)
        self._timer.connect("timeout()", self._on_settled)

    def follow(self, node) -> None:
        """Begins with a segmentation node, unless it is followed already; forgets those that are gone."""
        for other in [other for other in self._followed if not slicer.mrmlScene.IsNodePresent(other)]:
            self._forget(other)
        segmentation = node.GetSegmentation()
        known = self._followed.get(node)
        # A scene that is loaded may give a node other segments.
        if known and known[0][0] is segmentation:
            return
        self._forget(node)
        events = (segmentation.SourceRepresentationModified, segmentation.SegmentAdded, segmentation.SegmentRemoved)
        self._followed[node] = [
            (segmentation, segmentation.AddObserver(event, lambda *_arguments: self._changed(node))) for event in events
        ]

    def follow_ours(self) -> None:
        """Begins with every segmentation of the scene that a run has written to."""
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            if provenance.made_by_us(node):
                self.follow(node)

    def stop(self) -> None:
        """Follows nothing any more."""
        self._timer.stop()
        self._due = []
        for node in list(self._followed):
            self._forget(node)

    def _forget(self, node) -> None:
        for segmentation, tag in self._followed.pop(node, ()):
            segmentation.RemoveObserver(tag)

    def _changed(self, node) -> None:
        if node not in self._due:
            self._due.append(node)
        self._timer.start()

    def _on_settled(self) -> None:
        due, self._due = self._due, []
        for node in due:
            if slicer.mrmlScene.IsNodePresent(node):
                provenance.mark_corrections(node)
                self._settled(node)
