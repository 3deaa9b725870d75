"""The voxels that a line passes, or that a brush drawn along it covers.

Coordinates are continuous indices in array order (z, y, x): voxel n spans n - 0.5 to n + 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...geometry import Box, Shape
from ..boxes import tight

ROUNDING = 1e-6
"""Voxels by which a coordinate on the border of two counts as the next one's."""

BORDER = 1e-3
"""Voxels by which a coordinate may lie outside the image and still count as its outermost voxel's."""

# Steps along a line, in voxels: short enough to pass through every voxel that it enters for more than a corner.
_STEP = 0.25
_MOST_STEPS = 500_000
_MOST_OF_BRUSH = 1_000_000
# The largest cubes, in voxels, that a brush is tried on at once.
_COARSEST = 16


def voxel_of(indices: np.ndarray, shape: Shape) -> np.ndarray:
    """The voxels (n, 3) that points (n, 3) within the image lie in; of two that share a border, the higher one."""
    return np.clip(np.floor(indices + 0.5 + ROUNDING), 0, np.subtract(shape, 1)).astype(np.int64)


def holds(indices: np.ndarray, shape: Shape) -> np.ndarray:
    """Which points (n, 3) lie in the image."""
    return np.asarray(np.all((indices >= -0.5 - BORDER) & (indices <= np.subtract(shape, 0.5) + BORDER), axis=1))


def passed(corners: np.ndarray, shape: Shape) -> tuple[Box, np.ndarray]:
    """The voxels that a polyline passes, each beside the next by a face, an edge or a corner.

    Args:
        corners: (n, 3), one or more.
        shape: of the image (z, y, x).

    Returns:
        A tight box and a boolean array of its shape; an empty box when the line does not meet the image.
    """
    starts, stops = _within(corners, np.zeros(3), shape)
    ends = voxel_of(np.concatenate([starts, stops]), shape)
    if not len(ends):
        return tight(np.zeros((0, 0, 0), bool)), np.zeros((0, 0, 0), bool)
    low = ends.min(axis=0)
    inside = np.zeros(ends.max(axis=0) + 1 - low, bool)
    for points in _along(starts, stops, _STEP):
        inside[tuple((voxel_of(points, shape) - low).T)] = True
    (a, b, c), (d, e, f) = low.tolist(), (low + inside.shape).tolist()
    return Box((a, b, c), (d, e, f)), inside


def brushed(corners: np.ndarray, radius: float, shape: Shape, spacing: np.ndarray) -> tuple[Box, np.ndarray]:
    """The voxels that a polyline passes, and those whose centre lies no farther from it than ``radius`` mm.

    Args:
        corners, shape: as :func:`passed`'s.
        radius: mm, above 0.
        spacing: mm along (z, y, x).
    """
    from scipy.spatial import cKDTree

    reach = radius / spacing
    starts, stops = _within(corners, reach, shape)
    if not len(starts):
        return passed(corners, shape)
    length = float(np.abs(stops - starts).max(axis=1).sum())
    points = np.concatenate([*_along(starts, stops, max(_STEP, length / _MOST_OF_BRUSH))])
    low = np.clip(np.floor(points.min(axis=0) - reach), 0, shape).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + reach) + 1, low, shape).astype(int)
    inside = np.zeros(high - low, bool)
    if inside.size:
        _fill(inside, cKDTree((points - low) * spacing), radius, spacing)
    box, line = passed(corners, shape)
    if not box.empty:
        inside[box.shifted((-low).tolist()).slices] |= line
    part = tight(inside)
    return part.shifted(low.tolist()) if not part.empty else part, inside[part.slices]


def _within(corners: np.ndarray, margin: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """The parts of a polyline's pieces that lie in the image or at most ``margin`` voxels beside it: their ends."""
    starts, stops = (corners, corners) if len(corners) == 1 else (corners[:-1], corners[1:])
    low, high = -0.5 - BORDER - margin, np.subtract(shape, 0.5) + BORDER + margin
    way = stops - starts
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (low - starts) / way, (high - starts) / way
    # A piece along the border's plane is always, or never, between the planes.
    still = way == 0
    between = (starts >= low) & (starts <= high)
    enter = np.where(still, np.where(between, -np.inf, np.inf), np.minimum(one, other)).max(axis=1)
    leave = np.where(still, np.where(between, np.inf, -np.inf), np.maximum(one, other)).min(axis=1)
    enter, leave = np.maximum(enter, 0), np.minimum(leave, 1)
    there = enter <= leave
    starts, way, enter, leave = starts[there], way[there], enter[there, None], leave[there, None]
    return starts + enter * way, starts + leave * way


def _along(starts: np.ndarray, stops: np.ndarray, step: float) -> Iterator[np.ndarray]:
    """Points of lines, both ends among them, no farther apart than ``step`` voxels along each axis, some at a time."""
    counts = np.ceil(np.abs(stops - starts).max(axis=1, initial=0) / step).astype(np.int64) + 1
    group = (np.cumsum(counts) - 1) // _MOST_STEPS
    for number in np.unique(group):
        mine = np.flatnonzero(group == number)
        n = counts[mine]
        line = np.repeat(mine, n)
        place = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        share = (place / np.maximum(counts[line] - 1, 1))[:, None]
        yield starts[line] + share * (stops[line] - starts[line])


def _fill(inside: np.ndarray, tree: object, radius: float, spacing: np.ndarray) -> None:
    """Marks the voxels no farther than ``radius`` mm from the points of a tree: large cubes first, those that are
    neither wholly within nor wholly beyond it in eight."""
    size = _COARSEST
    counts = [range(0, n, size) for n in inside.shape]
    low = np.stack(np.meshgrid(*counts, indexing="ij"), axis=-1).reshape(-1, 3)
    while size and len(low):
        half = float(np.linalg.norm(spacing)) * (size - 1) / 2
        limit = radius + ROUNDING * float(spacing.min())
        middle = (low + (size - 1) / 2) * spacing
        distance, _ = tree.query(middle, distance_upper_bound=limit + half + 1e-9)  # type: ignore[attr-defined]
        full = distance + half <= limit
        _mark(inside, low[full], size)
        low = low[~full & (distance - half <= limit)]
        size //= 2
        eight = np.stack(np.meshgrid(*[(0, size)] * 3, indexing="ij"), axis=-1).reshape(1, 8, 3)
        low = (low[:, None] + eight).reshape(-1, 3)
        low = low[np.all(low < inside.shape, axis=1)]


def _mark(inside: np.ndarray, low: np.ndarray, size: int) -> None:
    if size == 1:
        inside[tuple(low.T)] = True
        return
    for z, y, x in low.tolist():
        inside[z : z + size, y : y + size, x : x + size] = True
