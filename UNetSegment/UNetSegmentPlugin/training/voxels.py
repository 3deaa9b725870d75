"""The voxels of a pair: the image as it is, and its segments as one label map on the image's grid.

Nothing in the scene is changed. Parent transforms count: what lies on top of each other in the views does so here.
"""

from collections.abc import Collection, Sequence

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import Label, Terminology
from UNetSegmentLib.volume import Segmentation, Volume

from ..scene import segments, volumes
from ..scene.segments import Found
from ..scene.volumes import transform_between
from .pairs import Pair

# Of a voxel.
_SAME = 0.01
_TERMS = "TerminologyEntry"


def key_of(name: str) -> str:
    """What the names of two segments must share to mean the same: case and spaces do not matter."""
    return " ".join(name.casefold().split())


def read_image(volume_node) -> Volume:
    """The image with all its channels: one of a grey image, three of a colour photograph.

    Raises:
        InputError: no voxels.
        GeometryError: axes that are not perpendicular.
    """
    if not volumes.is_vector(volume_node):
        return volumes.read_channel(volume_node)
    count = channels_of(volume_node)
    return volumes.read_colours(volume_node, count)


def channels_of(volume_node) -> int:
    """How many channels :func:`read_image` gives: transparency is none."""
    image = volume_node.GetImageData()
    count = image.GetNumberOfScalarComponents() if image is not None else 0
    return 3 if count == 4 else count


def segment_names(segmentation_node) -> dict[str, str]:
    """Name of each segment by its id, in the segmentation's order."""
    segmentation = segmentation_node.GetSegmentation()
    return {number: segmentation.GetSegment(number).GetName() for number in segmentation.GetSegmentIDs()}


def read_labels(pair: Pair, grid: Geometry, labels: Sequence[Label]) -> Segmentation:
    """The pair's segments that are called as one of ``labels``, with that label's value. Where segments overlap, the
    later one of the labels counts.

    Raises:
        InputError: none of them has a voxel inside the image.
    """
    values = {key_of(label.name): label.value for label in labels}
    names = segment_names(pair.segmentation)
    with_voxels = _with_voxels(pair.segmentation)
    found = segments.read_all(with_voxels)
    wanted = {number: values[key_of(name)] for number, name in names.items() if key_of(name) in values}
    voxels = np.zeros(grid.shape, np.uint8 if max(values.values()) <= 255 else np.uint16)
    for number, value in sorted(wanted.items(), key=lambda item: item[1]):
        if found.get(number) is not None:
            _paint(voxels, found[number], pair, grid, value)
    if not voxels.any():
        raise InputError(
            _("No segment of '{segmentation}' lies inside '{image}'.").format(
                segmentation=pair.segmentation.GetName(), image=pair.volume.GetName()
            ),
            _("Check that the two belong together, and their transforms."),
        )
    return Segmentation(voxels, grid, tuple(labels))


def overlaps(pair: Pair) -> bool:
    """Whether the boxes around the segmentation and the image touch, in the world. Quick; reads no voxels."""
    first, second = [0.0] * 6, [0.0] * 6
    pair.volume.GetRASBounds(first)
    pair.segmentation.GetRASBounds(second)
    if second[0] > second[1]:
        # No voxels at all, which is told elsewhere.
        return True
    return all(first[2 * n] < second[2 * n + 1] and second[2 * n] < first[2 * n + 1] for n in range(3))


def labels_of(pairs: Sequence[Pair], left_out: Collection[str] = ()) -> list[Label]:
    """One label for each name of a segment, in the order in which they first occur, with colours and terms."""
    found: dict[str, Label] = {}
    for pair in pairs:
        segmentation = pair.segmentation.GetSegmentation()
        for number, name in segment_names(pair.segmentation).items():
            key = key_of(name)
            if key in left_out or key in found:
                continue
            segment = segmentation.GetSegment(number)
            color = tuple(round(255 * part) for part in segment.GetColor())
            terms = Terminology.from_slicer_entry(segments.tag(segment, _TERMS))
            found[key] = Label(len(found) + 1, name, color, terms)
    return list(found.values())


def _with_voxels(segmentation_node):
    """The segmentation, or a copy of it with voxels where it has been made of surfaces alone."""
    segmentation = segmentation_node.GetSegmentation()
    if segmentation.ContainsRepresentation(segments.REPRESENTATION):
        return segmentation_node
    return _Copy(segmentation)


class _Copy:
    """Stands in for a segmentation node whose voxels are made for the training alone."""

    def __init__(self, segmentation) -> None:
        self._segmentation = slicer.vtkSegmentation()
        self._segmentation.DeepCopy(segmentation)
        self._segmentation.CreateRepresentation(segments.REPRESENTATION)

    def GetSegmentation(self):  # noqa: N802
        return self._segmentation


def _paint(voxels: np.ndarray, found: Found, pair: Pair, grid: Geometry, value: int) -> None:
    """Writes ``value`` where the segment is; what lies outside the image is cut off."""
    mask, own = found
    shift = _shift(pair, grid, own)
    if shift is None:
        voxels[_on_grid(found, pair, grid)] = value
        return
    start = np.maximum(shift, 0)
    stop = np.minimum(shift + mask.shape, voxels.shape)
    if (start < stop).all():
        there = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        here = tuple(slice(a, b) for a, b in zip(start - shift, stop - shift, strict=True))
        voxels[there][mask[here]] = value


def _shift(pair: Pair, grid: Geometry, own: Geometry) -> np.ndarray | None:
    """By how many voxels (z, y, x) the segment's box is moved against the image; None where their grids differ, as
    those of an edited segmentation mostly do not."""
    if pair.volume.GetTransformNodeID() != pair.segmentation.GetTransformNodeID():
        return None
    matrix = np.linalg.inv(grid.ras_matrix) @ own.ras_matrix
    shift = np.rint(matrix[:3, 3])
    far = max(grid.size)
    same = np.abs(matrix[:3, :3] - np.eye(3)).max() < _SAME / far and np.abs(matrix[:3, 3] - shift).max() < _SAME
    return shift[::-1].astype(int) if same else None


def _on_grid(found: Found, pair: Pair, grid: Geometry) -> np.ndarray:
    """A segment's voxels as a mask (z, y, x) of the image's grid, nearest neighbour."""
    mask, own = found
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(_image_of(mask))
    reslice.SetResliceTransform(_index_transform(pair, grid, own))
    reslice.SetInterpolationModeToNearestNeighbor()
    reslice.SetBackgroundLevel(0.0)
    reslice.SetOutputOrigin(0.0, 0.0, 0.0)
    reslice.SetOutputSpacing(1.0, 1.0, 1.0)
    reslice.SetOutputExtent(0, grid.size[0] - 1, 0, grid.size[1] - 1, 0, grid.size[2] - 1)
    reslice.Update()
    return vtk_to_numpy(reslice.GetOutput().GetPointData().GetScalars()).reshape(grid.shape) > 0


def _image_of(mask: np.ndarray):
    """A mask (z, y, x) as vtkImageData in index coordinates. A border of zeros keeps its edge from being drawn out."""
    padded = np.pad(mask.astype(np.uint8), 1)
    image = vtk.vtkImageData()
    image.SetExtent(-1, mask.shape[2], -1, mask.shape[1], -1, mask.shape[0])
    image.GetPointData().SetScalars(segments.numpy_to_vtk(padded.ravel(), deep=True))
    return image


def _index_transform(pair: Pair, grid: Geometry, own: Geometry):
    """Index coordinates of the image to those of the segment's box."""
    transform = vtk.vtkGeneralTransform()
    transform.PostMultiply()
    transform.Concatenate(slicer.util.vtkMatrixFromArray(grid.ras_matrix))
    transform.Concatenate(transform_between(pair.volume, pair.segmentation))
    transform.Concatenate(slicer.util.vtkMatrixFromArray(np.linalg.inv(own.ras_matrix)))
    return transform
