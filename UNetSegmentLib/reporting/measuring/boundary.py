"""The boundary of a mask as weighted points, and distances between two boundaries.

A boundary element sits in every cell of 2x2x2 neighbouring voxels (2x2 in a single slice) that holds both inside and
outside. Distances between elements are exact Euclidean ones in mm (the maps of Maurer et al. 2003, through SimpleITK).

Every element counts by the area of the surface that runs through its cell, see :mod:`.cell_areas`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from .cell_areas import cell_areas, corners


class Distances(NamedTuple):
    """From each element of one boundary to the other boundary: mm, and the element's area."""

    mm: np.ndarray
    area: np.ndarray


def boundary_distances(a: np.ndarray, b: np.ndarray, spacing: Sequence[float]) -> tuple[Distances, Distances]:
    """Distances from the boundary of ``a`` to that of ``b``, and back.

    Args:
        a, b: boolean masks of one shape, 2D or 3D, neither empty; outside of the arrays is background.
        spacing: mm per array axis.
    """
    area_a, area_b = _areas(a, spacing), _areas(b, spacing)
    on_a, on_b = area_a > 0, area_b > 0
    there = Distances(_distance_to(on_b, spacing)[on_a], area_a[on_a].astype(float))
    back = Distances(_distance_to(on_a, spacing)[on_b], area_b[on_b].astype(float))
    return there, back


def weighted_percentile(distances: Distances, percent: float) -> float:
    """The smallest distance that at least ``percent`` of the boundary's area does not exceed."""
    order = np.argsort(distances.mm, kind="stable")
    share = np.cumsum(distances.area[order])
    index = int(np.searchsorted(share, share[-1] * percent / 100.0))
    return float(distances.mm[order][min(index, len(order) - 1)])


def share_within(directions: Sequence[Distances], tolerance_mm: float) -> float:
    """Share of the area of all boundaries that lies within the tolerance of the other one."""
    # Distances come in single precision: one that equals the tolerance must not fall out by its last digit.
    reach = tolerance_mm + 1e-6 * max(tolerance_mm, 1.0)
    within = sum(float(d.area[d.mm <= reach].sum()) for d in directions)
    return within / sum(float(d.area.sum()) for d in directions)


def _areas(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Area (mm^2; length in mm for 2D) of the boundary in each cell; 0 where there is none."""
    padded = np.pad(mask, 1)
    patterns = np.zeros([n - 1 for n in padded.shape], dtype=np.uint8)
    for bit, corner in enumerate(corners(padded.ndim)):
        part = padded[tuple(slice(1, None) if side else slice(None, -1) for side in corner)]
        patterns |= part.astype(np.uint8) << np.uint8(bit)
    return cell_areas(tuple(float(s) for s in spacing)).astype(np.float32)[patterns]


def _distance_to(elements: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    image = sitk.GetImageFromArray(elements.astype(np.uint8))
    image.SetSpacing([float(s) for s in spacing][::-1])
    distance = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    # Inside a thick cluster of elements the map is negative: there the distance is zero.
    return np.maximum(sitk.GetArrayFromImage(distance), 0.0)
