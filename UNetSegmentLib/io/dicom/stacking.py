"""The pictures of a series as one regular grid: sorted along their normal, and refused where they make none.

Every slice is judged against the grid that is made of all, not against its neighbour: small deviations add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import GeometryError, InputError
from ...geometry import Geometry, Triple
from .duplicates import without_copies
from .folder import Series
from .frames import Frame
from .header import Slice
from .volumes import places_of, several_volumes

_MOVE = "Keep the files of one acquisition in the folder (for example move scouts away)."
_RESAMPLE = "Resample it to a regular grid first with Slicer's 'Acquisition geometry regularization'."
_DEFAULT_AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_UNIT = 1e-3


@dataclass(frozen=True)
class Stack:
    """Which picture becomes which plane.

    Args:
        planes: for each plane, from the first, the file and the number of the picture in it.
        geometry: the grid.
        notes: what was assumed or left out, as sentences.
    """

    planes: tuple[tuple[Slice, int], ...]
    geometry: Geometry
    notes: tuple[str, ...]


def stack(series: Series) -> Stack:
    """Sorts and checks the pictures of a series.

    Raises:
        InputError: different sizes or planes, several volumes, no positions, films, mosaics.
        GeometryError: missing slices, a tilted gantry, a header whose axes or spacings make no grid.
    """
    slices, notes = without_copies(series)
    name = str(series)
    _check_kinds(name, slices)
    planes = [(item, index) for item in slices for index in range(len(item.frames))]
    frames = [item.frames[index] for item, index in planes]
    if len(planes) == 1:
        geometry, more = _single(slices[0], frames[0])
        return Stack(tuple(planes), geometry, notes + more)
    _check_positions(name, slices, frames)
    notes += _spaces(slices)
    _check_planes(name, slices[0].size, frames)
    axes = _axes(frames[0])
    positions = np.array([frame.position for frame in frames])
    order = np.argsort(positions @ axes[:, 2], kind="stable")
    positions = positions[order]
    places = places_of(positions @ axes[:, 2])
    if places[-1] + 1 < len(planes):
        raise several_volumes(name, [frames[n] for n in order], places)
    spacing, more = _spacing_of(frames[0])
    gap = _gap(name, positions, axes[:, 2], min(spacing))
    size = (*slices[0].size, len(planes))
    geometry = Geometry(size, (*spacing, gap), _triple(positions[0]), tuple(axes.ravel()))
    return Stack(tuple(planes[n] for n in order), geometry, notes + more)


def _single(item: Slice, frame: Frame) -> tuple[Geometry, tuple[str, ...]]:
    spacing, notes = _spacing_of(frame)
    depth = frame.depth
    if depth is None:
        depth = 1.0
        if frame.position is not None:
            notes = (*notes, "The only slice states no thickness; 1 mm is assumed.")
    axes = _axes(frame)
    origin = _triple(frame.position or (0.0, 0.0, 0.0))
    return Geometry((*item.size, 1), (*spacing, depth), origin, tuple(axes.ravel())), notes


def _spaces(slices: list[Slice]) -> tuple[str, ...]:
    if len({item.study for item in slices}) > 1:
        # Made-up UIDs: those of the frames of reference are too.
        return ("Every file states a study of its own; they were taken for one series, as its UID says.",)
    number = len({item.reference for item in slices})
    if number == 1:
        return ()
    return (
        f"The slices state {number} frames of reference; their positions were taken to be in one space. Check that "
        "the picture has no step.",
    )


def _spacing_of(frame: Frame) -> tuple[tuple[float, float], tuple[str, ...]]:
    if frame.spacing is not None:
        return frame.spacing, ()
    return (1.0, 1.0), ("The header states no pixel size; 1 mm is assumed, so lengths and volumes are not in mm.",)


def _axes(frame: Frame) -> np.ndarray:
    """3x3: the directions of x, y and the normal as columns."""
    given = np.array(frame.orientation or _DEFAULT_AXES).reshape(2, 3)
    lengths = np.linalg.norm(given, axis=1, keepdims=True)
    if np.abs(lengths - 1).max() < _UNIT:
        given = given / lengths
    return np.stack([*given, np.cross(given[0], given[1])], axis=1)


def _check_kinds(name: str, slices: list[Slice]) -> None:
    first = slices[0]
    if any(item.mosaic for item in slices):
        raise InputError(
            f"Series {name} is a Siemens mosaic: each file holds all slices of a volume as tiles of one picture.",
            "Convert it with dcm2niix or load it with Slicer, and give the volume that comes out.",
        )
    if any(item.size != first.size or item.samples != first.samples for item in slices):
        raise InputError(f"The files of series {name} differ in size.", _MOVE)


def _check_positions(name: str, slices: list[Slice], frames: list[Frame]) -> None:
    lost = sum(frame.position is None or frame.orientation is None for frame in frames)
    if not lost:
        return
    if any(item.film for item in slices):
        raise InputError(
            f"Series {name} is a film of {len(frames)} pictures, no volume.",
            "Save the picture that you want as a file of its own, for example as PNG.",
        )
    which = "The" if lost == len(frames) else f"{lost} of the {len(frames)}"
    raise InputError(
        f"{which} slices of series {name} do not say where in the patient they lie.",
        "Export the series again with its positions (without them order and distance are a guess), or give one of its "
        "files to read that picture alone.",
    )


def _check_planes(name: str, size: tuple[int, int], frames: list[Frame]) -> None:
    """All slices have the pixels of the first one: judged at their far corners, where small angles show most."""
    spacing = np.array([frame.spacing or (1.0, 1.0) for frame in frames])
    axes = np.array([frame.orientation for frame in frames]).reshape(-1, 2, 3)
    sides = axes * (spacing * (np.array(size) - 1))[:, :, None]
    pixel = float(spacing[0].min())
    off = np.linalg.norm(sides - sides[0], axis=2).max()
    if off <= _allowed(pixel):
        return
    turned = np.abs(axes - axes[0]).max() > _UNIT
    if turned:
        raise InputError(f"The files of series {name} lie in different planes.", _MOVE)
    if np.abs(spacing / spacing[0] - 1).max() > _UNIT:
        raise InputError(f"The files of series {name} differ in pixel spacing.", _MOVE)
    raise InputError(f"The slices of series {name} are turned or scaled against each other by {off:.2g} mm.", _RESAMPLE)


def _gap(name: str, positions: np.ndarray, normal: np.ndarray, pixel: float) -> float:
    """The distance between slices, when they are evenly and squarely stacked.

    Args:
        positions: LPS mm, shape (n, 3), sorted along the normal.
    """
    heights = (positions - positions[0]) @ normal
    steps = np.diff(heights)
    # Without the last digits, which are the rounding of the division.
    gap = float(f"{heights[-1] / len(steps):.10g}")
    off = float(np.abs(heights - gap * np.arange(len(heights))).max())
    if off > _allowed(gap):
        missing = steps.max() > 1.5 * np.median(steps)
        raise GeometryError(
            f"The slices of series {name} are not evenly spaced ({steps.min():.4g} to {steps.max():.4g} mm, up to "
            f"{off:.2g} mm from an even grid){': some are missing' if missing else ''}.",
            "Complete the series, or resample it with Slicer's 'Acquisition geometry regularization'.",
        )
    sideways = float(np.linalg.norm(positions - positions[0] - heights[:, None] * normal, axis=1).max())
    if sideways > _allowed(pixel):
        angle = np.degrees(np.arctan2(sideways, heights[-1]))
        raise GeometryError(
            f"The slices of series {name} are shifted against each other by up to {sideways:.2g} mm ({angle:.2g} "
            "degrees: a tilted gantry).",
            _RESAMPLE,
        )
    return gap


def _triple(values: Sequence[float] | np.ndarray) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _allowed(unit: float) -> float:
    """How far (mm) a slice may lie from its place: a tenth of a voxel, or the rounding of headers with one decimal."""
    return max(0.1 * unit, min(0.08, 0.25 * unit))
