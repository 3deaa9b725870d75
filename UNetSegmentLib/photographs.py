"""Picture files without a physical size: how to tell them by their grid."""

from __future__ import annotations

import numpy as np

from .geometry import Geometry

# Dots per inch that cameras, scanners and programs write into pictures. ITK takes them for millimetres, but they tell
# how large a print would be, not how large the patient's part is.
_PRINTING = (72, 75, 90, 96, 100, 120, 144, 150, 180, 200, 220, 240, 250, 266, 300, 314, 350, 360, 400, 600, 1200)
_INCH_MM = 25.4


def is_photograph(geometry: Geometry) -> bool:
    """Whether a grid is that of a picture file without a physical size: one slice at the origin along the axes, with
    pixels of 1 mm, or of the size that a printer would give them."""
    straight = bool(np.allclose(np.abs(geometry.direction), np.eye(3).ravel()))
    if geometry.size[2] != 1 or geometry.spacing[2] != 1.0 or any(geometry.origin) or not straight:
        return False
    return all(_made_up(spacing) for spacing in geometry.spacing[:2])


def _made_up(spacing: float) -> bool:
    return spacing == 1.0 or any(abs(spacing * dots / _INCH_MM - 1.0) < 1e-4 for dots in _PRINTING)
