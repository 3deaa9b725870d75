"""An editor on an image and a segmentation with two segments, and where to find things on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
import vtk

import support

SOURCE = Path(__file__).parent / "effects" / "SegmentEditorHarnessEffect.py"
SHAPE = (6, 20, 30)


class Desk:
    """An image, a segmentation with two segments, an editor on both."""

    def __init__(self, name="Harness"):
        self.volume = support.add_volume(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE))
        self.segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        self.segmentation.CreateDefaultDisplayNodes()
        self.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        for segment in ("a", "b"):
            self.segmentation.GetSegmentation().AddEmptySegment(segment, segment.upper(), [1, 0, 0])
        self.editor = slicer.qMRMLSegmentEditorWidget()
        self.editor.setMRMLScene(slicer.mrmlScene)
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        self.editor.setMRMLSegmentEditorNode(self.node)
        self.editor.setSegmentationNode(self.segmentation)
        self.editor.setSourceVolumeNode(self.volume)
        self.editor.setActiveEffectByName(name)
        self.effect = self.editor.effectByName(name)
        slicer.util.setSliceViewerLayers(background=self.volume, fit=True)

    def array(self, segment="a"):
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.segmentation, segment, self.volume)

    def put(self, extent, mode, segment=None, **_):
        """Write a block of ones through the effect, with masks."""
        self.effect.modifySelectedSegmentByLabelmap(block(self.volume, extent), mode)


def block(volume, extent):
    """A label map of ones (i0, i1, j0, j1, k0, k1)."""
    image = slicer.vtkOrientedImageData()
    image.SetExtent(*extent)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(1)
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    image.SetGeometryFromImageToWorldMatrix(matrix)
    return image


def red():
    return slicer.app.layoutManager().sliceWidget("Red")


def yellow():
    return slicer.app.layoutManager().sliceWidget("Yellow")


def events(heard) -> list[str]:
    return [entry[2] for entry in heard if entry[1] == "event"]


def methods(heard) -> list[str]:
    return [entry[1] for entry in heard]
