"""What the module's tests need in both worlds: in the harness under pytest, and inside a real Slicer.

Test files here are unittest cases that use ``slicer``, ``qt``, ``vtk`` and this module, nothing else of pytest or
of the harness. Subclass ``SlicerTestCase``: it clears the scene, keeps the settings, and fails on errors in slots.
"""

from __future__ import annotations

import sys
import time
import traceback
import unittest
from collections.abc import Callable
from pathlib import Path

import numpy as np
import qt
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

MODULE = "UNetSegment"
REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"


def in_harness() -> bool:
    """Say whether this is the harness rather than a real Slicer."""
    return "SlicerHarness" in sys.modules


def process_events() -> None:
    slicer.app.processEvents()


def wait_until(predicate: Callable[[], bool], timeout: float = 30.0, what: str = "") -> None:
    """Run the event loop until ``predicate()`` holds; fail after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s in vain for {what or predicate}")
        slicer.app.processEvents()
        time.sleep(0.005)


def wait(seconds: float) -> None:
    """Run the event loop for a while."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, timeout=seconds + 10)
    # What came due while this machine halted.
    slicer.app.processEvents()


def press_key(widget, key: str, focus=None) -> None:
    """Press a key (``Ctrl+Return``) with the focus on ``focus``, or on a button of ``widget``. In the harness only:
    Slicer's Python has no QTest."""
    from PySide6 import QtGui, QtTest, QtWidgets
    from SlicerHarness.strictness.strict import raw

    window = raw(raw(widget).window())
    window.show()
    window.activateWindow()
    focus = focus or next(child for child in raw(widget).findChildren(QtWidgets.QPushButton) if raw(child).isVisible())
    raw(focus).setFocus()
    process_events()
    combination = QtGui.QKeySequence(key)[0]
    QtTest.QTest.keyClick(focus, combination.key(), combination.keyboardModifiers())
    process_events()


def choose_node(selector, node) -> None:
    """Choose a node in a selector, as a user does."""
    selector.setCurrentNode(node)
    selector.nodeActivated.emit(node)


def panel():
    """Return the Python widget of the module, as a user's script would get it."""
    return slicer.util.getModuleWidget(MODULE)


def logic():
    return slicer.util.getModuleLogic(MODULE)


def enter() -> None:
    """Show the module's panel: Slicer calls the widget's ``enter``."""
    slicer.util.getModule(MODULE).widgetRepresentation().enter()


def leave() -> None:
    slicer.util.getModule(MODULE).widgetRepresentation().exit()


def add_volume(array, ijk_to_ras=None, name: str = "Volume", class_name: str = "vtkMRMLScalarVolumeNode"):
    """Add a volume node holding ``array`` (slice, row, column) with a 4 x 4 matrix from voxel to RAS millimetres."""
    node = slicer.util.addVolumeFromArray(np.ascontiguousarray(array), name=name, nodeClassName=class_name)
    if ijk_to_ras is not None:
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.asarray(ijk_to_ras, dtype=float)))
    return node


def ijk_to_ras(spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), rotation=None):
    """Return a voxel-to-RAS matrix from spacing, RAS origin and a 3 x 3 matrix of axis directions."""
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3) if rotation is None else np.asarray(rotation, dtype=float)) @ np.diag(spacing)
    matrix[:3, 3] = origin
    return matrix


def add_transform(matrix, *children, name: str = "Transform"):
    """Add a linear transform node (4 x 4, to parent) and put nodes under it."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.asarray(matrix, dtype=float)))
    for child in children:
        child.SetAndObserveTransformNodeID(node.GetID())
    return node


def segment_centroid_world(segmentation, segment_id: str):
    """Return the centroid of a segment's voxels in world RAS, parent transforms included."""
    image = slicer.vtkOrientedImageData()
    segmentation.GetBinaryLabelmapRepresentation(segment_id, image)
    dims, extent = image.GetDimensions(), image.GetExtent()
    scalars = vtk_to_numpy(image.GetPointData().GetScalars())
    k, j, i = np.nonzero(scalars.reshape(dims[2], dims[1], dims[0]))
    to_world = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(to_world)
    voxel = np.array([i.mean() + extent[0], j.mean() + extent[2], k.mean() + extent[4], 1.0])
    ras = slicer.util.arrayFromVTKMatrix(to_world) @ voxel
    return _to_world(segmentation, ras[:3])


def _to_world(node, point):
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(node.GetParentTransformNode(), None, transform)
    return np.array(transform.TransformPoint(point))


class SlicerTestCase(unittest.TestCase):
    """A clean scene for each test, the user's settings put back, errors in slots and observers reported."""

    def setUp(self) -> None:
        self._errors: list[str] = []
        self._hook = sys.excepthook
        sys.excepthook = self._record
        self.addCleanup(self._check_errors)
        settings = qt.QSettings()
        before = {key: settings.value(key) for key in settings.allKeys()}
        self.addCleanup(self._restore_settings, before)
        slicer.mrmlScene.Clear(0)
        self.addCleanup(slicer.mrmlScene.Clear, 0)

    def _record(self, kind, value, trace) -> None:
        self._errors.append("".join(traceback.format_exception(kind, value, trace)))

    def _check_errors(self) -> None:
        slicer.app.processEvents()
        sys.excepthook = self._hook
        if self._errors:
            self.fail("errors outside the test's own calls:\n" + "\n".join(self._errors))

    @staticmethod
    def _restore_settings(before: dict) -> None:
        settings = qt.QSettings()
        for key in settings.allKeys():
            if key not in before:
                settings.remove(key)
        for key, value in before.items():
            settings.setValue(key, value)
