"""How well a mask agrees with its reference, and a curve over clicks."""

import numpy as np

TOLERANCE = 2.0
"""mm, of the normalised surface Dice."""


def dice(mask, reference):
    """Dice coefficient; 1 where both are empty."""
    total = np.count_nonzero(mask) + np.count_nonzero(reference)
    return 2 * np.count_nonzero(mask & reference) / total if total else 1.0


def nsd(mask, reference, spacing, tolerance=TOLERANCE):
    """Normalised surface Dice as DeepMind's surface-distance has it; ``spacing`` in mm along (z, y, x).

    0 where one of the two is empty, 1 where both are. In a picture of one slice it is the share of the outlines.
    """
    import surface_distance

    if not mask.any() or not reference.any():
        return float(mask.any() == reference.any())
    box = bounds(mask | reference)
    # Twice the same slice is no surface of a picture: the package has a 2D case of its own.
    flat = mask.shape[0] == 1
    masks = [array[box][0] if flat else array[box] for array in (reference, mask)]
    distances = surface_distance.compute_surface_distances(*masks, spacing[1:] if flat else spacing)
    return float(surface_distance.compute_surface_dice_at_tolerance(distances, tolerance))


def auc(curve):
    """Area under the values after each click, by trapezoids a click wide, over the largest possible: 0 to 1.

    The challenge of CVPR 2025 gives it undivided: with five clicks its largest value is 4.
    """
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)


def bounds(mask):
    """Slices of the box that holds something."""
    found = [np.flatnonzero(mask.any(axis=tuple({*range(mask.ndim)} - {axis}))) for axis in range(mask.ndim)]
    return tuple(slice(int(f[0]), int(f[-1]) + 1) for f in found)
