"""Where each label of a label map lies."""

from __future__ import annotations

import numpy as np

from ..geometry import Box


def label_boxes(voxels: np.ndarray) -> dict[int, Box]:
    """The tight bounding box of every value above 0 that occurs, in ascending order.

    Reads the map once, plane by plane, and then each label's own planes, so that many small labels cost little.

    Args:
        voxels: label map (z, y, x) of an unsigned type.
    """
    planes: dict[int, list[int]] = {}
    for z, plane in enumerate(voxels):
        for value in np.flatnonzero(np.bincount(plane.ravel())):
            planes.setdefault(int(value), []).append(z)
    planes.pop(0, None)
    return {value: _box(voxels, value, planes[value]) for value in sorted(planes)}


def _box(voxels: np.ndarray, value: int, planes: list[int]) -> Box:
    start, stop = planes[0], planes[-1] + 1
    shadow = np.zeros(voxels.shape[1:], dtype=bool)
    for z in planes:
        shadow |= voxels[z] == value
    rows, columns = (np.flatnonzero(shadow.any(axis=axis)) for axis in (1, 0))
    return Box((start, int(rows[0]), int(columns[0])), (stop, int(rows[-1]) + 1, int(columns[-1]) + 1))
