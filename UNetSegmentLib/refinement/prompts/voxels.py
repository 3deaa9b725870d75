"""Which voxels a prompt is certain of.

A point has the voxel that it lies in; a scribble those that its line passes, or that its brush covers; a lasso those
that its plane passes and whose centre it encloses; a box to exclude all whose centre lies in it, a box to include the
one in its middle. Everything is found in the small box around the prompt, never in the whole image.

A prompt that lies beside the image by no more than half a voxel counts as one on its border: there views still show
the outermost voxels, and surfaces still end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...geometry import Box, Geometry
from ..boxes import NOWHERE, tight
from .kinds import BoxPrompt, Lasso, Point, Prompt, Scribble
from .lines import BORDER, ROUNDING, brushed, holds, passed
from .polygons import enclosed, fitted

# Of a curve, in voxels: what lies farther from its plane is no rounding.
_FLAT = 0.75
_SLAB = 1_000_000


@dataclass(frozen=True, eq=False)
class Voxels:
    """Certain voxels of a prompt.

    Args:
        box: of the image.
        inside: boolean (z, y, x) of its shape.
        outside: a part of the prompt lies beyond the image.
        moved: it lies beside the image, and counts as lying on its border.
        notes: sentences for the user on what was made of it.
    """

    box: Box
    inside: np.ndarray
    outside: bool = False
    moved: bool = False
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.inside))


EMPTY = Voxels(NOWHERE, np.zeros((0, 0, 0), bool), True)


def voxels_of(prompt: Prompt, geometry: Geometry) -> Voxels:
    """The voxels that ``prompt`` is certain of; none when it lies outside the image."""
    if isinstance(prompt, Point):
        return _line(np.array([prompt.position]), geometry)
    if isinstance(prompt, Scribble):
        return _line(np.asarray(prompt.points), geometry, float(prompt.radius))
    if isinstance(prompt, Lasso):
        return _lasso(prompt, geometry)
    voxels = box_voxels(prompt, geometry)
    return _middle(prompt, voxels, geometry) if prompt.include and voxels.count else voxels


def box_voxels(prompt: BoxPrompt, geometry: Geometry) -> Voxels:
    """The voxels whose centre lies in a box. Along a side thinner than the voxels are, those that its middle plane
    passes, so that a flat box has one layer."""
    axes = np.asarray(prompt.axes).reshape(3, 3)
    half = np.asarray(prompt.size) / 2
    signs = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T
    corners = np.asarray(prompt.center) + (signs * half) @ axes.T
    corners, moved = _nudged(geometry.to_index(corners)[:, ::-1], geometry)
    middle = corners.mean(axis=0)
    # mm along each side (rows) for a step along each array axis (columns).
    steps = axes.T @ (np.asarray(geometry.direction).reshape(3, 3) * np.asarray(geometry.spacing))[:, ::-1]
    region = _box_around(corners, geometry)
    if region.empty:
        return EMPTY
    inside = np.concatenate(
        [
            np.logical_and.reduce([_between(steps[side], middle, half[side], slab) for side in range(3)])
            for slab in _slabs(region)
        ]
    )
    part = tight(inside)
    outside = not holds(corners, geometry.shape).all()
    if part.empty:
        # Turned and smaller than a voxel: the one that its middle lies in.
        return replace(_line(geometry.to_physical(middle[None, ::-1]), geometry), outside=outside, moved=moved)
    return Voxels(part.shifted(region.start), inside[part.slices], outside, moved)


def _slabs(region: Box) -> Iterator[Box]:
    """A box in slabs along z, so that a large one takes little memory beside its answer."""
    (first, *start), (last, *stop) = region.start, region.stop
    height = max(_SLAB // (region.shape[1] * region.shape[2]), 1)
    for z in range(first, last, height):
        yield Box((z, start[0], start[1]), (min(z + height, last), stop[0], stop[1]))


def _between(step: np.ndarray, middle: np.ndarray, half: float, region: Box) -> np.ndarray:
    """The voxels of a region no farther than ``half`` mm from a box's middle, along one of its sides."""
    step = step * np.sign(step[np.argmax(np.abs(step))])
    layer = float(np.abs(step).max()) / 2
    z, y, x = ((np.arange(a, b) - m) * s for a, b, m, s in zip(region.start, region.stop, middle, step, strict=True))
    along = z[:, None, None] + y[:, None] + x
    tiny = 2 * layer * ROUNDING
    if half < layer - tiny:
        # Of two layers that are as near, the higher one, as of points on a border.
        return np.asarray((along > tiny - layer) & (along <= layer + tiny))
    return np.asarray((along >= -half - tiny) & (along <= half + tiny))


def _middle(prompt: BoxPrompt, voxels: Voxels, geometry: Geometry) -> Voxels:
    """The voxel in the middle of a box, or of the part of it that lies in the image."""
    center = _line(np.array([prompt.center]), geometry)
    if center.count and not voxels.outside:
        return replace(center, moved=voxels.moved)
    there = np.argwhere(voxels.inside)
    nearest = there[np.argmin(((there - there.mean(axis=0)) ** 2).sum(axis=1))] + voxels.box.start
    z, y, x = nearest.tolist()
    return Voxels(Box((z, y, x), (z + 1, y + 1, x + 1)), np.ones((1, 1, 1), bool), voxels.outside, voxels.moved)


def _line(points: np.ndarray, geometry: Geometry, radius: float = 0.0) -> Voxels:
    """The voxels of a polyline (LPS mm)."""
    corners, moved = _nudged(geometry.to_index(points)[:, ::-1], geometry)
    if radius > 0:
        box, inside = brushed(corners, radius, geometry.shape, np.asarray(geometry.array_spacing))
    else:
        box, inside = passed(corners, geometry.shape)
    return EMPTY if box.empty else Voxels(box, inside, not holds(corners, geometry.shape).all(), moved)


def _lasso(prompt: Lasso, geometry: Geometry) -> Voxels:
    points = np.asarray(prompt.points)
    corners, moved = _nudged(geometry.to_index(points)[:, ::-1], geometry)
    plane = fitted(corners, geometry)
    found = enclosed(corners, plane, geometry)
    if found is None:
        # Smaller than a voxel, or as thin as a line: the curve itself.
        return _line(np.concatenate([points, points[:1]]), geometry)
    notes = (
        ("The curve is not flat: what it encloses is marked in the plane closest to it.",) if plane.off > _FLAT else ()
    )
    return Voxels(*found, not holds(corners, geometry.shape).all(), moved, notes)


def _nudged(corners: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, bool]:
    """A prompt on the image's border for one that lies beside it by at most half a voxel, and whether it was moved.

    Args:
        corners: (n, 3) continuous indices in array order.
    """
    last = np.subtract(geometry.shape, 0.5)
    nearest, farthest = corners.min(axis=0), corners.max(axis=0)
    back = np.where((nearest > last) & (nearest <= last + 0.5 + BORDER), last - nearest, 0.0)
    back = np.where((farthest < -0.5) & (farthest >= -1 - BORDER), -0.5 - farthest, back)
    return corners + back, bool(np.any(back != 0))


def _box_around(corners: np.ndarray, geometry: Geometry) -> Box:
    """The box of the voxels around continuous indices, a voxel wider, within the image."""
    limit = np.asarray(geometry.shape) + 2
    (a, b, c) = np.clip(np.floor(corners.min(axis=0)) - 1, -2, limit).astype(int).tolist()
    (d, e, f) = np.clip(np.ceil(corners.max(axis=0)) + 2, -2, limit).astype(int).tolist()
    return Box((a, b, c), (d, e, f)).intersect(Box.whole(geometry.shape))
