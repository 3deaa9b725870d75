"""A write to the scene is whole, or nothing of it is left."""

from collections.abc import Iterator
from contextlib import contextmanager

import slicer
import vtk


@contextmanager
def whole(segmentation_node=None) -> Iterator[None]:
    """Takes back what the block did when it raises: nodes that were added go with all that belongs to them; segments
    and attributes of ``segmentation_node`` come back as they were. Singletons stay: they are settings, not results.
    """
    scene, added = slicer.mrmlScene, []

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def remember(caller, event, node) -> None:
        added.append(node)

    state = _State(segmentation_node) if segmentation_node is not None else None
    observer = scene.AddObserver(scene.NodeAddedEvent, remember)
    try:
        yield
    except BaseException:
        scene.RemoveObserver(observer)
        for node in reversed(added):
            if scene.IsNodePresent(node) and not node.GetSingletonTag():
                scene.RemoveNode(node)
        if state is not None:
            state.restore()
        raise
    finally:
        scene.RemoveObserver(observer)


class _State:
    """What a segmentation node was like. Costs no copy of its voxels: they are copied when they change, as for undo."""

    def __init__(self, node) -> None:
        self._node = node
        self._attributes = {name: node.GetAttribute(name) for name in node.GetAttributeNames()}
        self._history = slicer.vtkSegmentationHistory()
        self._history.SetSegmentation(node.GetSegmentation())
        self._history.SaveState()

    def restore(self) -> None:
        """Brings it back."""
        node = self._node
        modified = node.StartModify()
        try:
            self._history.RestorePreviousState()
            for name in node.GetAttributeNames():
                if name not in self._attributes:
                    node.RemoveAttribute(name)
            for name, value in self._attributes.items():
                node.SetAttribute(name, value)
        finally:
            node.EndModify(modified)
