"""How large each segment is and where it lies."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ...geometry import Box, Geometry, Triple
from ...labels import Label
from ...postprocessing.boxes import label_boxes
from ...volume import Segmentation
from ..units import SizeKind, normal_axis, size_kind
from .diameter import largest_distance


@dataclass(frozen=True)
class SegmentMeasures:
    """Sizes of one segment; all zero, and no centroid, when no voxel bears its label.

    Args:
        label: which segment.
        voxels: their number.
        volume_ml: number of voxels times a voxel's volume.
        extent_mm: length along the patient's axes: right-left, anterior-posterior, superior-inferior.
        diameter_mm: the largest distance between two points of the boundary (maximum Feret diameter).
        centroid: mean of the voxel centres, LPS mm.
        kind: what of this may be told. ``AREA``, for one slice: not the volume, nor the extent along ``normal``; both
            hang on a thickness that is often made up. ``PIXELS``, for a photograph: lengths are in pixels, extents and
            centroid along its columns and rows.
        area_mm2: of one slice, else None.
        normal: patient axis (0 right-left, 1 anterior-posterior, 2 superior-inferior) that one slice stands on most.
    """

    label: Label
    voxels: int
    volume_ml: float
    extent_mm: Triple
    diameter_mm: float
    centroid: Triple | None
    kind: SizeKind = SizeKind.VOLUME
    area_mm2: float | None = None
    normal: int | None = None


def measure(segmentation: Segmentation, image: Geometry | None = None) -> list[SegmentMeasures]:
    """Measures of every label of the table and of every further value that occurs, in the order of the values.

    The boundary is taken half-way between a voxel inside and its neighbour outside, so that a structure's length along
    a grid axis is its number of voxels times the spacing. On a grid that lies askew to the patient's axes the extent is
    right to within a voxel. In an image of one slice the diameter is measured within the slice.

    Args:
        image: the grid of the whole image, where the label map is a part that was cut out of it.
    """
    image = image or segmentation.geometry
    kind, axis = size_kind(image), normal_axis(image)
    if kind is SizeKind.PIXELS:
        segmentation = replace(segmentation, geometry=Geometry(segmentation.geometry.size))
    boxes = label_boxes(segmentation.voxels)
    values = sorted({label.value for label in segmentation.labels} | set(boxes))
    found = [_measure(segmentation, value, boxes.get(value)) for value in values]
    if axis is None:
        return found
    spacing, codes = segmentation.geometry.spacing, segmentation.geometry.axis_codes
    pixel = math.prod(length for n, length in enumerate(spacing) if n != axis)
    normal = next(n for n, pair in enumerate(("RL", "AP", "IS")) if codes[axis] in pair)
    area = None if kind is SizeKind.PIXELS else pixel
    return [
        replace(one, kind=kind, area_mm2=None if area is None else one.voxels * area, normal=normal) for one in found
    ]


def _measure(segmentation: Segmentation, value: int, box: Box | None) -> SegmentMeasures:
    label, geometry = segmentation.label(value), segmentation.geometry
    if box is None:
        return SegmentMeasures(label, 0, 0.0, (0.0, 0.0, 0.0), 0.0, None)
    mask = segmentation.voxels[box.slices] == value
    part = geometry.cropped(box)
    count = int(np.count_nonzero(mask))
    faces = [part.to_physical(points) for points in _boundary(mask)]
    every = np.concatenate(faces)
    within = [points for points, length in zip(faces, geometry.shape, strict=True) if length > 1] or faces
    low, high = every.min(axis=0), every.max(axis=0)
    return SegmentMeasures(
        label=label,
        voxels=count,
        volume_ml=count * math.prod(geometry.spacing) / 1000.0,
        extent_mm=_triple(high - low),
        diameter_mm=largest_distance(np.concatenate(within)),
        centroid=_centroid(mask, part),
    )


def _boundary(mask: np.ndarray) -> list[np.ndarray]:
    """For each array axis the outermost face centres of every line of voxels along it, as indices (i, j, k).

    Only these can be extreme in any direction; inner surfaces cannot.
    """
    faces = []
    for axis in range(3):
        occupied = mask.any(axis=axis)
        lines = np.argwhere(occupied).astype(float)
        first = mask.argmax(axis=axis)[occupied] - 0.5
        last = mask.shape[axis] - np.flip(mask, axis).argmax(axis=axis)[occupied] - 0.5
        ends = [np.insert(lines, axis, position, axis=1) for position in (first, last)]
        faces.append(np.concatenate(ends)[:, ::-1])
    return faces


def _centroid(mask: np.ndarray, geometry: Geometry) -> Triple:
    """Mean index along each axis, from the mask's projections, in LPS mm."""
    total = np.count_nonzero(mask)
    means = []
    for axis, length in enumerate(mask.shape):
        counts = np.count_nonzero(mask, axis=tuple(a for a in range(3) if a != axis))
        means.append(float(counts @ np.arange(length)) / total)
    return _triple(geometry.to_physical(np.array(means[::-1])))


def _triple(values: np.ndarray) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
