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
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.labels import Label
from UNetSegmentLib.postprocessing.boxes import label_boxes
from UNetSegmentLib.volume import Segmentation

from . import dicom, display, provenance, rollback, segments
from .volumes import is_slice, transform_between

NEW, REPLACE, ADD, EMPTY = "new", "replace", "add", "empty"
POLICIES = (NEW, REPLACE, ADD, EMPTY)


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
        if source.GetNumberOfSegments() and source.GetSourceRepresentationName() != segments.REPRESENTATION:
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
    """Writes ``result`` (on the grid of ``volume_node``) to the scene, as a whole: an error leaves the scene as it was.

    Args:
        save_undo_state: called with the segmentation node before its segments change.

    Raises:
        InputError: the destination cannot take it.
    """
    problem = destination.problem()
    if problem:
        raise InputError(problem)
    if destination.policy == NEW:
        with rollback.whole():
            return _write_new(result, volume_node, run, save_undo_state)
    node = destination.segmentation
    with rollback.whole(node):
        save_undo_state(node)
        return _merge(node, result, volume_node, destination.policy, run)


def _write_new(result: Segmentation, volume_node, run: provenance.Provenance, save_undo_state) -> Written:
    # What takes time and memory comes first, while nobody looks at the node yet.
    prepared = _prepared_segments(result, run)
    node = _new_node(volume_node, run.model_title)
    provenance.mark_node(node, run)
    save_undo_state(node)
    written = _add_segments(node, prepared)
    if is_slice(volume_node):
        for segment_id, label in zip(written, result.labels, strict=True):
            display.show_thin_as_film(node, segment_id, result.mask(label.value))
    return Written(node, tuple(written))


def _merge(node, result: Segmentation, volume_node, policy: str, run: provenance.Provenance) -> Written:
    """Writes segment by segment into what is there."""
    allowed = None if policy != EMPTY else ~_occupied(node, volume_node, result.voxels.shape)
    boxes = label_boxes(result.voxels)
    written, untouched = [], []
    modified = node.StartModify()
    try:
        for label in result.labels:
            segment_id = _find_segment(node, label) or _add_segment(node, label)
            if segments.is_locked(node, segment_id):
                untouched.append(label.name)
                continue
            box = boxes.get(label.value)
            image = _image_of_label(result, label.value, box, allowed) if box is not None else None
            _write_image(node, segment_id, image, volume_node, policy)
            written.append(segment_id)
    finally:
        node.EndModify(modified)
    provenance.mark_segments(node, written, run)
    provenance.mark_node(node, run)
    return Written(node, tuple(written), tuple(untouched))


def _prepared_segments(result: Segmentation, run: provenance.Provenance) -> list:
    """All labels (vtkSegment), sharing one label map: quick, and small in memory, for many labels too."""
    boxes = label_boxes(result.voxels)
    image = _image_of_all(result, list(boxes.values())) if boxes else slicer.vtkOrientedImageData()
    prepared = []
    for label in result.labels:
        segment = slicer.vtkSegment()
        segment.SetName(label.name)
        segment.SetColor([channel / 255.0 for channel in label.color])
        if label.terminology is not None:
            segment.SetTerminology(label.terminology.slicer_entry())
        segment.SetLabelValue(label.value)
        segment.AddRepresentation(segments.REPRESENTATION, image)
        box = boxes.get(label.value)
        found = (result.voxels[box.slices] == label.value, result.geometry.cropped(box)) if box else None
        provenance.mark_segment(segment, found, run)
        prepared.append(segment)
    return prepared


def _image_of_all(result: Segmentation, boxes: list[Box]):
    ends = [(box.start, box.stop) for box in boxes]
    whole = Box(
        tuple(min(start[axis] for start, _ in ends) for axis in range(3)),
        tuple(max(stop[axis] for _, stop in ends) for axis in range(3)),
    )
    return segments.oriented_image(result.voxels[whole.slices], result.geometry, whole)


def _add_segments(node, prepared: list) -> list[str]:
    """Adds segments that are ready; returns their IDs."""
    segmentation, written = node.GetSegmentation(), []
    modified = node.StartModify()
    try:
        for segment in prepared:
            written.append(segmentation.GenerateUniqueSegmentID(segment.GetName()))
            segmentation.AddSegment(segment, written[-1])
    finally:
        node.EndModify(modified)
    return written


def _image_of_label(result: Segmentation, value: int, box: Box, allowed: np.ndarray | None):
    mask = result.voxels[box.slices] == value
    if allowed is not None:
        mask &= allowed[box.slices]
    inner = segments.bounding_box(mask)
    if inner is None:
        return None
    return segments.oriented_image(mask[inner.slices].astype(np.uint8), result.geometry, inner.shifted(box.start))


def begin(volume_node):
    """A new segmentation of a volume, with one empty segment, to be drawn from nothing."""
    node = _new_node(volume_node, _("segmentation"))
    add_empty_segment(node)
    return node


def add_empty_segment(segmentation_node) -> str:
    """Returns the ID of the new segment."""
    segmentation = segmentation_node.GetSegmentation()
    return segmentation.AddEmptySegment("", _("Segment {number}").format(number=segmentation.GetNumberOfSegments() + 1))


def _new_node(volume_node, title: str):
    node = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLSegmentationNode", slicer.mrmlScene.GenerateUniqueName(f"{volume_node.GetName()} {title}")
    )
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    _file_beside(node, volume_node)
    return node


def _file_beside(node, volume_node) -> None:
    """Puts ``node`` into the subject-hierarchy folder (or study) of ``volume_node``, and notes the DICOM files that it
    is about, by which Slicer's DICOM export and the hierarchy know what belongs together."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return
    item, source = hierarchy.GetItemByDataNode(node), hierarchy.GetItemByDataNode(volume_node)
    if item and source:
        hierarchy.SetItemParent(item, hierarchy.GetItemParent(source))
        uids = dicom.instance_uids(volume_node)
        if uids:
            name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMReferencedInstanceUIDsAttributeName()
            hierarchy.SetItemAttribute(item, name, " ".join(uids))


def _find_segment(node, label: Label) -> str:
    return node.GetSegmentation().GetSegmentIdBySegmentName(label.name)


def _add_segment(node, label: Label) -> str:
    color = [channel / 255.0 for channel in label.color]
    segment_id = node.GetSegmentation().AddEmptySegment("", label.name, color)
    if label.terminology is not None:
        node.GetSegmentation().GetSegment(segment_id).SetTerminology(label.terminology.slicer_entry())
    return segment_id


def _write_image(node, segment_id: str, image, volume_node, policy: str) -> None:
    if image is None:
        if policy == REPLACE:
            slicer.vtkSlicerSegmentationsModuleLogic.ClearSegment(node, segment_id)
        return
    image = _in_frame_of(node, image, volume_node)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    mode = logic.MODE_REPLACE if policy == REPLACE else logic.MODE_MERGE_MASK
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
    layers = (segments.layer_of(node, segment_id) for segment_id in node.GetSegmentation().GetSegmentIDs())
    return next((layer for layer in layers if layer is not None), None)


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
