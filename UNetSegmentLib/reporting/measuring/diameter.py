"""The largest distance between any two of many points, without looking at every pair."""

from __future__ import annotations

import numpy as np

_DIRECTIONS = 256
_STARTS = 24
_CHUNK = 1 << 15


def largest_distance(points: np.ndarray) -> float:
    """The largest distance within a cloud of points, shape (n, 3).

    The farthest pair lies at the two ends of the cloud in some direction. So the ends in evenly spread directions give
    candidates, and from the widest of them one walks to the farthest point and back until the distance stops growing.
    The result is a distance that occurs; what it may miss is below the 0.5 % that neighbouring directions differ by,
    and in practice nothing.
    """
    if len(points) < 2:
        return 0.0
    centred = points - points.mean(axis=0)
    ends = _ends(centred, _spread_directions(_DIRECTIONS))
    widths = np.linalg.norm(centred[ends[0]] - centred[ends[1]], axis=1)
    starts = np.unique(ends[0][np.argsort(widths)[::-1][:_STARTS]])
    best = float(widths.max())
    while True:
        distances, partners = _farthest(centred, starts)
        if distances.max() <= best * (1 + 1e-12):
            return best
        best = float(distances.max())
        starts = np.unique(partners)


def _spread_directions(count: int) -> np.ndarray:
    """Unit vectors spread evenly over half a sphere along a Fibonacci spiral, shape (count, 3)."""
    n = np.arange(count)
    z = (n + 0.5) / count
    angle = n * np.pi * (3.0 - np.sqrt(5.0))
    radius = np.sqrt(1.0 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def _ends(points: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the first and the last point in each direction."""
    rows = np.arange(len(directions))
    ends = []
    for sign in (-1.0, 1.0):
        best = np.full(len(directions), -np.inf)
        index = np.zeros(len(directions), dtype=int)
        for start in range(0, len(points), _CHUNK):
            along = sign * directions @ points[start : start + _CHUNK].T
            chosen = along.argmax(axis=1)
            better = along[rows, chosen] > best
            best[better] = along[rows, chosen][better]
            index[better] = start + chosen[better]
        ends.append(index)
    return ends[0], ends[1]


def _farthest(points: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each start the distance to, and the index of, the point farthest from it."""
    distances, partners = np.zeros(len(starts)), np.zeros(len(starts), dtype=int)
    for n, start in enumerate(starts):
        squares = np.square(points - points[start]).sum(axis=1)
        partners[n] = squares.argmax()
        distances[n] = np.sqrt(squares[partners[n]])
    return distances, partners
