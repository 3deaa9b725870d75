"""What a correction did, as a picture: before, after and the difference, in the planes through a prompt."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry import Geometry
from ..io.atomic import atomic_path, check_writable
from ..postprocessing.boxes import label_boxes
from ..version import __version__
from ..volume import Segmentation, Volume
from .agreement import EXTRA, MISSED
from .canvas import BACKGROUND, MUTED, TEXT, Canvas, Color
from .panels import Panels, layers_of
from .shading import visible_color
from .units import size_words
from .views import AXIAL, CORONAL, SAGITTAL, Plane, View, has_patient_axes, slice_plane

ADDED: Color = MISSED.color
REMOVED: Color = EXTRA.color
"""As in the pictures of scores, what was missing and what was too much."""

_SIDE, _FLAT_SIDE = 460, 620
_EDGE, _GAP, _HEAD, _FOOT = 36, 14, 128, 92
_MARK = 11
# Share of the longest side that is shown around what changed, and at least so many voxels.
_MARGIN, _LEAST_MARGIN = 0.35, 14
_TITLES = ("Before", "After", "Changed")


class MarkKind(enum.Enum):
    """How the points of a mark are meant: each for itself, joined, joined in a ring, or as the corners of a box."""

    POINT = "point"
    LINE = "line"
    RING = "ring"
    BOX = "box"


@dataclass(frozen=True, eq=False)
class Mark:
    """A prompt as it is drawn.

    Args:
        points: LPS mm, shape (n, 3). Of a box eight: two whose numbers differ in one bit share an edge.
        include: whether it says that the segment is here.
    """

    points: np.ndarray
    include: bool
    kind: MarkKind = MarkKind.POINT


@dataclass(frozen=True, eq=False)
class Correction:
    """What is drawn.

    Args:
        volume: the image.
        before, after: on its grid.
        value: the segment that was corrected.
        marks: the prompts.
        focus: LPS mm where the planes meet.
    """

    volume: Volume
    before: Segmentation
    after: Segmentation
    value: int
    marks: Sequence[Mark]
    focus: np.ndarray


def write_correction(correction: Correction, path: str | Path) -> Path:
    """Draws a correction as PNG: a row for each plane (one for an image of a single slice), three pictures in each.

    Prompts are drawn in the planes that pass their voxels.

    Raises:
        OutputError: the file cannot be written.
        DependencyError: Pillow is not installed.
    """
    path = Path(path)
    check_writable(path)
    geometry = correction.before.geometry
    flat = slice_plane(geometry)
    planes = (AXIAL, CORONAL, SAGITTAL) if flat is None else (flat,)
    side = _SIDE if flat is None else _FLAT_SIDE
    width = 2 * _EDGE + 3 * side + 2 * _GAP
    canvas = Canvas(width, _HEAD + len(planes) * (side + _GAP) + _FOOT)
    difference = _difference(correction)
    view = _view(correction, difference, planes)
    own = {correction.value: visible_color(correction.before.label(correction.value).color)}
    columns = (
        layers_of(correction.before, own),
        layers_of(correction.after, own),
        layers_of(difference, {1: ADDED, 2: REMOVED}, filled=True),
    )
    panels = Panels(correction.volume, view, planes, side)
    for row, plane in enumerate(planes):
        y = _HEAD + row * (side + _GAP)
        for column, layers in enumerate(columns):
            x = _EDGE + column * (side + _GAP)
            panels.draw(canvas, x, y, plane, layers)
            _draw_marks(canvas, x, y, side, correction, view, plane)
            if not row:
                canvas.text(x, _HEAD - 12, _TITLES[column], 20, MUTED)
        panels.annotate(canvas, _EDGE, y, plane)
    _draw_words(canvas, correction, difference, width)
    with atomic_path(path) as temporary:
        canvas.image.save(temporary, format="PNG", compress_level=4)
    return path


def _difference(correction: Correction) -> Segmentation:
    """1 where the segment is new, 2 where it was."""
    before, after = (one.voxels == correction.value for one in (correction.before, correction.after))
    voxels = np.zeros(before.shape, np.uint8)
    voxels[after & ~before] = 1
    voxels[before & ~after] = 2
    return Segmentation(voxels, correction.before.geometry)


def _view(correction: Correction, difference: Segmentation, planes: Sequence[Plane]) -> View:
    """Near what changed and the prompts, with enough around them to see where they lie; never beyond the image."""
    geometry = difference.geometry
    parts = [mark.points for mark in correction.marks] + [np.array([correction.focus])]
    parts += [geometry.cropped(box).corners() for box in label_boxes(difference.voxels).values()]
    every = geometry.corners()
    points = np.clip(np.concatenate(parts), every.min(axis=0), every.max(axis=0))
    low, high = points.min(axis=0), points.max(axis=0)
    directions = [direction for plane in planes for direction in (plane.right, plane.down)]
    longest = max(float(np.ptp(points @ direction)) for direction in directions)
    finest = min((s for s, n in zip(geometry.spacing, geometry.size, strict=True) if n > 1), default=1.0)
    longest += 2 * max(_MARGIN * longest, _LEAST_MARGIN * finest)
    whole = max(float(np.ptp(every @ direction)) for direction in directions)
    centre = (low + high) / 2 if longest < whole else (every.min(axis=0) + every.max(axis=0)) / 2
    return View(centre, correction.focus, min(longest, whole))


def _draw_marks(canvas: Canvas, x: int, y: int, side: int, correction: Correction, view: View, plane: Plane) -> None:
    thickness = _half_thickness(correction.before.geometry, plane)
    for mark in correction.marks:
        color = ADDED if mark.include else REMOVED
        pieces = _seen(mark, view.origin(plane), plane, thickness)
        places = np.stack([pieces @ plane.right, pieces @ plane.down], axis=-1) / view.field_mm * side + side / 2
        places = places[np.all((places >= 0) & (places <= side), axis=(1, 2))] + (x, y)
        if mark.kind is MarkKind.POINT:
            for place in places[:, 0]:
                _draw_point(canvas, place, mark.include, color)
            continue
        for shade, width in ((BACKGROUND, 6), (color, 3)):
            for (x0, y0), (x1, y1) in places.tolist():
                canvas.line(x0, y0, x1, y1, shade, width)


def _seen(mark: Mark, origin: np.ndarray, plane: Plane, thickness: float) -> np.ndarray:
    """The pieces of a mark in a plane, from the picture's middle: LPS mm, shape (pieces, 2 ends, 3)."""
    offsets = mark.points - origin
    if mark.kind is MarkKind.BOX:
        return _outline(offsets, plane, thickness)
    ends = np.roll(offsets, -1, axis=0) if mark.kind is not MarkKind.POINT else offsets
    pieces = np.stack([offsets, ends], axis=1)
    if mark.kind is MarkKind.LINE:
        pieces = pieces[:-1]
    return np.asarray(pieces[np.all(np.abs(pieces @ plane.normal) <= thickness, axis=1)])


def _outline(corners: np.ndarray, plane: Plane, thickness: float) -> np.ndarray:
    """Where a plane cuts a box, as pieces; the whole of a flat box that lies in it."""
    depths = corners @ plane.normal
    if np.abs(depths).max() <= thickness:
        met = corners
    else:
        edges = [(a, b) for a in range(8) for b in range(a) if (a ^ b).bit_count() == 1]
        cut = [(a, b) for a, b in edges if (depths[a] < 0) != (depths[b] < 0)]
        share = [depths[a] / (depths[a] - depths[b]) for a, b in cut]
        met = np.array([corners[a] + s * (corners[b] - corners[a]) for (a, b), s in zip(cut, share, strict=True)])
    if not len(met):
        return np.zeros((0, 2, 3))
    around = met - met.mean(axis=0)
    order = np.argsort(np.arctan2(around @ plane.down, around @ plane.right))
    return np.stack([met[order], np.roll(met[order], -1, axis=0)], axis=1)


def _draw_point(canvas: Canvas, place: np.ndarray, include: bool, color: Color) -> None:
    """A disc with a plus or a minus."""
    x, y = place.tolist()
    for shade, radius in ((BACKGROUND, _MARK + 2), (color, _MARK)):
        canvas.box(x - radius, y - radius, 2 * radius, 2 * radius, shade, radius)
    canvas.line(x - 5, y, x + 5, y, TEXT, 3)
    if include:
        canvas.line(x, y - 5, x, y + 5, TEXT, 3)


def _half_thickness(geometry: Geometry, plane: Plane) -> float:
    """Half of what a voxel measures along a plane's normal, and a little for rounding."""
    steps = np.asarray(geometry.direction).reshape(3, 3) * np.asarray(geometry.spacing)
    return float(np.abs(plane.normal @ steps).sum() / 2 * 1.001)


def _draw_words(canvas: Canvas, correction: Correction, difference: Segmentation, width: int) -> None:
    geometry, room = difference.geometry, width - 2 * _EDGE
    sizes = [
        size_words(int(np.count_nonzero(one.voxels == correction.value)), geometry) or "nothing"
        for one in (correction.before, correction.after)
    ]
    name = correction.after.label(correction.value).name
    count = len(correction.marks)
    words = f"{sizes[0]} before, {sizes[1]} after {count} prompt{'' if count == 1 else 's'}"
    canvas.text(_EDGE, 52, canvas.fitted(f"{name} in {correction.volume.name}", 30, room), 30)
    canvas.text(_EDGE, 84, canvas.fitted(words, 20, room), 20, MUTED)
    y, x = canvas.image.height - _FOOT + 22, float(_EDGE)
    for value, word, color, include in ((1, "added", ADDED, True), (2, "taken away", REMOVED, False)):
        size = size_words(int(np.count_nonzero(difference.voxels == value)), geometry) or "nothing"
        canvas.box(x, y - 11, 22, 22, color, 4)
        text = f"{word}  {size}"
        canvas.text(x + 32, y, text, 19, TEXT, "lm")
        x += 32 + canvas.width(text, 19) + 36
        _draw_point(canvas, np.array([x + _MARK, y]), include, color)
        text = "include" if include else "exclude"
        canvas.text(x + 32, y, text, 19, TEXT, "lm")
        x += 32 + canvas.width(text, 19) + 48
    foot = canvas.image.height - 24
    if has_patient_axes(geometry):
        canvas.text(_EDGE, foot, "Radiological view: the patient's right is on the left.", 16, MUTED)
    note = f"UNetSegment {__version__}. For research, not for diagnosis."
    canvas.text(width - _EDGE, foot, note, 16, MUTED, "rs")
