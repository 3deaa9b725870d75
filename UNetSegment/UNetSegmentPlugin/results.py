"""A finished label map becomes segments: new ones, or merged into a segmentation that is already there.

Whatever the policy, segments that the run does not concern keep every voxel, also where they overlap; segments that are
completed or hidden by the user are left alone; and the state before is saved for undo first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation

from . import provenance, segments
from .volumes import geometry_of, transform_between

NEW, REPLACE, ADD, EMPTY = "new", "replace", "add", "empty"
POLICIES = (NEW, REPLACE, ADD, EMPTY)

_BINARY = "Binary labelmap"


@dataclass(frozen=True)
class Destination:
    """Where a result goes.

    Args:
        policy: ``new``: a new segmentation node. ``replace``: the segments of the same name get the new voxels in place
            of their own. ``add``: they get them on top of their own. ``empty``: on top, only where no segment is yet.
        segmentation: the node to merge into; unused with ``new``.
    """

    policy: str = NEW
    segmentation: object = None

    def problem(self) -> str:
        """Why nothing can be written there, or an empty text."""
        if self.policy not in POLICIES:
            return _("'{policy}' is no way to merge a result. Choose one of {known}.").format(
                policy=self.policy, known=", ".join(POLICIES)
            )
        if self.policy == NEW:
            return ""
        if self.segmentation is None:
            return _("Choose the segmentation that the result goes into.")
        source = self.segmentation.GetSegmentation()
        if source.GetNumberOfSegments() and source.GetSourceRepresentationName() != _BINARY:
            return _("'{name}' is made of surfaces, not of voxels. Choose another segmentation.").format(
                name=self.segmentation.GetName()
            )
        return ""


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        segmentation: the node.
        segment_ids: the segments that the run wrote, in the order of the labels.
        untouched: names of segments that would have been written but are completed or hidden.
    """

    segmentation: object
    segment_ids: tuple[str, ...]
    untouched: tuple[str, ...] = field(default=())


def write(
    result: Segmentation,
    volume_node,
    destination: Destination,
    run: provenance.Provenance,
    save_undo_state: Callable[[object], None],
) -> Written:
    """Writes ``result`` (on the grid of ``volume_node``) to the scene.

    Args:
        save_undo_state: called with the segmentation node before its segments change.

    Raises:
        InputError: the destination cannot take it.
    """
    problem = destination.problem()
    if problem:
        raise InputError(problem)
    node = _new_node(volume_node, run) if destination.policy == NEW else destination.segmentation
    save_undo_state(node)
    modified = node.StartModify()
    try:
        allowed = None if destination.policy != EMPTY else ~_occupied(node, volume_node, result.voxels.shape)
        written, untouched = [], []
        for label in result.labels:
            segment_id = _find_segment(node, label) or _add_segment(node, label)
            if segments.is_locked(node, segment_id):
                untouched.append(label.name)
                continue
            mask = result.mask(label.value)
            mask = mask if allowed is None else mask & allowed
            _write_mask(node, segment_id, mask, volume_node, destination.policy)
            provenance.mark_segment(node, segment_id, run)
            written.append(segment_id)
        provenance.mark_node(node, run)
    finally:
        node.EndModify(modified)
    return Written(node, tuple(written), tuple(untouched))


def _new_node(volume_node, run: provenance.Provenance):
    node = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLSegmentationNode", slicer.mrmlScene.GenerateUniqueName(f"{volume_node.GetName()} {run.model_title}")
    )
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    _file_beside(node, volume_node)
    return node


def _file_beside(node, volume_node) -> None:
    """Puts ``node`` into the subject-hierarchy folder (or study) of ``volume_node``."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return
    item, source = hierarchy.GetItemByDataNode(node), hierarchy.GetItemByDataNode(volume_node)
    if item and source:
        hierarchy.SetItemParent(item, hierarchy.GetItemParent(source))


def _find_segment(node, label: Label) -> str:
    return node.GetSegmentation().GetSegmentIdBySegmentName(label.name)


def _add_segment(node, label: Label) -> str:
    color = [channel / 255.0 for channel in label.color]
    segment_id = node.GetSegmentation().AddEmptySegment("", label.name, color)
    if label.terminology is not None:
        node.GetSegmentation().GetSegment(segment_id).SetTerminology(label.terminology.slicer_entry())
    return segment_id


def _write_mask(node, segment_id: str, mask: np.ndarray, volume_node, policy: str) -> None:
    image = segments.image_of(mask, geometry_of(volume_node))
    if image is None:
        if policy in (NEW, REPLACE):
            slicer.vtkSlicerSegmentationsModuleLogic.ClearSegment(node, segment_id)
        return
    image = _in_frame_of(node, image, volume_node)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    mode = logic.MODE_REPLACE if policy in (NEW, REPLACE) else logic.MODE_MERGE_MASK
    if not logic.SetBinaryLabelmapToSegment(image, node, segment_id, mode):
        raise InputError(
            _("The segment could not be written to '{name}'.").format(name=node.GetName()),
            _("Choose a new segmentation."),
        )


def _in_frame_of(node, image, volume_node):
    """``image`` as it lies in the segmentation's coordinates and on its voxel grid, when that differs."""
    if node.GetTransformNodeID() != volume_node.GetTransformNodeID():
        slicer.vtkOrientedImageDataResample.TransformOrientedImage(image, transform_between(volume_node, node))
    grid = _grid_of(node)
    if grid is None or slicer.vtkOrientedImageDataResample.DoGeometriesMatch(grid, image):
        return image
    fitted = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(image, grid, fitted, False, True)
    return fitted


def _grid_of(node):
    """The voxel grid that the node's segments share, None while there are no voxels in it."""
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        grid = slicer.vtkOrientedImageData()
        if node.GetBinaryLabelmapRepresentation(segment_id, grid) and not grid.IsEmpty():
            return grid
    return None


def _occupied(node, volume_node, shape: tuple[int, ...]) -> np.ndarray:
    """Voxels (z, y, x) of the volume that any segment holds already."""
    frame, occupied = _frame_of(volume_node), np.zeros(shape, bool)
    resampler = slicer.vtkOrientedImageDataResample
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        image, placed = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
        if not node.GetBinaryLabelmapRepresentation(segment_id, image) or image.IsEmpty():
            continue
        if node.GetTransformNodeID() != volume_node.GetTransformNodeID():
            resampler.TransformOrientedImage(image, transform_between(node, volume_node))
        if resampler.ResampleOrientedImageToReferenceOrientedImage(image, frame, placed):
            occupied |= vtk_to_numpy(placed.GetPointData().GetScalars()).reshape(shape) != 0
    return occupied


def _frame_of(volume_node):
    """The volume's whole grid as an oriented image without voxels."""
    frame = slicer.vtkOrientedImageData()
    frame.SetDimensions(volume_node.GetImageData().GetDimensions())
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    frame.SetGeometryFromImageToWorldMatrix(matrix)
    return frame
