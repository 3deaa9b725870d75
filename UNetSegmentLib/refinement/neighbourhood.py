"""Voxels and their neighbours, in volumes and in single slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CORNERS = np.ones((3, 3, 3), bool)
"""Neighbours by faces, edges and corners."""


def faces(shape: tuple[int, ...]) -> np.ndarray:
    """Neighbours by faces; along an axis of one or two voxels none, so that a slice is not eroded away."""
    cross = np.zeros((3, 3, 3), bool)
    cross[1, 1, 1] = True
    for axis, count in enumerate(shape):
        if count > 2:
            index: list[slice | int] = [1, 1, 1]
            index[axis] = slice(None)
            cross[tuple(index)] = True
    return cross


def part_at(inside: np.ndarray, seeds: np.ndarray, structure: np.ndarray) -> np.ndarray:
    """The connected parts of ``inside`` that hold a seed."""
    from scipy import ndimage

    parts, _ = ndimage.label(inside, structure)
    kept = np.unique(parts[seeds])
    return np.asarray(np.isin(parts, kept[kept > 0]))


def depth_within(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """How deep every voxel of a mask (z, y, x) lies in it: mm to the nearest voxel outside, which there is beyond the
    array too. An axis of one voxel is no axis: along it nothing would be deep."""
    from scipy import ndimage

    around = [(1, 1) if n > 1 else (0, 0) for n in mask.shape]
    inner = tuple(slice(low, -high if high else None) for low, high in around)
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, around), sampling=spacing)[inner])
