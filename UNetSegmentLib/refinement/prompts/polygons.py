"""The voxels that a closed curve in a plane encloses.

A plane passes one voxel of every column along the grid's axis that it is steepest to; seen along that axis the curve is
a polygon among rows and columns of voxels. So the cost is the area's, whatever the plane, never the volume's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...geometry import Box, Geometry
from .lines import BORDER, ROUNDING

_MOST_CROSSINGS = 2_000_000


@dataclass(frozen=True)
class Plane:
    """A plane among voxels: ``slope`` (z, y, x) times an index is ``level``.

    Args:
        main: the array axis that it is steepest to.
        off: how far the farthest of the points lies from it, in voxels along that axis.
    """

    slope: np.ndarray
    level: float
    main: int
    off: float


def fitted(corners: np.ndarray, geometry: Geometry) -> Plane:
    """The plane that points (n, 3), continuous indices in array order, lie closest to in mm."""
    steps = (np.asarray(geometry.direction).reshape(3, 3) * np.asarray(geometry.spacing))[:, ::-1]
    middle = corners.mean(axis=0)
    offsets = corners - middle
    _, _, rows = np.linalg.svd(offsets @ steps.T, full_matrices=False)
    slope = steps.T @ rows[2]
    main = int(np.argmax(np.abs(slope)))
    slope = slope / slope[main]
    return Plane(slope, float(slope @ middle), main, float(np.abs(offsets @ slope).max()))


def enclosed(corners: np.ndarray, plane: Plane, geometry: Geometry) -> tuple[Box, np.ndarray] | None:
    """The voxels that a plane passes and whose centre a closed curve encloses, by the even-odd rule.

    Args:
        corners: (n, 3) continuous indices in array order, the last joined to the first.

    Returns:
        A tight box and a boolean array of its shape; None when it encloses no centre within the image.
    """
    rows, columns = (n for n in range(3) if n != plane.main)
    polygon = corners[:, (rows, columns)]
    limit = np.take(geometry.shape, (rows, columns))
    low = np.clip(np.floor(polygon.min(axis=0)), 0, limit).astype(int)
    high = np.clip(np.ceil(polygon.max(axis=0)) + 1, low, limit).astype(int)
    there = np.argwhere(_filled(polygon - low, (int(high[0] - low[0]), int(high[1] - low[1])))) + low
    depth = plane.level - there @ plane.slope[[rows, columns]]
    last = geometry.shape[plane.main] - 1
    within = (depth >= -0.5 - BORDER) & (depth <= last + 0.5 + BORDER)
    if not within.any():
        return None
    indices = np.empty((int(within.sum()), 3), np.int64)
    indices[:, (rows, columns)] = there[within]
    indices[:, plane.main] = np.clip(np.floor(depth[within] + 0.5 + ROUNDING), 0, last)
    start = indices.min(axis=0)
    inside = np.zeros(indices.max(axis=0) + 1 - start, bool)
    inside[tuple((indices - start).T)] = True
    (a, b, c), (d, e, f) = start.tolist(), (start + inside.shape).tolist()
    return Box((a, b, c), (d, e, f)), inside


def _filled(polygon: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The points of a grid of rows and columns within a closed polygon (n, 2), by the even-odd rule."""
    height, width = shape
    beside = np.roll(polygon, -1, axis=0)
    # Rows are numbered once for both ends of every edge, so that each row is crossed an even number of times.
    first, last = (np.clip(np.ceil(ends[:, 0] - ROUNDING), 0, height).astype(np.int64) for ends in (polygon, beside))
    counts = np.abs(last - first)
    crossings = np.zeros(height * width, np.int64)
    group = np.cumsum(counts) // _MOST_CROSSINGS
    for number in np.unique(group[counts > 0]):
        mine = np.flatnonzero((group == number) & (counts > 0))
        n = counts[mine]
        edge = np.repeat(mine, n)
        row = np.minimum(first, last)[edge] + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        (y, x), (y1, x1) = polygon[edge].T, beside[edge].T
        column = np.clip(np.ceil(x + (row - y) * (x1 - x) / (y1 - y) - ROUNDING), 0, width).astype(np.int64)
        crossings += np.bincount((row * width + column)[column < width], minlength=height * width)
    return np.asarray(np.cumsum(crossings.reshape(shape), axis=1) % 2 == 1)
