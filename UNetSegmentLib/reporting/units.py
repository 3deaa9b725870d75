"""What the size of a segment can honestly be told in: a volume, the area of one slice, or a number of pixels."""

from __future__ import annotations

import enum

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
