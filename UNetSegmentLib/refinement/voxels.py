"""Which voxels a prompt is certain of.

A point has the voxel that it lies in; a scribble those that its line passes, or that its brush covers; a lasso those
whose centre it encloses and whose slice its plane passes; a box to exclude all whose centre lies in it, a box to
include the one in its middle. Everything is found in the small box around the prompt, never in the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import Box, Geometry
from .prompts import BoxPrompt, Lasso, Point, Prompt, Scribble

# Steps along a stroke, in voxels: short enough to pass through every voxel that it enters for more than a corner.
_STEP = 0.25
_MOST_STEPS = 2_000_000
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Voxels:
    """Certain voxels: a box of the image and a boolean array (z, y, x) of its shape. ``outside`` says that a part of
    the prompt lies beyond the image."""

    box: Box
    inside: np.ndarray
    outside: bool = False

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.inside))


EMPTY = Voxels(Box((0, 0, 0), (0, 0, 0)), np.zeros((0, 0, 0), bool), True)


def voxels_of(prompt: Prompt, geometry: Geometry) -> Voxels:
    """The voxels that ``prompt`` is certain of; none when it lies outside the image."""
    if isinstance(prompt, Point):
        return _at(geometry.to_index(np.array([prompt.position])), geometry)
    if isinstance(prompt, Scribble):
        return _stroke(prompt, geometry)
    if isinstance(prompt, Lasso):
        return _enclosed(prompt, geometry)
    if prompt.include:
        return _at(geometry.to_index(np.array([prompt.center])), geometry)
    return box_voxels(prompt, geometry)


def box_voxels(prompt: BoxPrompt, geometry: Geometry) -> Voxels:
    """The voxels whose centre lies in a box; a flat box has the voxels that its plane passes."""
    axes = np.asarray(prompt.axes).reshape(3, 3)
    half = np.asarray(prompt.size) / 2
    signs = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T
    corners = np.asarray(prompt.center) + (signs * half) @ axes.T
    region = _box_of(geometry.to_index(corners)[:, ::-1], geometry)
    if region.empty:
        return EMPTY
    along = (_centers(region, geometry) - np.asarray(prompt.center)) @ axes
    # A side of nothing is as thick as the voxels are along it, so that every flat box has one layer of them.
    thick = np.maximum(half, _half_thickness(axes, geometry) * (np.asarray(prompt.size) == 0))
    inside = np.all(np.abs(along) <= thick + _ROUNDING, axis=-1)
    return _cut(region, inside, not _holds(geometry, corners))


def _at(indices: np.ndarray, geometry: Geometry) -> Voxels:
    """The voxels that continuous indices (i, j, k) lie in."""
    array = np.floor(indices[:, ::-1] + 0.5 + _ROUNDING).astype(np.int64)
    shape = np.asarray(geometry.shape)
    there = np.all((array >= 0) & (array < shape), axis=1)
    array = array[there]
    if not len(array):
        return EMPTY
    start, stop = array.min(axis=0), array.max(axis=0) + 1
    inside = np.zeros(stop - start, bool)
    inside[tuple((array - start).T)] = True
    return Voxels(_box(start, stop), inside, not there.all())


def _stroke(prompt: Scribble, geometry: Geometry) -> Voxels:
    corners = geometry.to_index(np.asarray(prompt.points))
    line = _at(_along(corners), geometry)
    if prompt.radius <= 0 or not line.count:
        return line
    return _brushed(line, prompt.radius, geometry)


def _along(corners: np.ndarray) -> np.ndarray:
    """Points close to each other along a polyline (continuous indices)."""
    if len(corners) == 1:
        return corners
    lengths = np.abs(np.diff(corners, axis=0)).max(axis=1)
    step = max(_STEP, float(lengths.sum()) / _MOST_STEPS)
    counts = np.maximum(np.ceil(lengths / step), 1).astype(np.int64)
    segment = np.repeat(np.arange(len(counts)), counts)
    share = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[segment]
    between = corners[segment] + share[:, None] * (corners[segment + 1] - corners[segment])
    return np.concatenate([between, corners[-1:]])


def _brushed(line: Voxels, radius: float, geometry: Geometry) -> Voxels:
    from scipy import ndimage

    spacing = np.asarray(geometry.array_spacing)
    whole = Box.whole(geometry.shape)
    region = line.box.padded([int(n) for n in np.ceil(radius / spacing)]).intersect(whole)
    free = np.ones(region.shape, bool)
    free[line.box.shifted([-n for n in region.start]).slices] = ~line.inside
    inside = ndimage.distance_transform_edt(free, sampling=spacing) <= radius + _ROUNDING
    return Voxels(region, inside, line.outside)


def _enclosed(prompt: Lasso, geometry: Geometry) -> Voxels:
    """Even-odd rule in the curve's own plane, for the voxels that this plane passes."""
    points = np.asarray(prompt.points)
    center, normal, first, second = _plane(points)
    indices = geometry.to_index(points)
    line = _at(_along(np.concatenate([indices, indices[:1]])), geometry)
    region = _box_of(indices[:, ::-1], geometry)
    if region.empty:
        return line
    offsets = _centers(region, geometry) - center
    frame = np.stack([first, second, normal], axis=1)
    near = np.abs(offsets @ normal) <= _half_thickness(frame, geometry)[2] + _ROUNDING
    polygon = (points - center) @ np.stack([first, second], axis=1)
    flat = offsets[near] @ np.stack([first, second], axis=1)
    inside = np.zeros(region.shape, bool)
    inside[near] = _inside_polygon(flat, polygon)
    if not inside.any():
        # Smaller than a voxel: the curve itself.
        return line
    return _cut(region, inside, not _holds(geometry, points))


def _plane(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Center, normal and two axes of the plane that points lie closest to."""
    center = points.mean(axis=0)
    _, _, rows = np.linalg.svd(points - center, full_matrices=True)
    return center, rows[2], rows[0], rows[1]


def _inside_polygon(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Whether points (n, 2) lie within a closed polygon (m, 2), by the even-odd rule."""
    order = np.argsort(points[:, 1], kind="stable")
    x, y = points[order].T
    crossings = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        # Only the points as high as the edge: of a long curve each edge concerns few.
        low, high = np.searchsorted(y, (min(y0, y1), max(y0, y1)), side="left")
        if low < high:
            crossings[low:high] ^= x[low:high] < (x1 - x0) * (y[low:high] - y0) / (y1 - y0) + x0
    inside = np.empty(len(points), bool)
    inside[order] = crossings
    return inside


def _half_thickness(axes: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Half the thickness in mm of a layer of voxels across each column of ``axes``: just enough that a plane anywhere
    passes one."""
    steps = np.asarray(geometry.direction).reshape(3, 3) * np.asarray(geometry.spacing)
    return np.asarray(np.abs(axes.T @ steps).max(axis=1) / 2)


def _centers(region: Box, geometry: Geometry) -> np.ndarray:
    """LPS mm, shape (z, y, x, 3), of the voxels of a box."""
    axes = [np.arange(a, b, dtype=float) for a, b in zip(region.start, region.stop, strict=True)]
    k, j, i = np.meshgrid(*axes, indexing="ij")
    return geometry.to_physical(np.stack([i, j, k], axis=-1))


def _box_of(indices: np.ndarray, geometry: Geometry) -> Box:
    """The box of the voxels around continuous array indices, a voxel wider, within the image."""
    limit = np.asarray(geometry.shape) + 2
    start = np.clip(np.floor(indices.min(axis=0)) - 1, -2, limit).astype(int)
    stop = np.clip(np.ceil(indices.max(axis=0)) + 2, -2, limit).astype(int)
    return _box(start, stop).intersect(Box.whole(geometry.shape))


def _holds(geometry: Geometry, points: np.ndarray) -> bool:
    indices = geometry.to_index(points)
    return bool(np.all((indices >= -0.5 - _ROUNDING) & (indices <= np.asarray(geometry.size) - 0.5 + _ROUNDING)))


def _cut(region: Box, inside: np.ndarray, outside: bool) -> Voxels:
    """The part of a box that holds something."""
    found = np.nonzero(inside)
    if not len(found[0]):
        return EMPTY
    start = np.array([axis.min() for axis in found])
    stop = np.array([axis.max() + 1 for axis in found])
    tight = _box(start, stop)
    return Voxels(tight.shifted(region.start), inside[tight.slices], outside)


def _box(start: np.ndarray, stop: np.ndarray) -> Box:
    (a, b, c), (d, e, f) = (tuple(int(n) for n in corner) for corner in (start, stop))
    return Box((a, b, c), (d, e, f))
