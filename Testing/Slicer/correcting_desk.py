"""What the tests of the effect "U-Net correct" work on: an image, a segmentation, an editor, and a mouse for the views.

The mouse sends what Slicer sends to the interactors of the views: the same in the harness and inside a real Slicer.
"""

from __future__ import annotations

import numpy as np
import slicer
import support
import vtk

NAME = "U-Net correct"
SHAPE = (20, 40, 48)
OBLIQUE = support.ijk_to_ras(
    spacing=(0.9, 1.1, 2.0),
    origin=(12.0, -30.0, 55.0),
    rotation=np.array(
        [[0.8, -0.6, 0.0], [0.6 * 0.96, 0.8 * 0.96, -0.28], [0.6 * 0.28, 0.8 * 0.28, 0.96]],
    ),
)
"""Voxel to RAS mm of an oblique grid, anisotropic as well."""
SHIFTED = np.array([[0.0, -1.0, 0.0, 7.0], [1.0, 0.0, 0.0, -4.0], [0.0, 0.0, 1.0, 11.0], [0.0, 0.0, 0.0, 1.0]])
"""A transform: turned and moved."""


_shared: list = []
"""The editor that desks share: its worker then starts once for all tests of a file."""


def forget_editor() -> None:
    """Call it in ``tearDownModule``: a widget that is kept until the end could take Slicer down."""
    while _shared:
        editor = _shared.pop()
        editor.effectByName(NAME).self().cleanup()
        editor.deleteLater()


class Desk:
    """An image with a bright block, a segmentation on it, an editor with the effect chosen.

    Args:
        matrix: voxel to RAS of the image.
        segments: their IDs.
        own_editor: a new one, with a worker of its own.
    """

    def __init__(
        self,
        matrix=OBLIQUE,
        segments=("a", "b"),
        array=None,
        class_name="vtkMRMLScalarVolumeNode",
        own_editor: bool = False,
    ) -> None:
        if array is None:
            array = np.zeros(SHAPE, np.int16)
            array[6:14, 12:28, 14:34] = 100
        self.volume = support.add_volume(array, matrix, "Image", class_name)
        self.segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Segmentation")
        self.segmentation.CreateDefaultDisplayNodes()
        self.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        for segment_id in segments:
            self.segmentation.GetSegmentation().AddEmptySegment(segment_id, segment_id.upper(), [1.0, 0.5, 0.0])
        self.own_editor = own_editor
        if own_editor or not _shared:
            self.editor = slicer.qMRMLSegmentEditorWidget()
            self.editor.setMRMLScene(slicer.mrmlScene)
        if not own_editor and not _shared:
            _shared.append(self.editor)
        elif not own_editor:
            self.editor = _shared[0]
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        self.editor.setMRMLSegmentEditorNode(self.node)
        self.editor.setSegmentationNode(self.segmentation)
        self.editor.setSourceVolumeNode(self.volume)
        self.editor.setActiveEffectByName(NAME)
        slicer.util.setSliceViewerLayers(background=self.volume, fit=True)

    @property
    def tool(self):
        """The CorrectEffect of the editor."""
        return self.editor.effectByName(NAME).self().tool

    @property
    def correction(self):
        return self.tool.correction

    def close(self) -> None:
        self.editor.setActiveEffect(None)
        self.editor.removeViewObservations()
        self.editor.setMRMLSegmentEditorNode(None)
        self.correction.close()
        self.tool.doubts.stop()
        if self.own_editor:
            self.tool.cleanup()
            self.editor.deleteLater()

    def settle(self, timeout: float = 60.0) -> None:
        """Until every answer is written."""
        support.process_events()
        support.wait_until(lambda: not self.correction.busy, timeout, "the answer to a prompt")
        support.process_events()

    def mask(self, segment_id: str = "a") -> np.ndarray:
        """A segment's voxels (z, y, x) on the image's grid."""
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.segmentation, segment_id, self.volume) != 0

    def put(self, mask, segment_id: str = "a") -> None:
        """Somebody else writes a segment."""
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            np.asarray(mask, np.uint8), self.segmentation, segment_id, self.volume
        )

    def choose(self, tool: str, include: bool = True) -> None:
        self.tool.choose_tool(tool)
        self.tool.choose_include(include)

    # -- where voxels are ----------------------------------------------------------------------------------------------

    def world(self, ijk) -> np.ndarray:
        """RAS mm of the world of a voxel, by the matrices alone."""
        matrix = vtk.vtkMatrix4x4()
        self.volume.GetIJKToRASMatrix(matrix)
        local = slicer.util.arrayFromVTKMatrix(matrix) @ [*ijk, 1.0]
        parent = self.volume.GetParentTransformNode()
        if parent is None:
            return local[:3]
        to_world = vtk.vtkMatrix4x4()
        parent.GetMatrixTransformToWorld(to_world)
        return (slicer.util.arrayFromVTKMatrix(to_world) @ local)[:3]

    def pixel(self, view, ijk) -> tuple[int, int]:
        """The pixel of a slice view that shows a voxel; the view is moved to its slice."""
        node = view.mrmlSliceNode()
        place = self.world(ijk)
        node.JumpSliceByOffsetting(*place)
        inverse = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(node.GetXYToRAS(), inverse)
        x, y, z, _one = inverse.MultiplyPoint((*place, 1.0))
        assert abs(z) < 1e-3, f"the slice misses the voxel by {z}"
        return round(x), round(y)

    def click(self, ijk, **modifiers) -> tuple[int, int, int]:
        """A point at a voxel of the red view, with its answer; returns the voxel (k, j, i) under it."""
        widget = view("Red")
        pixel = self.pixel(widget, ijk)
        click(widget, pixel, **modifiers)
        self.settle()
        return self.voxel_at(widget, pixel)

    def voxel_at(self, view, pixel) -> tuple[int, int, int]:
        """The voxel (k, j, i) under a pixel of a slice view, by the matrices alone."""
        place = view.mrmlSliceNode().GetXYToRAS().MultiplyPoint((*pixel, 0.0, 1.0))
        chain = [self._matrix(self.volume)]
        parent = self.volume.GetParentTransformNode()
        if parent is not None:
            to_world = vtk.vtkMatrix4x4()
            parent.GetMatrixTransformToWorld(to_world)
            chain.insert(0, slicer.util.arrayFromVTKMatrix(to_world))
        i, j, k = np.round(np.linalg.inv(np.linalg.multi_dot([*chain, np.eye(4)])) @ place)[:3].astype(int)
        return k, j, i

    @staticmethod
    def _matrix(volume) -> np.ndarray:
        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        return slicer.util.arrayFromVTKMatrix(matrix)


def view(name: str = "Red"):
    """A slice view's widget."""
    return slicer.app.layoutManager().sliceWidget(name)


def view_3d():
    return slicer.app.layoutManager().threeDWidget(0)


def interactor_of(widget):
    screen = widget.sliceView() if hasattr(widget, "sliceView") else widget.threeDView()
    return screen.interactorStyle().GetInteractor()


def drag(widget, pixels, control: bool = False, shift: bool = False, release: bool = True) -> None:
    """Press at the first pixel, move over the others, release at the last; every movement comes twice."""
    interactor = interactor_of(widget)

    def send(event: str, pixel) -> None:
        interactor.SetEventInformation(int(pixel[0]), int(pixel[1]), int(control), int(shift), "\0", 0, "")
        interactor.InvokeEvent(event)

    send("EnterEvent", pixels[0])
    send("MouseMoveEvent", pixels[0])
    send("MouseMoveEvent", pixels[0])
    send("LeftButtonPressEvent", pixels[0])
    for pixel in pixels[1:]:
        send("MouseMoveEvent", pixel)
        send("MouseMoveEvent", pixel)
    if release:
        send("LeftButtonReleaseEvent", pixels[-1])


def click(widget, pixel, **modifiers) -> None:
    drag(widget, [pixel], **modifiers)
