"""What a prompt shows of the place that it means: a stroke itself, of a click what is around it."""

from __future__ import annotations

import numpy as np

_CLICK = 20
"""Voxels of a click at most."""

AROUND_CLICK_MM = 2.5
"""mm around a click that are taken to be of one kind."""


def is_stroke(seeds: np.ndarray) -> bool:
    """Whether a prompt's voxels (boolean z, y, x) are more than a click's."""
    return int(np.count_nonzero(seeds)) > _CLICK


def core_of(seeds: np.ndarray, open_: np.ndarray, away: np.ndarray, radius: float) -> np.ndarray:
    """The voxels that surely look like the place that is meant, boolean (z, y, x).

    Args:
        open_: voxels that may be taken.
        away: mm to the prompt.
        radius: mm around a click.
    """
    return seeds if is_stroke(seeds) else ((away <= radius) & open_) | seeds
