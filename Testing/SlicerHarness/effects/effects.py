"""What every effect of the Segment Editor can ask of the editor and of its views."""

from __future__ import annotations

import vtk
from PySide6 import QtWidgets

from ..strictness import dump
from ..strictness.strict import qt_class, raw, to_python
from ..strictness.strictobject import StrictObject, stored

BUILT_IN = (
    *("Paint", "Erase", "Scissors", "Draw", "Fill between slices", "Grow from seeds", "Hollow", "Islands"),
    *("Level tracing", "Logical operators", "Margin", "Mask volume", "Smoothing", "Threshold"),
)


_TABLE = dump.class_table("qSlicerSegmentEditorAbstractEffect")


class qSlicerSegmentEditorAbstractEffect(StrictObject, table=_TABLE):
    """What effects can ask of the editor and of its views."""

    ModificationModeSet, ModificationModeAdd, ModificationModeRemove, ModificationModeRemoveAll = range(4)
    NotConfirmed, ConfirmedWithoutDialog, ConfirmedWithDialog = range(3)
    title = stored("title", "")
    name = stored("name", "")
    perSegment = stored("perSegment", True)
    requireSegments = stored("requireSegments", True)
    showEffectCursorInSliceView = stored("showEffectCursorInSliceView", True)
    showEffectCursorInThreeDView = stored("showEffectCursorInThreeDView", False)

    def __init__(self, name: str = "", editor=None):
        super().__init__()
        self.name = self.title = name
        self._editor = editor
        self._active = False
        self._frame = qt_class("QFrame")()
        self._form = qt_class("QFormLayout")(self._frame)

    def active(self) -> bool:
        return self._active

    def scene(self):
        return self._editor.mrmlScene() if self._editor is not None else None

    # -- options -----------------------------------------------------------------------------------------------------

    def optionsFrame(self):
        return self._frame

    def optionsLayout(self):
        return self._form

    def addOptionsWidget(self, widget) -> None:
        self._form.addRow(widget)

    def addLabeledOptionsWidget(self, label: str, widget):
        title = to_python(QtWidgets.QLabel(label))
        self._form.addRow(title, widget)
        return title

    # -- parameters: attributes of the editor node --------------------------------------------------------------------

    def parameterSetNode(self):
        return self._editor.mrmlSegmentEditorNode() if self._editor is not None else None

    def parameterDefined(self, name: str) -> bool:
        return self._defined(f"{self.name}.{name}")

    def commonParameterDefined(self, name: str) -> bool:
        return self._defined(name)

    def parameter(self, name: str) -> str:
        """Its own value, or the one that all effects share."""
        node = self.parameterSetNode()
        own = node.GetAttribute(f"{self.name}.{name}")
        return own if own is not None else (node.GetAttribute(name) or "")

    def integerParameter(self, name: str) -> int:
        return int(self.parameter(name) or 0)

    def doubleParameter(self, name: str) -> float:
        return float(self.parameter(name) or 0)

    def setParameter(self, name: str, value) -> None:
        self.parameterSetNode().SetAttribute(f"{self.name}.{name}", str(value))

    def setParameterDefault(self, name: str, value) -> None:
        if not self.parameterDefined(name):
            self.setParameter(name, value)

    def setCommonParameter(self, name: str, value) -> None:
        self.parameterSetNode().SetAttribute(name, str(value))

    def setCommonParameterDefault(self, name: str, value) -> None:
        if not self.commonParameterDefined(name):
            self.setCommonParameter(name, value)

    def _defined(self, attribute: str) -> bool:
        node = self.parameterSetNode()
        return node is not None and node.GetAttribute(attribute) is not None

    # -- voxels --------------------------------------------------------------------------------------------------------

    def saveStateForUndo(self) -> None:
        self._editor.saveStateForUndo()

    def selectEffect(self, name: str) -> None:
        self._editor.setActiveEffectByName(name)

    def modifierLabelmap(self):
        return self._editor._logic.GetModifierLabelmap()

    def defaultModifierLabelmap(self):
        self._editor._logic.ResetModifierLabelmapToDefault()
        return self._editor._logic.GetModifierLabelmap()

    def maskLabelmap(self):
        return self._editor._logic.GetMaskLabelmap()

    def referenceGeometryImage(self):
        return self._editor._logic.GetReferenceGeometryImage()

    def sourceVolumeImageData(self):
        return self._editor._logic.GetAlignedSourceVolume()

    def selectedSegmentLabelmap(self):
        return self._editor._logic.GetSelectedSegmentLabelmap()

    def modifySelectedSegmentByLabelmap(self, labelmap, mode: int, *more) -> None:
        """``(labelmap, mode, [extent], bypassMasking)``, ``(labelmap, mode, bypassMasking)`` or neither."""
        node, segment_id = self._editor._logic.GetSegmentationNode(), self._editor.currentSegmentID()
        extent = list(more[0]) if more and isinstance(more[0], list | tuple) else None
        rest = more[1:] if extent is not None else more
        self._modify(node, segment_id, labelmap, mode, extent, bool(rest and rest[0]))

    def modifySegmentByLabelmap(self, node, segment_id: str, labelmap, mode: int, bypass=False) -> None:
        """PythonQt knows the overload without an extent only: a list is taken for ``bypassMasking``."""
        self._modify(node, segment_id, labelmap, mode, None, bool(bypass))

    def _modify(self, node, segment_id: str, labelmap, mode: int, extent, bypass: bool) -> None:
        logic = self._editor._logic
        modes = (
            *(logic.ModificationModeSet, logic.ModificationModeAdd),
            *(logic.ModificationModeRemove, logic.ModificationModeRemoveAll),
        )
        box = [extent] if extent is not None else []
        logic.ModifySegmentByLabelmap(node, segment_id, labelmap, modes[mode], *box, self.perSegment, bypass)

    def segmentationDisplayableInView(self, view_node) -> bool:
        return self._editor._logic.IsSegmentationDisplayableInView(view_node)

    # -- views ---------------------------------------------------------------------------------------------------------

    def viewNode(self, view):
        return view.mrmlSliceNode() if is_slice(view) else view.mrmlViewNode()

    def renderer(self, view):
        return screen_of(view).renderer

    def renderWindow(self, view):
        return screen_of(view).window

    def scheduleRender(self, view) -> None:
        screen_of(view).schedule()

    def forceRender(self, view) -> None:
        screen_of(view).render()

    def addActor2D(self, view, actor) -> None:
        self.renderer(view).AddViewProp(actor)

    def removeActor2D(self, view, actor) -> None:
        self.renderer(view).RemoveViewProp(actor)

    addActor3D, removeActor3D = addActor2D, removeActor2D

    def cursorOff(self, view) -> None:
        """Nobody sees the cursor."""

    def cursorOn(self, view) -> None:
        """Nobody sees the cursor."""

    def sliceSpacing(self, view) -> float:
        return self._editor._logic.GetSliceSpacing(_slice(view).mrmlSliceNode())

    def xyToRas(self, position, view):
        return _vector(_world(_slice(view).mrmlSliceNode(), _pair(position)))

    def xyzToRas(self, position, view):
        return _vector(_world(_slice(view).mrmlSliceNode(), coordinates(position)[:2]))

    def rasToXy(self, position, view):
        matrix = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(_slice(view).mrmlSliceNode().GetXYToRAS(), matrix)
        x, y, *_ = matrix.MultiplyPoint((*coordinates(position), 1.0))
        return qt_class("QPoint")(round(x), round(y))

    def xyToIjk(self, position, view, image, transform=None):
        return self.xyzToIjk(self._flat(position), view, image, transform)

    def xyzToIjk(self, position, view, image, transform=None):
        point = _world(_slice(view).mrmlSliceNode(), coordinates(position)[:2])
        if transform is not None:
            to_parent = vtk.vtkGeneralTransform()
            transform.GetTransformFromWorld(to_parent)
            point = to_parent.TransformPoint(point)
        matrix = vtk.vtkMatrix4x4()
        image.GetWorldToImageMatrix(matrix)
        return _vector([float(round(value)) for value in matrix.MultiplyPoint((*point, 1.0))[:3]])

    @staticmethod
    def _flat(position):
        return qt_class("QVector3D")(*_pair(position), 0)


def is_slice(view) -> bool:
    return view.className() == "qMRMLSliceWidget"


def _slice(view):
    if not is_slice(view):
        raise ValueError(f"Called with wrong arguments: {view.className()} is no slice view")
    return view


def screen_of(view):
    return (view.sliceView() if is_slice(view) else view.threeDView())._screen


def _pair(point) -> tuple[float, float]:
    return point.x(), point.y()


def coordinates(vector) -> tuple[float, float, float]:
    """Of a QVector3D, whose own methods the listing lacks."""
    return raw(vector).x(), raw(vector).y(), raw(vector).z()


def _vector(values):
    return qt_class("QVector3D")(*values[:3])


def _world(slice_node, position: tuple[float, float]) -> list[float]:
    return list(slice_node.GetXYToRAS().MultiplyPoint((*position, 0.0, 1.0))[:3])
