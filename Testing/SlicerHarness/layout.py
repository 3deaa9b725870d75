"""The layout manager without a window: real slice and view nodes with their real logics, nothing on a screen."""

from __future__ import annotations

import slicer_core
import vtk

from . import dump
from .strictobject import StrictObject, stored

SLICES = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}


class SliceWidget(StrictObject, table=dump.class_table("qMRMLSliceWidget")):
    """One slice view: its node and its logic."""

    def __init__(self, logic):
        super().__init__()
        self._logic = logic

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToAll()


class ThreeDView(StrictObject, table=dump.class_table("qMRMLThreeDView")):
    """The 3D view of the layout, by its node."""

    def __init__(self, node):
        super().__init__()
        self._node = node

    def mrmlViewNode(self):
        return self._node

    def resetFocalPoint(self) -> None:
        """Nothing is on a screen."""

    def resetCamera(self, *_) -> None:
        """Nothing is on a screen."""

    def rotateToViewAxis(self, _axis: int) -> None:
        """Nothing is on a screen."""


class ThreeDWidget(StrictObject, table=dump.class_table("qMRMLThreeDWidget")):
    """Holds the 3D view."""

    def __init__(self, node):
        super().__init__()
        self._view = ThreeDView(node)

    def threeDView(self):
        return self._view

    def mrmlViewNode(self):
        return self._view.mrmlViewNode()


class LayoutManager(StrictObject, table=dump.names_table("layoutManager")):
    """Three slice views and one 3D view. Their nodes survive closing the scene, as in Slicer."""

    layout = stored("layout", 4)

    def __init__(self, scene, application_logic):
        import qt

        super().__init__()
        self._slices = {name: _slice_logic(scene, application_logic, name) for name in SLICES}
        logics = vtk.vtkCollection()
        for logic in self._slices.values():
            logics.AddItem(logic)
        application_logic.SetSliceLogics(logics)
        self._view_node = slicer_core.vtkMRMLViewNode()
        self._view_node.SetSingletonTag("1")
        self._view_node.SetName("View1")
        scene.AddNode(self._view_node)
        self._viewport = qt.QWidget()

    def viewport(self):
        return self._viewport

    def setLayout(self, layout: int) -> None:
        self.layout = layout

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self._slices)

    def sliceWidget(self, name: str):
        return SliceWidget(self._slices[name]) if name in self._slices else None

    @property
    def threeDViewCount(self) -> int:
        return 1

    def threeDWidget(self, _index=0):
        return ThreeDWidget(self._view_node)

    def resetThreeDViews(self) -> None:
        """Nothing is on a screen."""

    def resetSliceViews(self) -> None:
        for logic in self._slices.values():
            logic.FitSliceToAll()

    def setRenderPaused(self, _paused: bool) -> None:
        """Nothing renders."""


def _slice_logic(scene, application_logic, name: str):
    logic = slicer_core.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(application_logic)
    logic.SetMRMLScene(scene)
    node = logic.AddSliceNode(name)
    node.SetOrientation(SLICES[name])
    return logic
