"""Where a NIfTI image lies: it may say so twice (sform and qform), once, or not at all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import GeometryError
from ...geometry import Geometry
from .grids import grid

_LPS = np.diag([-1.0, -1.0, 1.0])
_METRES, _MICROMETRES = 1, 3
_FACTORS = {_METRES: 1e3, _MICROMETRES: 1e-3}
# nibabel resamples what Slicer and ITK refuse to open; see the test that runs this line.
_SHEAR_CURE = (
    "Resample it to a regular grid first, with Python: pip install nibabel scipy; then: import nibabel, "
    "nibabel.processing as p; nibabel.save(p.resample_to_output(nibabel.load('in.nii'), order=1), 'out.nii')"
)
# Below this share of a voxel two places are one.
_SAME_PLACE = 0.02
_SAME_SPACING = 1e-3


@dataclass(frozen=True)
class Place:
    """The header's fields: ``pixdim`` (8), the two codes, quaternion and offset (6), sform (12, row by row), unit."""

    pixdim: Sequence[float]
    qform_code: int
    sform_code: int
    quaternion: Sequence[float]
    sform: Sequence[float]
    unit: int


def place_of(place: Place, sizes: Sequence[int], path: Path) -> tuple[Geometry, tuple[str, ...]]:
    """The grid (LPS, mm) and what was chosen for it.

    As nibabel and FSL do: the sform where the header calls it valid, else the qform; the spacing is that of the form
    which was chosen. A sheared sform gives way to the qform. A file without either lies as ITK and Slicer take it.

    Args:
        sizes: of x, y and z.

    Raises:
        GeometryError: no spacing, a sheared sform without a qform, forms that are no numbers.
    """
    spacing = np.abs(np.asarray(place.pixdim[1:4], float))
    if sizes[2] == 1 and not (math.isfinite(spacing[2]) and spacing[2] > 0):
        spacing[2] = 1.0
    if place.sform_code <= 0 or place.qform_code > 0:
        grid(path, sizes, np.diag(spacing), (0.0, 0.0, 0.0))  # names zero or absurd spacing
    qform = _qform(place, spacing) if place.qform_code > 0 else None
    sform = np.asarray(place.sform, float).reshape(3, 4) if place.sform_code > 0 else None
    notes: list[str] = []
    if place.unit in _FACTORS:
        notes.append(
            f"'{path.name}' counts in {'metres' if place.unit == _METRES else 'micrometres'}; taken as millimetres "
            f"times {_FACTORS[place.unit]:g}."
        )
    if sform is not None:
        try:
            geometry = _grid(sform, sizes, place, path)
        except GeometryError as error:
            if qform is None or "perpendicular" not in error.cause:
                raise
            notes.append(
                f"The sform of '{path.name}' is sheared, which a voxel grid cannot be, so its qform is used: the "
                "result lies where programs put it that read the qform."
            )
            return _grid(qform, sizes, place, path), tuple(notes)
        notes += _differences(sform, qform, spacing, sizes, path)
        return geometry, tuple(notes)
    if qform is not None:
        return _grid(qform, sizes, place, path), tuple(notes)
    notes.append(
        f"'{path.name}' does not say how it lies (neither sform nor qform); it is taken as ITK and Slicer take it. "
        "Check left and right."
    )
    return _grid(np.column_stack([_LPS @ np.diag(spacing), np.zeros(3)]), sizes, place, path), tuple(notes)


def _grid(form: np.ndarray, sizes: Sequence[int], place: Place, path: Path) -> Geometry:
    factor = _FACTORS.get(place.unit, 1.0)
    lps = _LPS @ form * factor
    axes = lps[:, :3]
    if sizes[2] == 1 and not np.linalg.norm(axes[:, 2]):
        axes[:, 2] = np.cross(*(axes[:, n] / (np.linalg.norm(axes[:, n]) or 1) for n in (0, 1)))
    return grid(path, sizes, axes, lps[:, 3], _SHEAR_CURE)  # type: ignore[arg-type]


def _qform(place: Place, spacing: np.ndarray) -> np.ndarray:
    """RAS matrix (3 x 4) of quaternion, offset, spacing and the sign of the third axis."""
    b, c, d = (float(value) for value in place.quaternion[:3])
    rest = 1.0 - (b * b + c * c + d * d)
    if rest < 1e-7:
        # Rounding, or a quaternion of another length: a turn by half a circle.
        length = math.sqrt(b * b + c * c + d * d) or 1.0
        a, b, c, d = 0.0, b / length, c / length, d / length
    else:
        a = math.sqrt(rest)
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    steps = spacing * (1.0, 1.0, -1.0 if place.pixdim[0] < 0 else 1.0)
    return np.column_stack([turn * steps, np.asarray(place.quaternion[3:6], float)])


def _differences(
    sform: np.ndarray, qform: np.ndarray | None, spacing: np.ndarray, sizes: Sequence[int], path: Path
) -> list[str]:
    """What is said where the header contradicts itself."""
    steps = np.linalg.norm(sform[:, :3], axis=0)
    shown = [n for n in range(3) if sizes[n] > 1]
    if not np.allclose(steps[shown], spacing[shown], rtol=_SAME_SPACING):
        return [
            f"The sform of '{path.name}' gives {_words(steps)} mm as spacing, pixdim {_words(spacing)} mm; the sform "
            "is used, as nibabel and FSL do."
        ]
    if qform is None:
        return []
    corners = np.array([(*corner, 1.0) for corner in itertools.product(*((0, n - 1) for n in sizes))])
    away = float(np.linalg.norm(corners @ (sform - qform).T, axis=1).max())
    if not away > _SAME_PLACE * float(steps.min()):
        return []
    return [
        f"'{path.name}' gives two places for its voxels (sform and qform), up to {away:.3g} mm apart; the sform is "
        "used, as nibabel and FSL do. Programs that go by the qform show image and result apart."
    ]


def _words(values: np.ndarray) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
