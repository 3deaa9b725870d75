"""The spacing that images are resampled to, and whether to work in slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Triple = tuple[float, float, float]

ANISOTROPY = 3.0
_FEWEST_SLICES = 8
_SLICES_APART = 8.0


def target_spacing(spacings: Sequence[Triple], shapes: Sequence[tuple[int, int, int]]) -> Triple:
    """The median spacing; where one axis is more than three times as coarse as the others and has less than a third of
    their voxels, that axis gets the 10th percentile of its spacings instead, so that fewer slices are invented when
    thin-sliced images are kept (nnU-Net, supplement: "Target spacing").

    Args:
        spacings, shapes: of every case, (z, y, x).
    """
    table = np.array(spacings)
    target = np.median(table, axis=0)
    sizes = np.median([resampled_shape(s, m, target) for s, m in zip(shapes, spacings, strict=True)], axis=0)
    worst = int(target.argmax())
    others = [axis for axis in range(3) if axis != worst]
    coarse = target[worst] > ANISOTROPY * max(target[others])
    short = sizes[worst] * ANISOTROPY < min(sizes[others])
    if coarse and short:
        # Never finer than the axes within the slice.
        target[worst] = max(float(np.percentile(table[:, worst], 10)), float(max(target[others])))
    return float(target[0]), float(target[1]), float(target[2])


def resampled_shape(shape: Sequence[int], spacing: Sequence[float], target: Sequence[float]) -> tuple[int, int, int]:
    """Voxels (z, y, x) after resampling to ``target``."""
    z, y, x = (max(round(n * own / new), 1) for n, own, new in zip(shape, spacing, target, strict=True))
    return z, y, x


def works_in_slices(shape: Sequence[int], spacing: Sequence[float]) -> bool:
    """Whether a 2D network suits better: single slices, a handful of them, or slices far apart.

    Args:
        shape, spacing: the median of the resampled images, the coarsest axis first.
    """
    return shape[0] < _FEWEST_SLICES or spacing[0] > _SLICES_APART * max(spacing[1:])


def coarsest_first(spacing: Sequence[float]) -> tuple[int, int, int]:
    """The order of axes with the coarsest one first, the other two as they were (nnU-Net's ``transpose_forward``)."""
    first = int(np.argmax(spacing))
    if spacing[first] <= spacing[0] * 1.001:
        first = 0
    second, third = (axis for axis in range(3) if axis != first)
    return first, second, third
