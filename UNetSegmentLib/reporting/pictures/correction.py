"""What a correction did, as a picture: before, after and the difference, in the planes through a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...io.atomic import atomic_path, check_writable
from ...volume import Segmentation, Volume
from ..drawing.canvas import MUTED, TEXT, Canvas
from ..drawing.marks import ADDED, RADIUS, REMOVED, Mark, draw_point
from ..drawing.panels import Column, Panels, layers_of, view_around
from ..drawing.shading import visible_color
from ..drawing.views import AXIAL, CORONAL, SAGITTAL, has_patient_axes, slice_plane
from ..units import size_words

_SIDE, _FLAT_SIDE = 460, 620
_EDGE, _GAP, _HEAD, _FOOT = 36, 14, 128, 92


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
    own = {correction.value: visible_color(correction.before.label(correction.value).color)}
    changed = layers_of(difference, {1: ADDED, 2: REMOVED}, filled=True)
    columns = [
        Column("Before", layers_of(correction.before, own), correction.marks),
        Column("After", layers_of(correction.after, own), correction.marks),
        Column("Changed", changed, correction.marks),
    ]
    corners = [geometry.cropped(layer.box).corners() for layer in changed if layer.box is not None]
    points = np.concatenate([*(mark.points for mark in correction.marks), *corners, correction.focus[None]])
    panels = Panels(correction.volume, view_around(points, correction.focus, geometry, planes), planes, side)
    panels.draw_columns(canvas, _EDGE, _HEAD, columns, _GAP)
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
        draw_point(canvas, np.array([x + RADIUS, y]), include, color)
        text = "include" if include else "exclude"
        canvas.text(x + 32, y, text, 19, TEXT, "lm")
        x += 32 + canvas.width(text, 19) + 48
    canvas.foot(_EDGE, canvas.image.height - 24, 16, sides=has_patient_axes(geometry))
