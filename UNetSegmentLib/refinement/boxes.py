"""Boolean arrays of boxes of an image: the part that holds something, and a part placed in another box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..geometry import Box

NOWHERE = Box((0, 0, 0), (0, 0, 0))


def tight(inside: np.ndarray) -> Box:
    """The smallest box of a boolean array (z, y, x) that holds all that is true; :data:`NOWHERE` when nothing is."""
    planes = np.flatnonzero(inside.any(axis=(1, 2)))
    if not len(planes):
        return NOWHERE
    # Only the planes that hold something: of a large array that is less to read.
    slab = np.asarray(inside[planes[0] : planes[-1] + 1].any(axis=0))
    rows, columns = np.flatnonzero(slab.any(axis=1)), np.flatnonzero(slab.any(axis=0))
    (a, d), (b, e), (c, f) = ((int(n[0]), int(n[-1]) + 1) for n in (planes, rows, columns))
    return Box((a, b, c), (d, e, f))


def placed(inside: np.ndarray, own: Box, box: Box) -> np.ndarray:
    """The boolean array ``inside`` of the box ``own`` as one of another box; False where they do not meet."""
    result = np.zeros(box.shape, bool)
    common = own.intersect(box)
    if not common.empty:
        result[common.relative_to(box).slices] = inside[common.relative_to(own).slices]
    return result


def fits(box: Box, shape: Sequence[int]) -> bool:
    """Whether a box lies within an image of ``shape`` (z, y, x), and ends nowhere before it begins."""
    return all(0 <= a <= b <= n for a, b, n in zip(box.start, box.stop, shape, strict=True))
