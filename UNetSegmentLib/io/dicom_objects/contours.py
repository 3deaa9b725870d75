"""Masks as closed curves along the edges of their pixels, and back; exact both ways.

A point is inside where a ray from it crosses the curves an odd number of times (the even-odd rule), so that a hole is a
curve inside another and islands are curves of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

# From a corner to the next along an edge, as (row, column), with the mask on the left-hand side.
_Corner = tuple[int, int]


def contours_of(mask: np.ndarray) -> list[np.ndarray]:
    """The curves around a mask (rows, columns).

    Returns:
        Closed polygons without their first point repeated, float (n, 2) as (column, row) in pixels: the centre of the
        first pixel is (0, 0), its corner (-0.5, -0.5). Corners only: points on straight lines are left out.
    """
    follow = _edges(np.pad(np.asarray(mask, bool), 1))
    curves = []
    while follow:
        start = next(iter(follow))
        curve = [start]
        before, here = start, _take(follow, start, None)
        while here != start:
            curve.append(here)
            before, here = here, _take(follow, here, before)
        curves.append(_straightened(np.array(curve, float)))
    # The padding is one pixel, and a corner lies half a pixel before the centre of its pixel.
    return [curve[:, ::-1] - 1.5 for curve in curves]


def mask_of(curves: Iterable[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """The pixels (rows, columns) whose centres lie inside curves (n, 2) of (column, row), by the even-odd rule."""
    rows, columns = shape
    ends = [(np.asarray(curve, float), np.roll(np.asarray(curve, float), -1, axis=0)) for curve in curves]
    if not ends:
        return np.zeros(shape, bool)
    first, second = (np.concatenate([pair[n] for pair in ends]) for n in (0, 1))
    upward = (first[:, 1] < second[:, 1])[:, None]
    low, high = np.where(upward, first, second), np.where(upward, second, first)
    # Rows whose centre lies on the edge: the lower end counts, the upper one does not.
    start, stop = (np.clip(np.ceil(end[:, 1]), 0, rows).astype(int) for end in (low, high))
    counts = np.maximum(stop - start, 0)
    edge = np.repeat(np.arange(len(counts)), counts)
    row = start[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    rise = (high - low)[edge]
    x = low[edge, 0] + (row - low[edge, 1]) * rise[:, 0] / rise[:, 1]
    column = np.clip(np.ceil(x), 0, columns).astype(int)
    turns = np.bincount(row * (columns + 1) + column, minlength=rows * (columns + 1)).reshape(rows, columns + 1)
    return (np.cumsum(turns, axis=1)[:, :columns] % 2).astype(bool)


def _edges(mask: np.ndarray) -> dict[_Corner, list[_Corner]]:
    """From each corner the corners that the boundary goes on to, with the mask to the left."""
    follow: dict[_Corner, list[_Corner]] = defaultdict(list)
    # Between a pixel and the one below it, and between a pixel and the one to its right.
    below = mask[1:, :].astype(np.int8) - mask[:-1, :]
    right = mask[:, 1:].astype(np.int8) - mask[:, :-1]
    for r, c in np.argwhere(below):
        ends = ((r + 1, c + 1), (r + 1, c)) if below[r, c] > 0 else ((r + 1, c), (r + 1, c + 1))
        follow[_corner(ends[0])].append(_corner(ends[1]))
    for r, c in np.argwhere(right):
        ends = ((r, c + 1), (r + 1, c + 1)) if right[r, c] > 0 else ((r + 1, c + 1), (r, c + 1))
        follow[_corner(ends[0])].append(_corner(ends[1]))
    return follow


def _corner(place: tuple[int, int]) -> _Corner:
    return int(place[0]), int(place[1])


def _take(follow: dict[_Corner, list[_Corner]], here: _Corner, before: _Corner | None) -> _Corner:
    """The next corner. Where two pixels touch at a corner alone, the curve turns so that they stay two islands."""
    choices = follow[here]
    number = 0
    if len(choices) > 1 and before is not None:
        went = (here[0] - before[0], here[1] - before[1])
        turned = [went[0] * (n[1] - here[1]) - went[1] * (n[0] - here[0]) for n in choices]
        number = int(np.argmax(turned))
    taken = choices.pop(number)
    if not choices:
        del follow[here]
    return taken


def _straightened(curve: np.ndarray) -> np.ndarray:
    """Without the points at which the direction stays."""
    ahead, behind = np.roll(curve, -1, axis=0) - curve, curve - np.roll(curve, 1, axis=0)
    turns = ahead[:, 0] * behind[:, 1] != ahead[:, 1] * behind[:, 0]
    return curve[turns]
