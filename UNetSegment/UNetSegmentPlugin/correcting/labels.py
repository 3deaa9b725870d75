"""A segment and its neighbours as one label map on the image's grid, which is what a session works on."""

import numpy as np
import slicer

from UNetSegmentLib.geometry import Box, Geometry

from ..scene import segments, volumes
from .target import Target

OWN, LOCKED, OTHERS = 1, 2, 3
"""The segment itself, what must not change, and the first of the values of segments that would lose voxels to it."""

SHARED = 255
"""The last value, which all segments beyond it have."""


def values(target: Target, overwrite: int) -> dict[str, int]:
    """What each other segment counts as, by its ID; segments that may overlap with this one are left out.

    Args:
        overwrite: of the editor node (``vtkMRMLSegmentEditorNode.OverwriteAllSegments`` and so on).
    """
    kinds = slicer.vtkMRMLSegmentEditorNode
    if overwrite == kinds.OverwriteNone:
        return {}
    found: dict[str, int] = {}
    display = target.segmentation.GetDisplayNode()
    segmentation = target.segmentation.GetSegmentation()
    free = OTHERS
    for segment_id in segmentation.GetSegmentIDs():
        if segment_id == target.segment_id:
            continue
        completed = segments.tag(segmentation.GetSegment(segment_id), segments.STATUS_TAG) == segments.COMPLETED
        hidden = display is not None and not display.GetSegmentVisibility(segment_id)
        if hidden and overwrite == kinds.OverwriteVisibleSegments:
            continue
        if completed or hidden:
            found[segment_id] = LOCKED
        else:
            found[segment_id] = free
            free = min(free + 1, SHARED)
    return found


def read(target: Target, overwrite: int, box: Box | None = None) -> np.ndarray:
    """uint8 (z, y, x) of a box of the image, of the whole image by default."""
    grid = volumes.geometry_of(target.volume)
    box = Box.whole(grid.shape) if box is None else box
    labels = np.zeros(box.shape, np.uint8)
    for found in (values(target, overwrite), {target.segment_id: OWN}):
        _paint(labels, box, grid, target, found)
    return labels


def _paint(labels: np.ndarray, box: Box, grid: Geometry, target: Target, found: dict[str, int]) -> None:
    """Writes the segments ``found`` into ``labels``; a label map that several share costs one look."""
    layers: dict[str, tuple] = {}
    for segment_id, value in found.items():
        stored = segments.layer_of(target.segmentation, segment_id)
        if stored is not None:
            layers.setdefault(stored.GetAddressAsString(""), (stored, {}))[1][segment_id] = value
    for stored, held in layers.values():
        part, place = _part(stored, target, grid, box)
        if part is None:
            continue
        table = np.zeros(int(part.max(initial=0)) + 1, np.uint8)
        for segment_id, value in held.items():
            number = target.segmentation.GetSegmentation().GetSegment(segment_id).GetLabelValue()
            if number < len(table):
                table[number] = value
        new = table[part]
        there = labels[place.relative_to(box).slices]
        there[new > 0] = new[new > 0]


def _part(stored, target: Target, grid: Geometry, box: Box) -> tuple[np.ndarray | None, Box]:
    """What a label map holds of a box of the image's grid: numbers (z, y, x), and the box that they fill; None where it
    has nothing."""
    voxels, own_grid = segments.voxels_of(stored)
    offset = _offset(own_grid, grid) if target.is_aligned else None
    if offset is None:
        return _resampled(stored, target, grid, box), box
    place = Box.whole(own_grid.shape).shifted(offset)
    common = place.intersect(box)
    if common.empty:
        return None, common
    return voxels[common.relative_to(place).slices], common


def _resampled(stored, target: Target, grid: Geometry, box: Box) -> np.ndarray:
    """The nearest numbers, through the transforms of both."""
    reference, found = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
    reference.SetExtent(*segments.extent_of(box))
    reference.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(grid.ras_matrix))
    transform = volumes.transform_between(target.segmentation, target.volume)
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        stored, reference, found, False, False, transform
    )
    return segments.voxels_of(found)[0]


def is_same_lattice(one: Geometry, two: Geometry) -> bool:
    """Whether the voxels of two grids, however far they reach, are the same ones."""
    return _offset(one, two) is not None


def _offset(own: Geometry, grid: Geometry) -> tuple[int, int, int] | None:
    """Where the first voxel of one grid lies in another (z, y, x); None when the voxels of both are not the same."""
    same = np.allclose(own.spacing, grid.spacing, rtol=1e-4) and np.allclose(own.direction, grid.direction, atol=1e-4)
    if not same:
        return None
    exact = grid.to_index(np.asarray(own.origin))
    i, j, k = (int(n) for n in np.round(exact))
    return (k, j, i) if np.abs(exact - (i, j, k)).max() < 1e-2 else None


def stamp(target: Target, overwrite: int) -> tuple:
    """What changes when the label map that :func:`read` makes may have."""
    segmentation, display = target.segmentation.GetSegmentation(), target.segmentation.GetDisplayNode()
    found: list = [overwrite, target.is_aligned]
    if not target.is_aligned:
        found += [node.GetTransformToWorldMTime() for node in _transforms(target)]
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        stored = segments.layer_of(target.segmentation, segment_id)
        found.append((
            *(segment_id, segment.GetLabelValue(), segments.tag(segment, segments.STATUS_TAG)),
            display is None or bool(display.GetSegmentVisibility(segment_id)),
            None if stored is None else (stored.GetAddressAsString(""), stored.GetMTime()),
        ))  # fmt: skip
    return tuple(found)


def _transforms(target: Target) -> list:
    nodes = (target.segmentation.GetParentTransformNode(), target.volume.GetParentTransformNode())
    return [node for node in nodes if node is not None]


def difference(one: np.ndarray, two: np.ndarray) -> Box | None:
    """The smallest box in which two label maps of one shape differ; None when they do not."""
    return segments.bounding_box(one != two)
