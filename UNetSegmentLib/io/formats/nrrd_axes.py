"""What the axes of an NRRD file are, and the grid of those in space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...geometry import Geometry
from .grids import flat_axes, grid
from .stored import damaged

_DOMAIN = {"domain", "space", "time", "???", "none"}
_COMPLEX = "complex"
_RAS = {"right-anterior-superior", "ras", "right-anterior-superior-time", "rast"}
_LAS = {"left-anterior-superior", "las", "left-anterior-superior-time", "last"}
_SPACES = {
    **dict.fromkeys(_RAS, (-1.0, -1.0, 1.0)),
    **dict.fromkeys(_LAS, (1.0, -1.0, 1.0)),
    **dict.fromkeys(("left-posterior-superior", "lps", "left-posterior-superior-time", "lpst"), (1.0, 1.0, 1.0)),
    **dict.fromkeys(("scanner-xyz", "scanner-xyz-time", "3d-right-handed", "3d-left-handed"), (1.0, 1.0, 1.0)),
    **dict.fromkeys(("3d-right-handed-time", "3d-left-handed-time"), (1.0, 1.0, 1.0)),
}


@dataclass(frozen=True)
class Axes:
    """Which axes are which, and the step of each axis in space (rows; None without ``space directions``)."""

    spatial: tuple[int, ...]
    component: int | None
    steps: np.ndarray | None


def axes_of(fields: Mapping[str, str], sizes: Sequence[int], path: Path) -> Axes:
    """Tells space, components and time apart by ``kinds`` and ``space directions``.

    Raises:
        InputError: complex numbers, several axes of components, fields of another length than the sizes.
    """
    kinds = fields["kinds"].lower().split() if "kinds" in fields else ["???"] * len(sizes)
    steps = _steps(fields["space directions"], path) if "space directions" in fields else None
    if len(kinds) != len(sizes) or (steps is not None and len(steps) != len(sizes)):
        raise damaged(path, f"{len(sizes)} sizes, kinds {fields.get('kinds')}")
    if _COMPLEX in kinds:
        raise InputError(f"'{path.name}' holds complex numbers.", "Save its magnitude as an image of its own.")
    components = [n for n, kind in enumerate(kinds) if kind not in _DOMAIN]
    if steps is not None and not components:
        # Some programs leave the kinds out and give no direction to what is not space.
        components = [n for n in range(len(sizes)) if steps[n] is None and kinds[n] != "time"]
    if len(components) > 1:
        raise InputError(
            f"'{path.name}' has {len(components)} axes of components (kinds {fields.get('kinds', 'not given')}).",
            "Save it with one, or each component as an image of its own.",
        )
    rest = [n for n in range(len(sizes)) if n not in components]
    spatial = [n for n in rest if kinds[n] != "time" and (steps is None or steps[n] is not None)][:3]
    if len(spatial) < 2:
        raise InputError(
            f"'{path.name}' has {len(spatial)} axes in space; an image has two or three.", "Choose another."
        )
    if steps is None:
        return Axes(tuple(spatial), components[0] if components else None, None)
    widths = {len(step) for n in spatial if (step := steps[n]) is not None}
    if len(widths) != 1 or not widths <= {2, 3, 4}:
        raise damaged(path, f"space directions {fields['space directions'][:100]}")
    table = np.array([steps[n] for n in spatial], float)[:, :3]
    return Axes(tuple(spatial), components[0] if components else None, table)


def grid_of(fields: Mapping[str, str], axes: Axes, sizes: Sequence[int], path: Path) -> Geometry:
    """The grid in LPS.

    Raises:
        GeometryError: axes that are no grid.
    """
    size = [sizes[n] for n in axes.spatial] + [1] * (3 - len(axes.spatial))
    space = fields.get("space", "").lower()
    if space and space not in _SPACES:
        raise damaged(path, f"space {space[:100]}")
    if axes.steps is None:
        return _plain_grid(fields, axes, sizes, size, path)
    origin = _vector(fields["space origin"], path) if "space origin" in fields else [0.0, 0.0, 0.0]
    columns = axes.steps.T
    if columns.shape == (3, 2):
        columns = np.column_stack([columns, _across(columns)])
    elif columns.shape == (2, 2):
        columns = flat_axes(columns)
    if columns.shape != (3, 3) or len(origin) < axes.steps.shape[1]:
        raise damaged(path, f"{axes.steps.shape} directions, origin of {len(origin)}")
    signs = np.array(_SPACES.get(space, (1.0, 1.0, 1.0)))
    place = np.array([*origin, 0.0, 0.0][:3]) * signs
    return grid(path, size, signs[:, None] * columns, place.tolist())


def _plain_grid(fields: Mapping[str, str], axes: Axes, sizes: Sequence[int], size: list[int], path: Path) -> Geometry:
    """Without directions: spacing and the least coordinate of each axis, in cells or between their centres."""
    spacings = _numbers(fields.get("spacings"), len(sizes), path)
    lows = _numbers(fields.get("axis mins"), len(sizes), path)
    spacing = [1.0 if np.isnan(spacings[n]) else spacings[n] for n in axes.spatial]
    origin = [0.0, 0.0, 0.0]
    if not np.isnan([lows[n] for n in axes.spatial]).any():
        centers = fields.get("centers", "").lower().split()
        for place, n in enumerate(axes.spatial):
            node = n < len(centers) and centers[n] == "node"
            origin[place] = lows[n] + (0.0 if node else spacing[place] / 2)
    return grid(path, size, np.diag([*spacing, 1.0][:3]), origin)


def _across(columns: np.ndarray) -> np.ndarray:
    normal = np.cross(columns[:, 0], columns[:, 1])
    length = np.linalg.norm(normal)
    return normal / length if np.isfinite(length) and length > 0 else np.zeros(3)


def _numbers(text: str | None, count: int, path: Path) -> list[float]:
    if text is None:
        return [float("nan")] * count
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError as error:
        raise damaged(path, str(error)) from error
    if len(numbers) != count:
        raise damaged(path, f"{len(numbers)} numbers for {count} axes")
    return numbers


def _steps(text: str, path: Path) -> list[list[float] | None]:
    """``(1,0,0) none (0,1,0)`` as a list; None for an axis that is not in space."""
    steps: list[list[float] | None] = []
    for word in text.replace(")", ") ").replace(", ", ",").split():
        steps.append(None if word.lower() == "none" else _vector(word, path))
    return steps


def _vector(text: str, path: Path) -> list[float]:
    try:
        if not (text.startswith("(") and text.endswith(")")):
            raise ValueError(text[:100])
        return [float(word) for word in text[1:-1].split(",")]
    except ValueError as error:
        raise damaged(path, str(error)) from error
