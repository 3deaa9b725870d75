"""The curves of one structure as masks on the planes of a grid.

The standard leaves open how curves of one plane go together (PS3.3, C.8.8.6). Curves of the type CLOSEDPLANAR_XOR are
taken by the even-odd rule, as it says. Of plain closed ones, one that lies inside others is a hole (or an island in a
hole), others are joined; a hole that hangs on the outer curve by a bridge there and back (a keyhole) needs no rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..contours import mask_of

ALIGNED = 0.1  # of the distance of two slices: headers round
_SAME = 0.02
_INSIDE = 0.9
_HALF_WAY = 1e-6


@dataclass(frozen=True, eq=False)
class Curve:
    """A closed curve.

    Args:
        height: number of its plane, not always a whole one.
        points: (n, 2) as (column, row) in pixels.
        exclusive: it is of the type that the even-odd rule is meant for.
    """

    height: float
    points: np.ndarray
    exclusive: bool = False


@dataclass(frozen=True, eq=False)
class Patch:
    """A part of a plane: the first row and column, and the mask from there on."""

    plane: int
    start: tuple[int, int]
    mask: np.ndarray

    @property
    def where(self) -> tuple[slice, slice]:
        (row, column), (rows, columns) = self.start, self.mask.shape
        return slice(row, row + rows), slice(column, column + columns)


def patches_of(curves: Sequence[Curve], shape: tuple[int, int, int]) -> tuple[list[Patch], tuple[str, ...]]:
    """The masks of a structure, and what was chosen, as the ends of sentences about it ("was joined ...").

    Where all curves lie in slices, each is the slice's own. Where some lie between them (drawn on another series), each
    slice takes the nearest curves, as far as half the distance of the curves' planes.

    Args:
        shape: planes, rows, columns.
    """
    levels = _levels(curves)
    heights = np.array([level[0].height for level in levels])
    notes: dict[str, None] = {}
    if np.abs(heights - np.rint(heights)).max() <= ALIGNED:
        chosen: dict[int, list[Curve]] = {}
        for level in levels:
            chosen.setdefault(round(level[0].height), []).extend(level)
        if len(chosen) > 1 and min(np.diff(sorted(chosen))) > 1:
            notes["has curves in some slices only, none in their neighbours; nothing was put in between"] = None
    else:
        chosen = _nearest(curves, heights, shape[0])
        notes["has curves between the slices; each slice took the nearest"] = None
    outside = [plane for plane in chosen if not 0 <= plane < shape[0]]
    if outside:
        notes["goes on beyond the image, where it was cut off"] = None
    patches = []
    for plane, level in sorted(chosen.items()):
        if 0 <= plane < shape[0]:
            patch, joined = _patch(plane, level, shape[1:])
            patches += [patch] if patch is not None else []
            if joined:
                notes["has curves that cross each other; they were joined"] = None
    return patches, tuple(notes)


def _levels(curves: Sequence[Curve]) -> list[list[Curve]]:
    """Curves of one height together, ascending."""
    levels: list[list[Curve]] = []
    for curve in sorted(curves, key=lambda curve: curve.height):
        if levels and curve.height - levels[-1][0].height <= _SAME:
            levels[-1].append(curve)
        else:
            levels.append([curve])
    return levels


def _nearest(curves: Sequence[Curve], heights: np.ndarray, planes: int) -> dict[int, list[Curve]]:
    """The curves of each plane: each curve reaches half way to the nearest one above or below it.

    Above and below are those that it meets when it is looked at along the axis. Islands each have their own, since a
    plane that was drawn on a slightly turned series has them at different heights.

    Args:
        heights: of the levels, ascending.
    """
    gaps = np.diff(heights)
    usual = float(np.median(gaps)) if len(gaps) else 1.0
    same = min(ALIGNED, usual / 3)
    places = np.array([curve.height for curve in curves])
    low, high = (np.array([side(curve.points, axis=0) for curve in curves]) for side in (np.min, np.max))
    chosen: dict[int, list[Curve]] = {}
    for number, curve in enumerate(curves):
        off = np.abs(places - curve.height)
        meets = ((low <= high[number]) & (high >= low[number])).all(axis=1) & (off > same)
        reach = float(off[meets].min() if meets.any() else usual) / 2
        # A plane half way belongs to the lower curve, and to one alone.
        first = math.floor(curve.height - reach + _HALF_WAY) + 1
        last = math.floor(curve.height + reach + _HALF_WAY)
        for plane in range(max(first, 0), min(last, planes - 1) + 1):
            chosen.setdefault(plane, []).append(curve)
    return chosen


def _patch(plane: int, curves: Sequence[Curve], shape: tuple[int, int]) -> tuple[Patch | None, bool]:
    """The mask of a plane's curves and whether some of them were joined; None where no pixel lies inside."""
    points = np.concatenate([curve.points for curve in curves])
    low = np.clip(np.floor(points.min(axis=0)), 0, shape[::-1]).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + 1, 0, shape[::-1]).astype(int)
    size = (int(high[1] - low[1]), int(high[0] - low[0]))
    if min(size) <= 0:
        return None, False
    plain = _unlike([curve.points - low for curve in curves if not curve.exclusive])
    mask = mask_of([curve.points - low for curve in curves if curve.exclusive], size)
    joined = False
    parts = sorted((mask_of([curve], size) for curve in plain), key=np.count_nonzero, reverse=True)
    whole = np.zeros(size, bool)
    for part in parts:
        inside = int(np.count_nonzero(part & whole))
        if inside >= _INSIDE * np.count_nonzero(part):
            whole &= ~part
        else:
            joined = joined or inside > 0
            whole |= part
    mask |= whole
    return (Patch(plane, (int(low[1]), int(low[0])), mask) if mask.any() else None), joined


def _unlike(curves: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Without those that are stored twice, wherever they begin and whichever way they run."""
    seen = set()
    found = []
    for curve in curves:
        key = frozenset(map(tuple, np.round(curve, 2).tolist()))
        if key not in seen:
            seen.add(key)
            found.append(curve)
    return found
