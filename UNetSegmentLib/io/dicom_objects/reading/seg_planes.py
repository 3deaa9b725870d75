"""Which plane of a grid each frame of a SEG is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....errors import GeometryError, InputError
from ....geometry import IDENTITY_DIRECTION, Geometry
from .image_grid import ImagePlace
from .seg_frames import Plane, SegFile

_UNIT = 1e-3
_OFF = 0.1  # of the distance of two planes: headers round
_PARALLEL = 1 - 1e-4
_DRAWN_ON = "Export the segmentation again, on its series."


def planes_of(seg: SegFile, image: ImagePlace | None) -> tuple[Geometry, tuple[int, ...], tuple[str, ...]]:
    """The grid of the frames, the number of each frame's plane in it, and what was assumed.

    The grid reaches from the first frame to the last; frames that were left out because nothing is in them are planes
    of it. How far planes lie apart is the image's, where frames lie in planes of the image; else what the file states
    or the least distance of two frames, whichever suits them all.

    Raises:
        InputError: frames without a place.
        GeometryError: frames of different directions or sizes, or at uneven distances.
    """
    first = seg.planes[0]
    if any(plane.position is None or plane.orientation is None for plane in seg.planes):
        return _flat(seg)
    axes = _axes(seg, seg.planes)
    spacing, notes = _spacing(first)
    positions = np.array([plane.position for plane in seg.planes])
    across = positions @ axes[:, :2]
    if np.abs(across - across[0]).max() > _OFF * min(spacing):
        raise GeometryError(
            f"The frames of '{seg.path.name}' do not lie straight above each other (a tilted gantry, perhaps).",
            "Regularise series and segmentation in Slicer first ('Acquisition geometry regularization').",
        )
    heights = positions @ axes[:, 2]
    base, step, more = _steps(seg, heights, axes[:, 2], image)
    numbers = np.rint((heights - base) / step).astype(int)
    origin = positions[0] + (base - heights[0]) * axes[:, 2]
    size = (seg.shape[1], seg.shape[0], int(numbers.max()) + 1)
    geometry = Geometry(size, (spacing[1], spacing[0], step), tuple(map(float, origin)), tuple(axes.ravel()))  # type: ignore[arg-type]
    return geometry, tuple(int(n) for n in numbers), (*notes, *more)


def _flat(seg: SegFile) -> tuple[Geometry, tuple[int, ...], tuple[str, ...]]:
    """The grid of a picture that has no place in the patient: one plane, for any number of segments."""
    segments = [plane.segment for plane in seg.planes]
    if len(set(segments)) < len(segments) or any(plane.position is not None for plane in seg.planes):
        raise InputError(
            f"'{seg.path.name}' does not say where its frames lie, and there are several of one segment.", _DRAWN_ON
        )
    spacing, notes = _spacing(seg.planes[0])
    size = (seg.shape[1], seg.shape[0], 1)
    geometry = Geometry(size, (spacing[1], spacing[0], 1.0), (0.0, 0.0, 0.0), IDENTITY_DIRECTION)
    return geometry, (0,) * len(segments), (*notes, f"'{seg.path.name}' has no place in the patient.")


def _axes(seg: SegFile, planes: Sequence[Plane]) -> np.ndarray:
    """3x3: the directions of x, y and the normal as columns."""
    given = np.array([plane.orientation for plane in planes]).reshape(-1, 2, 3)
    spacings = {plane.spacing for plane in planes}
    if np.abs(given - given[0]).max() > _UNIT or len(spacings) > 1:
        raise GeometryError(f"The frames of '{seg.path.name}' lie in different directions or sizes.", _DRAWN_ON)
    rows = given[0]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if np.abs(lengths - 1).max() > _UNIT or abs(float(rows[0] @ rows[1])) > _UNIT:
        raise GeometryError(f"The frames of '{seg.path.name}' have axes that are no right angle.", _DRAWN_ON)
    rows = rows / lengths
    return np.stack([*rows, np.cross(rows[0], rows[1])], axis=1)


def _spacing(plane: Plane) -> tuple[tuple[float, float], tuple[str, ...]]:
    if plane.spacing is not None and min(plane.spacing) > 0:
        return (plane.spacing[0], plane.spacing[1]), ()
    return (1.0, 1.0), ("The segmentation states no pixel size; 1 mm is assumed.",)


def _steps(
    seg: SegFile, heights: np.ndarray, normal: np.ndarray, image: ImagePlace | None
) -> tuple[float, float, tuple[str, ...]]:
    """Height of the lowest plane, distance of the planes, and what was assumed."""
    low, high = float(heights.min()), float(heights.max())
    if image is not None:
        of_image = _of_image(image.geometry, normal)
        if of_image is not None:
            start, step = of_image
            places = (heights - start) / step
            if np.abs(places - np.rint(places)).max() <= _OFF:
                return start + step * float(np.rint(places).min()), step, ()
    stated = seg.planes[0].depth
    gaps = np.diff(np.unique(np.round(heights, 4)))
    if high - low < _UNIT or not len(gaps):
        return low, stated or 1.0, () if stated else ("The only plane states no thickness; 1 mm is assumed.",)
    for guess in (stated, float(gaps.min())):
        if not guess:
            continue
        step = (high - low) / max(round((high - low) / guess), 1)
        places = (heights - low) / step
        if abs(step - guess) <= _OFF * guess and np.abs(places - np.rint(places)).max() <= _OFF:
            return low, step, ()
    raise GeometryError(
        f"The frames of '{seg.path.name}' lie at uneven distances ({gaps.min():.4g} to {gaps.max():.4g} mm).",
        "Give the image that it was drawn on, whose planes they are.",
    )


def _of_image(geometry: Geometry, normal: np.ndarray) -> tuple[float, float] | None:
    """Height of the image's first plane along a normal and the distance of its planes; None where it has none there."""
    directions = np.asarray(geometry.direction, float).reshape(3, 3)
    along = directions.T @ normal
    axis = int(np.argmax(np.abs(along)))
    if abs(along[axis]) < _PARALLEL:
        return None
    return float(np.asarray(geometry.origin) @ normal), float(geometry.spacing[axis])
