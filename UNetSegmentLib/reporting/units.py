"""What the size of a segment can honestly be told in: a volume, the area of one slice, or a number of pixels."""

from __future__ import annotations

import enum
import math

from ..geometry import Geometry
from ..photographs import is_photograph


class SizeKind(enum.Enum):
    """How a segment's size is told."""

    VOLUME = "volume"
    AREA = "area"
    PIXELS = "pixels"


def size_kind(geometry: Geometry) -> SizeKind:
    """How sizes on a grid are told.

    One slice has an area: the thickness in its header is often made up, and nobody knows what lies beyond it. A
    photograph has pixels only.
    """
    if normal_axis(geometry) is None:
        return SizeKind.VOLUME
    return SizeKind.PIXELS if is_photograph(geometry) else SizeKind.AREA


def normal_axis(geometry: Geometry) -> int | None:
    """For one slice the index axis (0 is i) that it has a single voxel along, the last one first; else None."""
    return next((axis for axis in (2, 1, 0) if geometry.size[axis] == 1), None)


def size_words(voxels: int, geometry: Geometry) -> str:
    """A number of voxels as people are told it: ``3.21 mL``, ``45.0 mm²`` in one slice, ``1 204 px`` in a photograph.

    Empty where there are none.
    """
    if not voxels:
        return ""
    kind, axis = size_kind(geometry), normal_axis(geometry)
    if kind is SizeKind.PIXELS:
        return f"{voxels:,} px".replace(",", " ")
    if kind is SizeKind.AREA:
        return _rounded(voxels * math.prod(s for n, s in enumerate(geometry.spacing) if n != axis), "mm²")
    return _rounded(voxels * math.prod(geometry.spacing) / 1000.0, "mL")


def _rounded(size: float, unit: str) -> str:
    decimals = next(n for n, least in enumerate((100.0, 10.0, 0.1, 0.0)) if size >= least)
    return f"{size:.{decimals}f} {unit}"
