"""What a person draws to correct a mask: points, scribbles, lassos and boxes, in world coordinates.

Coordinates are LPS mm, as everywhere in the library. A prompt either *includes* (here the segment is) or *excludes*
(here it is not). Its **voxels** are what is then certain: see :mod:`.voxels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import InputError
from ...geometry import FARTHEST, IDENTITY_DIRECTION, Triple


@dataclass(frozen=True)
class Point:
    """A click.

    Args:
        position: LPS mm.
        include: the segment is here; False: it is not.
        segment: label value that it speaks of; None is the session's.

    Raises:
        InputError: no three finite numbers.
    """

    position: Triple
    include: bool = True
    segment: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "position", _points([self.position], 1)[0])


@dataclass(frozen=True)
class Scribble:
    """An open stroke: every voxel that the line passes is certain.

    Args:
        points: LPS mm, one or more, joined by straight lines.
        include, segment: as :class:`Point`'s.
        radius: of the brush, in mm; 0 is a line as thin as the voxels.

    Raises:
        InputError: no points, no finite numbers, a negative radius.
    """

    points: tuple[Triple, ...]
    include: bool = True
    segment: int | None = None
    radius: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _points(self.points, 1))
        radius = _numbers([self.radius])
        if radius.size != 1 or not 0 <= radius[0] < FARTHEST:
            raise InputError(f"A brush cannot have a radius of {self.radius} mm.", "Give 0 or more.")
        object.__setattr__(self, "radius", float(radius[0]))


@dataclass(frozen=True)
class Lasso:
    """A closed curve in a plane: what it encloses there is certain. Where it crosses itself, what an odd number of
    loops encloses counts.

    Args:
        points: LPS mm, three or more; the last is joined to the first. They may lie off their common plane by rounding.
        include, segment: as :class:`Point`'s.

    Raises:
        InputError: fewer than three points, no finite numbers.
    """

    points: tuple[Triple, ...]
    include: bool = True
    segment: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _points(self.points, 3))


@dataclass(frozen=True)
class BoxPrompt:
    """A box, turned as its axes say; with one side of 0 mm it is a rectangle in a plane.

    Including, the object lies *within* it: its middle is certain, and nothing changes outside. Excluding, the whole of
    it is certain.

    Args:
        center: LPS mm.
        size: length of the sides in mm, along the axes; two of three must be above 0.
        axes: nine numbers, row by row; column n is the LPS unit vector of side n.
        include, segment: as :class:`Point`'s.

    Raises:
        InputError: no finite numbers, no extent, axes that are not perpendicular unit vectors.
    """

    center: Triple
    size: Triple
    include: bool = True
    segment: int | None = None
    axes: tuple[float, ...] = field(default=IDENTITY_DIRECTION)

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", _points([self.center], 1)[0])
        object.__setattr__(self, "size", _points([self.size], 1)[0])
        axes = _numbers(self.axes).ravel()
        object.__setattr__(self, "axes", tuple(axes.tolist()))
        if min(self.size) < 0 or sum(side > 0 for side in self.size) < 2:
            raise InputError(f"A box with sides of {self.size} mm holds nothing.", "Draw it larger.")
        square = axes.reshape(3, 3) if axes.size == 9 else np.zeros((3, 3))
        if not np.all(np.isfinite(square)) or np.abs(square.T @ square - np.eye(3)).max() > 1e-3:
            raise InputError(
                "The axes of a box are not perpendicular unit vectors.", "Give nine numbers, or draw the box again."
            )


Prompt = Point | Scribble | Lasso | BoxPrompt


def _points(points: Sequence[Sequence[float]], least: int) -> tuple[Triple, ...]:
    array = _numbers(points)
    if array.ndim != 2 or array.shape[1] != 3 or len(array) < least:
        raise InputError(
            f"A prompt needs {least} or more points of three coordinates (LPS mm).", "Draw it again, or check the file."
        )
    if not np.isfinite(array).all():
        raise InputError("A prompt holds coordinates that are not finite.", "Draw it again, or check the file.")
    if not (np.abs(array) <= FARTHEST).all():
        raise InputError(
            f"A prompt lies more than {FARTHEST / 1e6:.0f} km away.", "Draw it on the image, or check the file's units."
        )
    return tuple((float(x), float(y), float(z)) for x, y, z in array)


def _numbers(values: object) -> np.ndarray:
    """Real numbers as an array; an empty one for anything else."""
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError):
        return np.empty(0)
