"""Single segments: voxels in and out, who may write to them, and whether somebody changed them since."""

import zlib

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.postprocessing.boxes import label_boxes
from UNetSegmentLib.refinement.boxes import tight

from .volumes import geometry_from_ras

STATUS_TAG = "Segmentation.Status"
COMPLETED = "completed"


REPRESENTATION = "Binary labelmap"

Found = tuple[np.ndarray, Geometry]
"""A segment's voxels: a mask (z, y, x) of the box that it fills, and that box's grid in the node's coordinates."""


def image_of(mask: np.ndarray, geometry: Geometry):
    """A mask (z, y, x) on ``geometry`` as vtkOrientedImageData, cut to the box that its voxels fill.

    None when the mask is empty.
    """
    box = bounding_box(mask)
    return None if box is None else oriented_image(mask[box.slices].astype(np.uint8), geometry, box)


def oriented_image(part: np.ndarray, geometry: Geometry, box: Box):
    """Labels (z, y, x) that lie in ``box`` of the grid ``geometry`` as vtkOrientedImageData."""
    image = slicer.vtkOrientedImageData()
    image.SetExtent(*extent_of(box))
    # The scalars must outlive this function, hence a deep copy into VTK's own memory.
    scalars = numpy_to_vtk(np.ascontiguousarray(part).ravel(), deep=True)
    # What VTK calls them itself. Slicer's DICOM export takes a label map without an array of this name for empty.
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(geometry.ras_matrix))
    return image


def extent_of(box: Box) -> list[int]:
    """A box as VTK has it: first and last of i, j and k."""
    return [value for start, stop in zip(box.start[::-1], box.stop[::-1], strict=True) for value in (start, stop - 1)]


def read(segmentation_node, segment_id: str) -> Found | None:
    """Voxels of one segment; None when it is empty."""
    stored = layer_of(segmentation_node, segment_id)
    if stored is None:
        return None
    voxels, grid = voxels_of(stored)
    mask = voxels == segmentation_node.GetSegmentation().GetSegment(segment_id).GetLabelValue()
    box = bounding_box(mask)
    return None if box is None else (mask[box.slices], grid.cropped(box))


def read_all(segmentation_node) -> dict[str, Found | None]:
    """Voxels of every segment. Segments that share a label map, as many of them mostly do, cost one look at it."""
    segmentation = segmentation_node.GetSegmentation()
    layers: dict[str, tuple[np.ndarray, Geometry, dict[int, Box]]] = {}
    found: dict[str, Found | None] = {}
    for segment_id in segmentation.GetSegmentIDs():
        stored, value = layer_of(segmentation_node, segment_id), segmentation.GetSegment(segment_id).GetLabelValue()
        found[segment_id] = None
        if stored is None:
            continue
        key = stored.GetAddressAsString("")
        if key not in layers:
            voxels, grid = voxels_of(stored)
            layers[key] = voxels, grid, label_boxes(voxels.view(f"u{voxels.itemsize}"))
        voxels, grid, boxes = layers[key]
        if value in boxes:
            found[segment_id] = voxels[boxes[value].slices] == value, grid.cropped(boxes[value])
    return found


def layer_of(segmentation_node, segment_id: str):
    """The label map (vtkOrientedImageData) that holds a segment, perhaps among others; None when it has no voxels."""
    image = segmentation_node.GetSegmentation().GetSegment(segment_id).GetRepresentation(REPRESENTATION)
    return None if image is None or image.IsEmpty() else image


def voxels_of(image) -> tuple[np.ndarray, Geometry]:
    """A view of a label map's voxels (z, y, x), and their grid."""
    size = image.GetDimensions()
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    grid = geometry_from_ras(slicer.util.arrayFromVTKMatrix(matrix), size)
    # The matrix belongs to voxel (0, 0, 0), which may lie outside what is stored.
    first = image.GetExtent()[::2]
    origin = tuple(grid.to_physical(np.array(first, float)))
    grid = Geometry(grid.size, grid.spacing, origin, grid.direction)
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(size[::-1]), grid


def bounding_box(mask: np.ndarray) -> Box | None:
    """The smallest box around the non-zero voxels; None when there are none."""
    box = tight(mask != 0)
    return None if box.empty else box


def digest(found: Found | None) -> str:
    """A short text that changes when a segment's voxels do."""
    if found is None:
        return "empty"
    mask, geometry = found
    # Plus 0.0, so that a zero that came out negative reads the same.
    place = ",".join(f"{round(value, 3) + 0.0:.3f}" for value in (*geometry.origin, *geometry.spacing))
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
