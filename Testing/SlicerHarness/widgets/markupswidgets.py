"""Placing points and regions, and the button that shows a segmentation in 3D, over the real nodes."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from ..strictness import dump
from ..strictness.standins import kept
from ..strictness.strict import qt_class, raw, to_python
from ..toolkit.ctksliders import ctkSliderWidget
from ..toolkit.ctkwidgets import ctkCollapsibleButton
from .mrmlwidgets import qMRMLWidget


class qSlicerMarkupsPlaceWidget(qMRMLWidget, kind="standin", table=dump.class_table("qSlicerMarkupsPlaceWidget")):
    """Turns place mode on and off through the scene's own selection and interaction nodes."""

    activeMarkupsPlaceModeChanged = QtCore.Signal(bool)
    activeMarkupsFiducialPlaceModeChanged = QtCore.Signal(bool)
    placeMultipleMarkups = kept("placeMultipleMarkups", 0)
    placeModePersistency = kept("placeModePersistency", False)
    nodeColor = kept("nodeColor")
    defaultNodeColor = kept("defaultNodeColor")
    deleteAllControlPointsOptionVisible = kept("deleteAllControlPointsOptionVisible", True)
    deleteAllMarkupsOptionVisible = kept("deleteAllMarkupsOptionVisible", True)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._node = None
        self._place = QtWidgets.QToolButton(self)
        self._place.setText("Place")
        self._place.setCheckable(True)
        self._delete = QtWidgets.QToolButton(self)
        self._delete.setText("Delete")
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._place)
        layout.addWidget(self._delete)
        self._place.toggled.connect(self._on_placed)
        self._delete.clicked.connect(lambda _checked: self.deleteLastPoint())

    def currentNode(self):
        return self._node

    currentMarkupsNode = currentNode

    def setCurrentNode(self, node) -> None:
        self._node = node

    def selectionNode(self):
        import slicer

        return slicer.app.applicationLogic().GetSelectionNode()

    def interactionNode(self):
        import slicer

        return slicer.app.applicationLogic().GetInteractionNode()

    def _on_placed(self, on: bool) -> None:
        interaction = self.interactionNode()
        if on and self._node is not None:
            self.selectionNode().SetReferenceActivePlaceNodeClassName(self._node.GetClassName())
            self.selectionNode().SetActivePlaceNodeID(self._node.GetID())
            interaction.SetPlaceModePersistence(int(self.placeModePersistency))
        interaction.SetCurrentInteractionMode(interaction.Place if on else interaction.ViewTransform)
        self.activeMarkupsPlaceModeChanged.emit(on)
        self.activeMarkupsFiducialPlaceModeChanged.emit(on)

    def setPlaceModeEnabled(self, on: bool) -> None:
        raw(self._place).setChecked(on)

    placeModeEnabled = property(lambda self: raw(self._place).isChecked(), setPlaceModeEnabled)

    def setPlaceModePersistency(self, on: bool) -> None:
        self.placeModePersistency = on

    def setPlaceMultipleMarkups(self, option: int) -> None:
        self.placeMultipleMarkups = option

    def setDeleteAllControlPointsOptionVisible(self, shown: bool) -> None:
        self.deleteAllControlPointsOptionVisible = shown

    def setNodeColor(self, color) -> None:
        self.nodeColor = color

    def setDefaultNodeColor(self, color) -> None:
        self.defaultNodeColor = color

    def placeButton(self):
        return to_python(self._place)

    def deleteButton(self):
        return to_python(self._delete)

    def setButtonsVisible(self, shown: bool) -> None:
        for button in (self._place, self._delete):
            raw(button).setVisible(shown)

    buttonsVisible = property(lambda self: not raw(self._place).isHidden(), setButtonsVisible)

    def deleteLastPoint(self) -> None:
        if self._node is not None and self._node.GetNumberOfControlPoints():
            self._node.RemoveNthControlPoint(self._node.GetNumberOfControlPoints() - 1)

    def deleteAllPoints(self) -> None:
        if self._node is not None:
            self._node.RemoveAllControlPoints()


class qMRMLMarkupsROIWidget(qt_class("QWidget"), kind="standin", table=dump.class_table("qMRMLMarkupsROIWidget")):
    """Shows the region's visibility, no more."""

    displayClippingBoxChanged = QtCore.Signal(bool)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._node = None
        self._visible = QtWidgets.QCheckBox("Display ROI", self)
        QtWidgets.QVBoxLayout(self).addWidget(self._visible)
        self._visible.toggled.connect(self.setDisplayClippingBox)

    def setMRMLScene(self, scene) -> None:
        """The node brings its scene."""

    def setMRMLMarkupsNode(self, node) -> None:
        self._node = node
        self.updateWidgetFromMRML()

    def setDisplayClippingBox(self, shown: bool) -> None:
        if self._node is not None:
            self._node.SetDisplayVisibility(int(shown))
        self.displayClippingBoxChanged.emit(shown)

    def updateWidgetFromMRML(self) -> None:
        with QtCore.QSignalBlocker(self._visible):
            raw(self._visible).setChecked(self._node is not None and bool(self._node.GetDisplayVisibility()))


class qMRMLSegmentationShow3DButton(
    qt_class("QPushButton"), kind="standin", table=dump.class_table("qMRMLSegmentationShow3DButton")
):
    """Makes or removes the closed surfaces of a segmentation."""

    locked = kept("locked", False)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._node = None
        raw(self).setText("Show 3D")
        raw(self).setCheckable(True)
        raw(self).toggled.connect(self._on_toggled)

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node) -> None:
        self._node = node
        raw(self).setEnabled(node is not None)

    def setLocked(self, locked: bool) -> None:
        self.locked = locked

    def _on_toggled(self, shown: bool) -> None:
        if self._node is None or self.locked:
            return
        if shown:
            self._node.CreateClosedSurfaceRepresentation()
        else:
            self._node.RemoveClosedSurfaceRepresentation()


class qMRMLSliderWidget(ctkSliderWidget, kind="standin", table=dump.class_table("qMRMLSliderWidget")):
    """A ctkSliderWidget that could show units."""

    quantity = kept("quantity", "")
    unitAwareProperties = kept("unitAwareProperties", 0)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        self._scene = scene


class qMRMLCollapsibleButton(ctkCollapsibleButton, kind="standin", table=dump.class_table("qMRMLCollapsibleButton")):
    """A ctkCollapsibleButton that passes the scene on."""

    mrmlSceneChanged = QtCore.Signal(object)

    def setMRMLScene(self, scene) -> None:
        self.mrmlSceneChanged.emit(scene)
