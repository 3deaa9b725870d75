"""Surfaces in 3D while a segment is corrected: a place on them, and not making them anew at each prompt."""

import qt
import slicer

SURFACE = "Closed surface"
_REST_MS = 700


def place_at(view, x: int, y: int):
    """RAS mm (world) of the segment's surface under a pixel of a 3D view; None where there is none."""
    manager = view.threeDView().displayableManagerByClassName("vtkMRMLModelDisplayableManager")
    if manager is None or not manager.Pick(x, y):
        return None
    # A model has an ID, a segment's surface has none.
    return None if manager.GetPickedNodeID() else tuple(manager.GetPickedRAS())


class Surfaces:
    """Takes surfaces away before an edit, which would make them anew within its call, and brings them back when the
    hand rests."""

    def __init__(self) -> None:
        self._waiting: list = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST_MS)
        self._timer.connect("timeout()", self.bring_back)

    def take_away(self, segmentation_node) -> None:
        """Before an edit."""
        if segmentation_node.GetSegmentation().ContainsRepresentation(SURFACE):
            segmentation_node.RemoveClosedSurfaceRepresentation()
            if segmentation_node not in self._waiting:
                self._waiting.append(segmentation_node)
        if self._waiting:
            self._timer.start()

    def bring_back(self) -> None:
        """Makes them anew, now."""
        self._timer.stop()
        nodes, self._waiting = self._waiting, []
        for node in nodes:
            if slicer.mrmlScene.IsNodePresent(node):
                node.CreateClosedSurfaceRepresentation()
