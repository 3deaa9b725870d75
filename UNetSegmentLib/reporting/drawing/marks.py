"""Prompts as they are drawn in a picture: points with a sign, lines, rings, boxes."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...geometry import Geometry
from .agreement import EXTRA, MISSED
from .canvas import BACKGROUND, TEXT, Canvas, Color
from .views import Plane, View

ADDED: Color = MISSED.color
REMOVED: Color = EXTRA.color
"""As in the pictures of scores, what was missing and what was too much."""

RADIUS = 11
"""Pixels of a point."""


class MarkKind(enum.Enum):
    """How the points of a mark are meant: each for itself, joined, joined in a ring, or as the corners of a box."""

    POINT = "point"
    LINE = "line"
    RING = "ring"
    BOX = "box"


@dataclass(frozen=True, eq=False)
class Mark:
    """A prompt as it is drawn.

    Args:
        points: LPS mm, shape (n, 3). Of a box eight: two whose numbers differ in one bit share an edge.
        include: whether it says that the segment is here.
    """

    points: np.ndarray
    include: bool
    kind: MarkKind = MarkKind.POINT


def draw_marks(
    canvas: Canvas, x: int, y: int, side: int, marks: Sequence[Mark], geometry: Geometry, view: View, plane: Plane
) -> None:
    """Draws those parts of marks that lie in the voxels which a plane passes.

    Args:
        x, y, side: of the plane's square picture.
        geometry: of the image.
    """
    thickness = _half_thickness(geometry, plane)
    for mark in marks:
        color = ADDED if mark.include else REMOVED
        pieces = _seen(mark, view.origin(plane), plane, thickness)
        places = np.stack([pieces @ plane.right, pieces @ plane.down], axis=-1) / view.field_mm * side + side / 2
        places = places[np.all((places >= 0) & (places <= side), axis=(1, 2))] + (x, y)
        if mark.kind is MarkKind.POINT:
            for place in places[:, 0]:
                draw_point(canvas, place, mark.include, color)
            continue
        for shade, width in ((BACKGROUND, 6), (color, 3)):
            for (x0, y0), (x1, y1) in places.tolist():
                canvas.line(x0, y0, x1, y1, shade, width)


def _seen(mark: Mark, origin: np.ndarray, plane: Plane, thickness: float) -> np.ndarray:
    """The pieces of a mark in a plane, from the picture's middle: LPS mm, shape (pieces, 2 ends, 3)."""
    offsets = mark.points - origin
    if mark.kind is MarkKind.BOX:
        return _outline(offsets, plane, thickness)
    ends = np.roll(offsets, -1, axis=0) if mark.kind is not MarkKind.POINT else offsets
    pieces = np.stack([offsets, ends], axis=1)
    if mark.kind is MarkKind.LINE:
        pieces = pieces[:-1]
    return np.asarray(pieces[np.all(np.abs(pieces @ plane.normal) <= thickness, axis=1)])


def _outline(corners: np.ndarray, plane: Plane, thickness: float) -> np.ndarray:
    """Where a plane cuts a box, as pieces; the whole of a flat box that lies in it."""
    depths = corners @ plane.normal
    if np.abs(depths).max() <= thickness:
        met = corners
    else:
        edges = [(a, b) for a in range(8) for b in range(a) if (a ^ b).bit_count() == 1]
        cut = [(a, b) for a, b in edges if (depths[a] < 0) != (depths[b] < 0)]
        share = [depths[a] / (depths[a] - depths[b]) for a, b in cut]
        met = np.array([corners[a] + s * (corners[b] - corners[a]) for (a, b), s in zip(cut, share, strict=True)])
    if not len(met):
        return np.zeros((0, 2, 3))
    around = met - met.mean(axis=0)
    order = np.argsort(np.arctan2(around @ plane.down, around @ plane.right))
    return np.stack([met[order], np.roll(met[order], -1, axis=0)], axis=1)


def draw_point(canvas: Canvas, place: np.ndarray, include: bool, color: Color) -> None:
    """A disc with a plus or a minus."""
    x, y = place.tolist()
    for shade, radius in ((BACKGROUND, RADIUS + 2), (color, RADIUS)):
        canvas.box(x - radius, y - radius, 2 * radius, 2 * radius, shade, radius)
    canvas.line(x - 5, y, x + 5, y, TEXT, 3)
    if include:
        canvas.line(x, y - 5, x, y + 5, TEXT, 3)


def _half_thickness(geometry: Geometry, plane: Plane) -> float:
    """Half of what a voxel measures along a plane's normal, and a little for rounding."""
    steps = np.asarray(geometry.direction).reshape(3, 3) * np.asarray(geometry.spacing)
    return float(np.abs(plane.normal @ steps).sum() / 2 * 1.001)
