"""A grid out of a header's numbers, or an error that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import GeometryError
from ...geometry import Geometry

_SPACING_CURE = "Correct the spacing in the file's header, for example with Slicer's Volumes module, and try again."
# In mm: from an atom to a hundred metres; and nobody lies a thousand kilometres away.
_SMALLEST, _LARGEST, _FARTHEST = 1e-7, 1e5, 1e9


def grid(
    path: Path,
    size: Sequence[int],
    axes: np.ndarray,
    origin: Sequence[float],
    shear_cure: str = "Resample the image to a regular grid first.",
) -> Geometry:
    """The grid whose index axes step along the columns of ``axes`` (3 x 3, LPS mm); ``size`` has three numbers.

    Raises:
        GeometryError: spacing that is zero, no number or absurd; axes that are not perpendicular; no place.
    """
    spacing = np.linalg.norm(axes, axis=0)
    if not np.isfinite(axes).all() or (spacing == 0).any():
        raise GeometryError(f"The voxel spacing of '{path.name}' is zero or no number.", _SPACING_CURE)
    if spacing.min() < _SMALLEST or spacing.max() > _LARGEST:
        words = " x ".join(f"{value:.3g}" for value in spacing)
        raise GeometryError(f"The voxel spacing of '{path.name}' is absurd ({words} mm).", _SPACING_CURE)
    if not np.isfinite(origin).all() or np.abs(origin).max() > _FARTHEST:
        raise GeometryError(
            f"The origin in the header of '{path.name}' is no place.", "Correct it, for example with Slicer."
        )
    direction = axes / spacing
    if np.abs(direction.T @ direction - np.eye(3)).max() > 1e-3:
        raise sheared(path, shear_cure)
    x, y, z = (int(n) for n in size)
    i, j, k = (float(value) for value in spacing)
    place = tuple(float(value) for value in origin)
    return Geometry((x, y, z), (i, j, k), place, tuple(float(v) for v in direction.ravel()))  # type: ignore[arg-type]


def sheared(path: Path, cure: str) -> GeometryError:
    """The axes are not at right angles."""
    return GeometryError(
        f"The image axes of '{path.name}' are not perpendicular unit vectors (a sheared or tilted acquisition).", cure
    )


def flat_axes(axes: np.ndarray) -> np.ndarray:
    """The axes (2 x 2) of a flat image as 3 x 3: one slice of 1 mm."""
    full = np.eye(3)
    full[:2, :2] = axes
    full[2, 2] = np.sign(np.linalg.det(axes)) if np.isfinite(axes).all() else 1.0
    full[2, 2] = full[2, 2] or 1.0
    return full
