"""The region of interest as text or as a file that Slicer saved."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..geometry import Box, Geometry

HELP = (
    "Region to segment: x0,x1,y0,y1,z0,z1 in mm RAS (the coordinates that Slicer shows); or voxels:i0,i1,j0,j1,k0,k1 "
    "(half-open); or a Markups ROI saved by Slicer (.mrk.json)."
)
_PREFIX = "voxels:"


def region_file(text: str | None) -> Path | None:
    """The file that a region's text names; None where it is numbers."""
    return Path(text) if text is not None and text.lower().endswith(".json") else None


def parse_region(text: str, geometry: Geometry) -> Box:
    """The voxels that a region's text means on a grid.

    Raises:
        InputError: not of a form in :data:`HELP`, or no voxel of the image lies inside.
    """
    file = region_file(text)
    if file is not None:
        box = _of_markups(file, geometry)
    elif text.startswith(_PREFIX):
        numbers = _numbers(text.removeprefix(_PREFIX), text)
        if any(number != round(number) for number in numbers):
            raise InputError(f"'{text}' has parts of voxels.", "Give whole numbers, or mm without 'voxels:'.")
        starts, stops = (tuple(_index(v) for v in numbers[end::2][::-1]) for end in (0, 1))
        box = Box((starts[0], starts[1], starts[2]), (stops[0], stops[1], stops[2]))
        box = box.intersect(Box.whole(geometry.shape))
    else:
        numbers = _numbers(text, text)
        low, high = (np.array(numbers[end::2]) * (-1.0, -1.0, 1.0) for end in (0, 1))
        box = geometry.box_of(tuple(np.minimum(low, high)), tuple(np.maximum(low, high)))
    if box.empty:
        raise InputError(
            f"The region '{text}' lies outside the image ({extent_words(geometry)}).", "Choose another region."
        )
    return box


def _numbers(text: str, whole: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 6 or not np.all(np.isfinite(numbers)):
        raise InputError(
            f"'{whole}' is no region.", "Give six numbers 'x0,x1,y0,y1,z0,z1' in mm RAS, or 'voxels:i0,i1,j0,j1,k0,k1'."
        )
    return numbers


def _index(number: float) -> int:
    """A voxel's number; what lies beyond every image stays there."""
    return int(min(max(number, -1.0), float(2**31)))


def _of_markups(path: Path, geometry: Geometry) -> Box:
    """The smallest box of voxels around a (possibly turned) Markups ROI."""
    from .markups import read_region

    roi = read_region(path)
    sides = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
    with np.errstate(over="ignore", invalid="ignore"):
        return geometry.box_around(sides * roi.size @ np.reshape(roi.axes, (3, 3)).T + roi.center)


def extent_words(geometry: Geometry) -> str:
    """Where a grid lies along the patient's axes, as ``R -12 to 30, A ...``: mm RAS, those in which a user points."""
    corners = geometry.corners() * (-1.0, -1.0, 1.0)
    ends = zip("RAS", corners.min(axis=0), corners.max(axis=0), strict=True)
    return ", ".join(f"{axis} {_round(low)} to {_round(high)}" for axis, low, high in ends) + " mm"


def _round(value: float) -> int:
    return round(float(value))
