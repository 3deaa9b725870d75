"""The layout manager: real slice and view nodes with their real logics, in widgets that show nothing."""

from __future__ import annotations

import slicer_core
import vtk
from PySide6 import QtWidgets

from ..strictness import dump
from ..strictness.strictobject import PlainSignal, StrictObject
from .viewwidgets import qMRMLSliceWidget, qMRMLThreeDWidget

SLICES = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}


class LayoutManager(StrictObject, table=dump.names_table("layoutManager")):
    """Three slice views and one 3D view. Their nodes survive closing the scene, as in Slicer."""

    def __init__(self, scene, application_logic):
        import qt

        super().__init__()
        self._signals["layoutChanged"] = PlainSignal()
        self._slices = {name: _slice_logic(scene, application_logic, name) for name in SLICES}
        logics = vtk.vtkCollection()
        for logic in self._slices.values():
            logics.AddItem(logic)
        application_logic.SetSliceLogics(logics)
        self._logics = logics
        self._view_node = slicer_core.vtkMRMLViewNode()
        self._view_node.SetSingletonTag("1")
        self._view_node.SetName("View1")
        scene.AddNode(self._view_node)
        self._viewport = qt.QWidget()
        self._arrangement = 4
        self._slice_widgets = {name: qMRMLSliceWidget(logic, self._viewport) for name, logic in self._slices.items()}
        self._three_d = qMRMLThreeDWidget(self._view_node, self._viewport)
        grid = QtWidgets.QGridLayout(self._viewport)
        grid.setContentsMargins(0, 0, 0, 0)
        for index, widget in enumerate((*self._slice_widgets.values(), self._three_d)):
            grid.addWidget(widget, index // 2, index % 2)

    def mrmlSliceLogics(self):
        return self._logics

    def viewport(self):
        return self._viewport

    def setLayout(self, layout: int) -> None:
        if layout != self._arrangement:
            self._arrangement = layout
            self.layoutChanged.emit(layout)

    layout = property(lambda self: self._arrangement, setLayout)

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self._slices)

    def sliceWidget(self, name: str):
        return self._slice_widgets.get(name)

    @property
    def threeDViewCount(self) -> int:
        return 1

    def threeDWidget(self, _index=0):
        return self._three_d

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
