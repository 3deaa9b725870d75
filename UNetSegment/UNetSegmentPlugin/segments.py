"""Single segments: voxels in and out, who may write to them, and whether somebody changed them since."""

import zlib

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from UNetSegmentLib.geometry import Box, Geometry

from .volumes import geometry_from_ras

STATUS_TAG = "Segmentation.Status"
COMPLETED = "completed"


def image_of(mask: np.ndarray, geometry: Geometry):
    """A mask (z, y, x) on ``geometry`` as vtkOrientedImageData, cut to the box that its voxels fill.

    None when the mask is empty.
    """
    box = bounding_box(mask)
    if box is None:
        return None
    part = np.ascontiguousarray(mask[box.slices], dtype=np.uint8)
    image = slicer.vtkOrientedImageData()
    extent = [value for start, stop in zip(box.start[::-1], box.stop[::-1], strict=True) for value in (start, stop - 1)]
    image.SetExtent(*extent)
    # The scalars must outlive this function, hence a deep copy into VTK's own memory.
    image.GetPointData().SetScalars(numpy_to_vtk(part.ravel(), deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(geometry.ras_matrix))
    return image


def read(segmentation_node, segment_id: str):
    """Voxels of one segment: (mask (z, y, x) of the box that it fills, its geometry in the node's coordinates).

    None when the segment is empty.
    """
    image = slicer.vtkOrientedImageData()
    if not segmentation_node.GetBinaryLabelmapRepresentation(segment_id, image) or image.IsEmpty():
        return None
    size = image.GetDimensions()
    mask = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(size[::-1]) != 0
    box = bounding_box(mask)
    if box is None:
        return None
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    first = image.GetExtent()[::2]
    grid = geometry_from_ras(slicer.util.arrayFromVTKMatrix(matrix), size)
    return mask[box.slices], grid.cropped(box.shifted(first[::-1]))


def bounding_box(mask: np.ndarray) -> Box | None:
    """The smallest box around the non-zero voxels; None when there are none."""
    start, stop = [], []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if filled.size == 0:
            return None
        start.append(int(filled[0]))
        stop.append(int(filled[-1]) + 1)
    return Box(tuple(start), tuple(stop))


def digest(segmentation_node, segment_id: str) -> str:
    """A short text that changes when the segment's voxels do."""
    found = read(segmentation_node, segment_id)
    if found is None:
        return "empty"
    mask, geometry = found
    place = ",".join(f"{value:.3f}" for value in (*geometry.origin, *geometry.spacing))
    return f"{zlib.crc32(np.packbits(mask).tobytes(), zlib.crc32(place.encode())):08x}"


def tag(segment, name: str) -> str:
    """The value of a segment's tag, or an empty text."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def is_locked(segmentation_node, segment_id: str) -> bool:
    """Whether a segment is not ours to write: marked completed in the Segment Editor, or hidden by the user."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    if tag(segment, STATUS_TAG) == COMPLETED:
        return True
    display = segmentation_node.GetDisplayNode()
    return display is not None and not display.GetSegmentVisibility(segment_id)
