"""What a lasso says of the size of an object: that its curve is the border there, and about how far it may go on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...geometry import Box
from ..boxes import placed
from ..neighbourhood import depth_within
from .voxels import Voxels

# A ball goes on for its radius on either side of a circle around its middle.
_BEYOND = 1.2


def extent_beyond(voxels: Voxels, spacing: Sequence[float]) -> float:
    """mm that an object may go on from the area that a lasso encloses: a little more than half of its width, or of its
    length where it lies across slices."""
    shape = voxels.inside.shape
    if shape.count(1) != 1:
        return _BEYOND * max(n * mm for n, mm in zip(shape, spacing, strict=True)) / 2
    return _BEYOND * float(depth_within(voxels.inside, spacing).max())


def beside(voxels: Voxels, box: Box) -> np.ndarray:
    """The voxels of ``box`` in the slice of a lasso that its curve leaves out; none where it lies across slices."""
    left_out = np.zeros(box.shape, bool)
    if voxels.inside.shape.count(1) != 1:
        return left_out
    axis = voxels.inside.shape.index(1)
    number = voxels.box.start[axis] - box.start[axis]
    if not 0 <= number < box.shape[axis]:
        return left_out
    layer: list[slice] = [slice(None)] * 3
    layer[axis] = slice(number, number + 1)
    left_out[tuple(layer)] = True
    return left_out & ~placed(voxels.inside, voxels.box, box)
