"""The region to segment: a Markups ROI on one side, a box of voxels on the other."""

import itertools

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box

from .volumes import geometry_of, transform_between

ROI_NAME = "UNetSegment region"
_PLACED = "UNetSegment.PlacedRegion"
# The yellow of the module's icon.
_COLOR = (0.957, 0.769, 0.306)
_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
# Points a side on which a box is followed through a transform that may bend it.
_SAMPLES = 5


def box_of(roi_node, volume_node) -> Box:
    """The voxels of ``volume_node`` inside the ROI, array order (z, y, x). Parent transforms of both count.

    Its faces go to the nearest voxel faces: a box of 40 mm is 40 voxels of 1 mm wherever it lies, not 41, so that a
    region of the model's size is one tile.

    Raises:
        InputError: the ROI lies outside the volume.
    """
    points = _points_of(roi_node)
    to_volume = transform_between(None, volume_node)
    local = np.array([to_volume.TransformPoint(point) for point in points]) * _RAS_TO_LPS
    geometry = geometry_of(volume_node)
    indices = geometry.to_index(local)[:, ::-1]
    start = np.floor(indices.min(axis=0) + 0.5 + 1e-6).astype(int)
    stop = np.maximum(np.floor(indices.max(axis=0) + 0.5 + 1e-6).astype(int), start + 1)
    box = Box(tuple(map(int, start)), tuple(map(int, stop))).intersect(Box.whole(geometry.shape))
    if box.empty:
        raise InputError(
            _("The region '{region}' lies outside '{image}'.").format(
                region=roi_node.GetName(), image=volume_node.GetName()
            ),
            _("Move it onto the image, or place it anew."),
        )
    return box


def place(volume_node, size_mm, roi_node=None):
    """Puts an ROI of ``size_mm`` (x, y, z, or None for the whole volume) where the slice views meet.

    The ROI follows the volume's axes and parent transform and stays within the volume. ``roi_node`` is moved; without
    one, the ROI that an earlier call has made is; a new one is made only where there is neither. Returns the ROI node.
    """
    geometry = geometry_of(volume_node)
    extent = np.array(geometry.size) * np.array(geometry.spacing)
    size = extent if size_mm is None else np.minimum(_along_axes(size_mm, geometry), extent)
    return _put(volume_node, geometry, _within(geometry, _slice_crossing(volume_node), size), size, roi_node)


def place_on_slice(volume_node, roi_node=None):
    """Puts an ROI around the one slice (along k) that the slice views show; see :func:`place`."""
    geometry = geometry_of(volume_node)
    size = np.array(geometry.size) * np.array(geometry.spacing)
    size[2] = geometry.spacing[2]
    index = geometry.to_index(_within(geometry, _slice_crossing(volume_node), size))
    return _put(volume_node, geometry, geometry.to_physical([*index[:2], np.round(index[2])]), size, roi_node)


def dress(roi_node) -> None:
    """Shows an ROI as an outline in the module's colour: no fill and no name, which would cover the image."""
    roi_node.CreateDefaultDisplayNodes()
    display = roi_node.GetDisplayNode()
    display.SetColor(*_COLOR)
    display.SetSelectedColor(*_COLOR)
    display.SetActiveColor(*_COLOR)
    display.SetFillVisibility(False)
    display.SetOutlineVisibility(True)
    display.SetPropertiesLabelVisibility(False)
    display.SetPointLabelsVisibility(False)


def _put(volume_node, geometry, center, size, roi_node):
    """Moves an ROI, or a new one, to ``center`` (LPS) with ``size`` mm along i, j, k."""
    if roi_node is None:
        roi_node = _placed_before() or _new_roi()
    roi_node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    roi_node.SetAndObserveObjectToNodeMatrix(_object_matrix(geometry, center))
    roi_node.SetSize(*map(float, size))
    display = roi_node.GetDisplayNode()
    if display is not None:
        display.SetVisibility(True)
    return roi_node


def _placed_before():
    """The ROI that :func:`place` has made in this scene, also before it was saved and loaded again, or None."""
    placed = (node for node in slicer.util.getNodesByClass("vtkMRMLMarkupsROINode") if node.GetAttribute(_PLACED))
    return next(placed, None)


def _new_roi():
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", ROI_NAME)
    node.SetAttribute(_PLACED, "1")
    dress(node)
    return node


def _points_of(roi_node) -> list:
    """World RAS points spread over the ROI's box, its corners among them."""
    half = np.array(roi_node.GetSize()) / 2.0
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(roi_node.GetObjectToNodeMatrix())
    to_node = slicer.util.arrayFromVTKMatrix(matrix)
    to_world = transform_between(roi_node, None)
    steps = np.linspace(-1.0, 1.0, _SAMPLES)
    inner = (to_node @ np.array([*(half * step), 1.0]) for step in map(np.array, itertools.product(steps, repeat=3)))
    return [to_world.TransformPoint(point[:3]) for point in inner]


def _along_axes(size_mm, geometry) -> np.ndarray:
    """The patient's x, y, z extent, told along the index axes i, j, k that follow them most."""
    rows = ["LR", "PA", "SI"]
    return np.array([size_mm[next(n for n, pair in enumerate(rows) if code in pair)] for code in geometry.axis_codes])


def _slice_crossing(volume_node):
    """LPS point, in the volume's coordinates, where the three slice views meet; None when they don't."""
    normals, offsets = [], []
    for name in ("Red", "Yellow", "Green"):
        node = slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceNode{name}")
        if node is None:
            return None
        matrix = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())
        normals.append(matrix[:3, 2])
        offsets.append(matrix[:3, 2] @ matrix[:3, 3])
    if abs(np.linalg.det(normals)) < 1e-3:
        return None
    point = np.linalg.solve(normals, offsets)
    return np.array(transform_between(None, volume_node).TransformPoint(point)) * _RAS_TO_LPS


def _within(geometry, center, size) -> np.ndarray:
    """``center`` (LPS), moved as little as needed for a box of ``size`` mm along i, j, k to stay in the grid.

    The middle of the grid when there is no centre or it lies outside.
    """
    count, spacing = np.array(geometry.size), np.array(geometry.spacing)
    middle = (count - 1) / 2.0
    index = middle if center is None else geometry.to_index(center)
    if np.any(index < -0.5) or np.any(index > count - 0.5):
        index = middle
    half = np.array(size) / spacing / 2.0
    return geometry.to_physical(np.clip(index, np.minimum(half - 0.5, middle), np.maximum(count - 0.5 - half, middle)))


def _object_matrix(geometry, center) -> vtk.vtkMatrix4x4:
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(geometry.direction).reshape(3, 3) * _RAS_TO_LPS[:, None]
    if np.linalg.det(matrix[:3, :3]) < 0:
        # An ROI needs a right-handed frame; a box looks the same with one axis turned round.
        matrix[:3, 0] *= -1
    matrix[:3, 3] = center * _RAS_TO_LPS
    return slicer.util.vtkMatrixFromArray(matrix)
