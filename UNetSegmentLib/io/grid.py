"""Placing a label map that covers part of a grid (as Slicer saves it) onto the whole grid, without interpolation."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from ..errors import GeometryError
from ..geometry import Box, Geometry
from ..text import shown
from ..volume import Segmentation

_TOLERANCE = 0.02


def place_on_grid(
    segmentation: Segmentation, geometry: Geometry, name: str = "The label map", target: str = "the image"
) -> Segmentation:
    """The same labels on ``geometry``, whose voxels must coincide with the label map's own.

    Axes may be permuted and flipped, and the label map may cover a part of the grid only; nothing is interpolated. A
    note says so where it covers another part: images of two patients may well share a corner and a spacing.

    Args:
        name, target: what to call the label map and the owner of the grid.

    Raises:
        GeometryError: the voxels do not coincide, or labels lie outside the grid.
    """
    placed = put_back(segmentation, geometry, name)
    if same_grid(segmentation.geometry, geometry):
        return placed
    note = (
        f"{shown(name)} covers another part than {shown(target)}: {_words(segmentation.geometry, geometry)} voxels, "
        f"not {_size(geometry)}; beyond it is background."
    )
    return placed if note in placed.notes else replace(placed, notes=(*placed.notes, note))


def put_back(segmentation: Segmentation, geometry: Geometry, name: str = "The label map") -> Segmentation:
    """As :func:`place_on_grid`, without a note: for what is known to be a part of this very grid.

    Raises:
        GeometryError: the voxels do not coincide, or labels lie outside the grid.
    """
    if segmentation.geometry.is_close(geometry):
        return replace(segmentation, geometry=geometry)
    turned, axis_map = segmentation.geometry.reoriented(geometry.axis_codes)
    start = _offset(turned, geometry)
    if start is None:
        raise GeometryError(
            f"{name} does not lie on the image's grid ({segmentation.geometry.difference(geometry)}).",
            "Resample it to the image's grid (nearest neighbour), or choose the image that it was drawn on.",
        )
    voxels = axis_map.apply(segmentation.voxels)
    own = Box.whole(turned.shape).shifted(start)
    common = own.intersect(Box.whole(geometry.shape))
    placed = np.zeros(geometry.shape, voxels.dtype)
    if not common.empty:
        placed[common.slices] = voxels[common.shifted([-n for n in start]).slices]
    if np.count_nonzero(placed) != np.count_nonzero(voxels):
        raise GeometryError(f"{name} has labels outside the image.", "Choose the image that it was drawn on.")
    return replace(segmentation, voxels=placed, geometry=geometry)


def same_grid(geometry: Geometry, target: Geometry) -> bool:
    """Whether two grids are the same voxels, though axes may be permuted and flipped."""
    turned = geometry.reoriented(target.axis_codes)[0]
    return turned.size == target.size and _offset(turned, target) == (0, 0, 0)


def slices_of(geometry: Geometry, target: Geometry) -> bool:
    """Whether a grid is some whole slices (along its own third axis) of another, as those of a SEG are that leaves out
    frames without labels."""
    turned = target.reoriented(geometry.axis_codes)[0]
    start = _offset(geometry, turned)
    if start is None or start[1:] != (0, 0) or geometry.size[:2] != turned.size[:2]:
        return False
    return 0 <= start[0] <= turned.size[2] - geometry.size[2]


def coincide(geometry: Geometry, target: Geometry) -> bool:
    """Whether the voxels of one grid are voxels of another, or of one that goes on beyond it."""
    return _offset(geometry.reoriented(target.axis_codes)[0], target) is not None


def joined(geometry: Geometry, other: Geometry) -> Geometry | None:
    """The grid of both, in the axes of the first; None where their voxels do not coincide."""
    turned = other.reoriented(geometry.axis_codes)[0]
    start = _offset(turned, geometry)
    if start is None:
        return None
    box = Box.whole(geometry.shape).joined(Box.whole(turned.shape).shifted(start))
    return geometry.cropped(box)


def _words(geometry: Geometry, target: Geometry) -> str:
    """The size of a grid in the axes of another, and where it begins in it unless at its first voxel."""
    turned = geometry.reoriented(target.axis_codes)[0]
    start = _offset(turned, target)
    if start is None or start == (0, 0, 0):
        return _size(turned)
    return f"{_size(turned)} (from voxel {', '.join(str(n) for n in reversed(start))} on)"


def _size(geometry: Geometry) -> str:
    return " x ".join(str(n) for n in geometry.size)


def _offset(geometry: Geometry, target: Geometry) -> tuple[int, int, int] | None:
    """Index (z, y, x) of the first voxel of ``geometry`` in ``target``; None when their voxels do not coincide."""
    # All eight: a grid that is turned about its diagonal keeps two of them in place.
    corners = np.array(list(itertools.product(*((0, n - 1) for n in geometry.size))))
    indices = target.to_index(geometry.to_physical(corners))
    first = np.round(indices[0])
    if np.abs(indices - (first + corners)).max() > _TOLERANCE:
        return None
    i, j, k = (int(v) for v in first)
    return k, j, i
