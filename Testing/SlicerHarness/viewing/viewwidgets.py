"""Slice views and 3D views: real nodes, logics, interactors and renderers in widgets that show nothing."""

from __future__ import annotations

import slicer_core
from PySide6 import QtWidgets

from ..strictness import dump
from ..strictness.strict import qt_class, raw
from ..widgets.mrmlwidgets import qMRMLWidget
from .screen import Screen, VtkWidget

SIZE = (400, 300)
"""Pixels of a view."""


MANAGERS = ("vtkMRMLModelDisplayableManager", "vtkMRMLSegmentationsDisplayableManager3D")


def _screen_part(name: str, read):
    def ask(self):
        return read(self._screen)

    ask.__name__ = name
    return ask


_PARTS = {
    "interactor": _screen_part("interactor", lambda screen: screen.interactor),
    "interactorStyle": _screen_part("interactorStyle", lambda screen: screen.style),
    "renderWindow": _screen_part("renderWindow", lambda screen: screen.window),
    "scheduleRender": _screen_part("scheduleRender", lambda screen: screen.schedule()),
    "forceRender": _screen_part("forceRender", lambda screen: screen.render()),
}


def _fill(view) -> None:
    """Give a view its VTK side and the widget that takes keys."""
    view._screen = Screen()
    view._vtk = VtkWidget(view)
    view._vtk._screen = view._screen
    layout = QtWidgets.QVBoxLayout(view)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(view._vtk)
    raw(view).setFixedSize(*SIZE)


class qMRMLSliceView(qt_class("QWidget"), kind="standin", table=dump.class_table("qMRMLSliceView")):
    """The picture of a slice."""

    interactor = _PARTS["interactor"]
    interactorStyle = _PARTS["interactorStyle"]
    sliceViewInteractorStyle = _PARTS["interactorStyle"]
    renderWindow = _PARTS["renderWindow"]
    scheduleRender = _PARTS["scheduleRender"]
    forceRender = _PARTS["forceRender"]

    def __init__(self, parent):
        super().__init__(parent)
        self._logic = None
        _fill(self)

    def VTKWidget(self):
        return self._vtk

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()


class qMRMLSliceWidget(qMRMLWidget, kind="standin", table=dump.class_table("qMRMLSliceWidget")):
    """One slice view: its node and its logic."""

    def __init__(self, logic, parent):
        super().__init__(parent)
        self._logic = logic
        self._view = qMRMLSliceView(self)
        self._view._logic = logic
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)
        logic.GetSliceNode().SetDimensions(*SIZE, 1)

    def sliceLogic(self):
        return self._logic

    def sliceView(self):
        return self._view

    def interactorStyle(self):
        return self._view.interactorStyle()

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    mrmlAbstractViewNode = mrmlSliceNode

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToAll()


class qMRMLThreeDView(qt_class("QWidget"), kind="standin", table=dump.class_table("qMRMLThreeDView")):
    """The picture of the surfaces."""

    interactor = _PARTS["interactor"]
    interactorStyle = _PARTS["interactorStyle"]
    renderWindow = _PARTS["renderWindow"]
    scheduleRender = _PARTS["scheduleRender"]
    forceRender = _PARTS["forceRender"]

    def __init__(self, node, parent):
        super().__init__(parent)
        self._node = node
        self._group = None
        _fill(self)

    def VTKWidget(self):
        return self._vtk

    def mrmlViewNode(self):
        return self._node

    def displayableManagerByClassName(self, name: str):
        """Real ones, made when somebody asks: they follow every change of the scene."""
        import slicer

        if self._group is None:
            self._screen.window.SetSize(*SIZE)
            self._group = slicer_core.vtkMRMLDisplayableManagerGroup()
            self._group.SetRenderer(self._screen.renderer)
            for kind in MANAGERS:
                manager = getattr(slicer_core, kind)()
                manager.SetMRMLApplicationLogic(slicer.app.applicationLogic())
                self._group.AddDisplayableManager(manager)
            self._group.SetMRMLDisplayableNode(self._node)
        return self._group.GetDisplayableManagerByClassName(name)

    def _end(self) -> None:
        """Lets the managers go, which would not outlive Python."""
        if self._group is not None:
            self._group.SetMRMLDisplayableNode(None)
            self._group.SetRenderer(None)
            self._group = None

    def resetFocalPoint(self) -> None:
        """Nothing is on a screen."""

    def resetCamera(self, *_) -> None:
        """Nothing is on a screen."""

    def rotateToViewAxis(self, _axis: int) -> None:
        """Nothing is on a screen."""


class qMRMLThreeDWidget(qMRMLWidget, kind="standin", table=dump.class_table("qMRMLThreeDWidget")):
    """Holds the 3D view."""

    def __init__(self, node, parent):
        super().__init__(parent)
        self._view = qMRMLThreeDView(node, self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)

    def threeDView(self):
        return self._view

    def mrmlViewNode(self):
        return self._view.mrmlViewNode()
