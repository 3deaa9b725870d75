"""Which of a few voxels are neighbours, without an array of the whole image."""

from __future__ import annotations

import itertools

import numpy as np

from ...geometry import Shape
from ..neighbourhood import CORNERS

# Half of the 26 neighbours; the other half are the same pairs.
_OFFSETS = [offset for offset in itertools.product((-1, 0, 1), repeat=3) if offset > (0, 0, 0)]


def neighbour_pairs(flat: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of voxels that touch by a face, an edge or a corner.

    Args:
        flat: ascending flat indices of voxels of an image of ``shape`` (z, y, x).

    Returns:
        Two arrays of positions in ``flat``.
    """
    index = np.unravel_index(flat, shape)
    first, second = [], []
    for offset in _OFFSETS:
        there = np.ones(len(flat), bool)
        for axis, step in enumerate(offset):
            if step:
                there &= (index[axis] + step >= 0) & (index[axis] + step < shape[axis])
        mine = np.flatnonzero(there)
        wanted = flat[mine] + (offset[0] * shape[1] + offset[1]) * shape[2] + offset[2]
        place = np.searchsorted(flat, wanted).clip(max=max(len(flat) - 1, 0))
        hit = flat[place] == wanted
        first.append(mine[hit])
        second.append(place[hit])
    return np.concatenate(first), np.concatenate(second)


def connected_parts(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The number of the connected part of each of ``count`` things, joined by pairs; parts are numbered by their first
    member."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    _, part = connected_components(graph, directed=False)
    return np.asarray(part)


def connected_voxels(mask: np.ndarray) -> list[np.ndarray]:
    """Array indices (n, 3) of every part of a mask (z, y, x) that is connected by faces, edges or corners."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, CORNERS)
    index, number = np.argwhere(mask), labels[mask]
    order = np.argsort(number, kind="stable")
    return np.split(index[order], np.cumsum(np.bincount(number, minlength=count + 1)[1:-1])) if count else []
