"""Places of a segmentation that one should look at, each in the planes that meet in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...geometry import Box, Triple
from ...io.atomic import atomic_path, check_writable
from ...postprocessing.boxes import label_boxes
from ...volume import Segmentation, Volume
from ..drawing.canvas import MUTED, TEXT, Canvas, Color
from ..drawing.panels import Layer, Margin, Panels, view_around
from ..drawing.shading import visible_color
from ..drawing.views import AXIAL, CORONAL, SAGITTAL, has_patient_axes, slice_plane

_SIDE, _EDGE, _GAP, _HEAD, _FOOT, _TITLE = 340, 36, 14, 96, 52, 44
_MARGIN = Margin(1.0, 16)


@dataclass(frozen=True, eq=False)
class ShownPlace:
    """A place as it is drawn.

    Args:
        words: what may be wrong.
        position: LPS mm where the planes meet.
        box: of the image, array order.
        inside: its voxels, boolean, shape of the box.
        color: that its voxels are filled with.
        segments: values of the segments whose borders are drawn.
    """

    words: str
    position: Triple
    box: Box
    inside: np.ndarray
    color: Color
    segments: tuple[int, ...]


def write_places(
    volume: Volume,
    segmentation: Segmentation,
    places: Sequence[ShownPlace],
    path: str | Path,
    legend: Sequence[tuple[str, Color]] = (),
) -> Path:
    """Draws places as PNG, a row for each: three planes, or the slice of an image that has one.

    Args:
        segmentation: on the image's grid.
        legend: what the colours of the places mean.

    Raises:
        OutputError: the file cannot be written.
        DependencyError: Pillow is not installed.
    """
    path = Path(path)
    check_writable(path)
    flat = slice_plane(segmentation.geometry)
    planes = (AXIAL, CORONAL, SAGITTAL) if flat is None else (flat,)
    width = 2 * _EDGE + 3 * _SIDE + 2 * _GAP
    row = _TITLE + _SIDE + _GAP
    canvas = Canvas(width, _HEAD + max(len(places), 1) * row + _FOOT)
    canvas.text(_EDGE, 48, canvas.fitted(f"Doubtful places in {volume.name}", 28, width - 2 * _EDGE), 28)
    boxes = label_boxes(segmentation.voxels)
    for number, place in enumerate(places):
        y = _HEAD + number * row
        canvas.text(_EDGE, y + 20, canvas.fitted(f"{number + 1}  {place.words}", 19, width - 2 * _EDGE), 19)
        filled = Segmentation(place.inside.astype(np.uint8), segmentation.geometry.cropped(place.box))
        layers = [
            Layer(filled, 1, place.color, Box.whole(place.inside.shape), filled=True),
            *(Layer(segmentation, n, visible_color(segmentation.label(n).color), boxes.get(n)) for n in place.segments),
        ]
        corners = segmentation.geometry.cropped(place.box).corners()
        view = view_around(corners, np.array(place.position), segmentation.geometry, planes, _MARGIN)
        panels = Panels(volume, view, planes, _SIDE)
        for column, plane in enumerate(planes):
            x = _EDGE + column * (_SIDE + _GAP)
            panels.draw(canvas, x, y + _TITLE - 12, plane, layers)
            panels.annotate(canvas, x, y + _TITLE - 12, plane)
    if not places:
        canvas.text(_EDGE, _HEAD + 40, "There are none.", 20, MUTED)
    _draw_legend(canvas, legend)
    canvas.foot(_EDGE, canvas.image.height - 20, 16, sides=has_patient_axes(segmentation.geometry))
    with atomic_path(path) as temporary:
        canvas.image.save(temporary, format="PNG", compress_level=4)
    return path


def _draw_legend(canvas: Canvas, legend: Sequence[tuple[str, Color]]) -> None:
    x = float(_EDGE)
    for words, color in legend:
        canvas.box(x, _HEAD - 30, 20, 20, color, 4)
        canvas.text(x + 28, _HEAD - 20, words, 18, TEXT, "lm")
        x += 28 + canvas.width(words, 18) + 32
