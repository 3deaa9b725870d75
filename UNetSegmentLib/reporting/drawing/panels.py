"""Pictures of planes through an image with segments drawn over them, one view for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...geometry import Box, Geometry
from ...postprocessing.boxes import label_boxes
from ...volume import Segmentation, Volume
from .canvas import MUTED, PANEL, TEXT, Canvas, Color
from .marks import Mark, draw_marks
from .shading import grey, grey_window, paint_label
from .views import Plane, View, cut_image, cut_label, has_patient_axes

_FINER, _LINE = 2, 2.0
_FILLED = 1e6
# Pixels from which a plane's name and depth leave room for the letter in the middle.
_WIDE = 440


@dataclass(frozen=True, eq=False)
class Layer:
    """A label as it is drawn.

    Args:
        segmentation: on any grid.
        box: of the label's voxels in it; None where there are none.
        filled: the whole of it, rather than its border.
    """

    segmentation: Segmentation
    value: int
    color: Color
    box: Box | None
    filled: bool = False


def layers_of(segmentation: Segmentation, colors: Mapping[int, Color], filled: bool = False) -> list[Layer]:
    """A layer for each value that has a colour."""
    boxes = label_boxes(segmentation.voxels)
    return [Layer(segmentation, value, color, boxes.get(value), filled) for value, color in colors.items()]


@dataclass(frozen=True, eq=False)
class Column:
    """Pictures below each other, of one state of the segments: its title, what is drawn over the image, the prompts."""

    title: str
    layers: Sequence[Layer]
    marks: Sequence[Mark] = ()


@dataclass(frozen=True)
class Margin:
    """What is shown around what matters: a share of its longest side, and so many voxels at least."""

    share: float = 0.35
    least: int = 14


def view_around(
    points: np.ndarray, focus: np.ndarray, geometry: Geometry, planes: Sequence[Plane], margin: Margin | None = None
) -> View:
    """Near some points, with enough around them to see where they lie; never larger than the image.

    Args:
        points: LPS mm, shape (n, 3).
        focus: LPS mm where the planes meet.
        geometry: of the image.
        margin: around the points; None is the usual one.
    """
    margin = margin or Margin()
    every = geometry.corners()
    points = np.clip(points, every.min(axis=0), every.max(axis=0))
    directions = [direction for plane in planes for direction in (plane.right, plane.down)]
    longest, whole = (max(float(np.ptp(some @ axis)) for axis in directions) for some in (points, every))
    finest = min((s for s, n in zip(geometry.spacing, geometry.size, strict=True) if n > 1), default=1.0)
    longest += 2 * max(margin.share * longest, margin.least * finest)
    shown = points if longest < whole else every
    return View((shown.min(axis=0) + shown.max(axis=0)) / 2, focus, min(longest, whole))


class Panels:
    """Square pictures of the planes of one view, all in one grey window.

    Args:
        volume: the image; three channels of 8 bits are shown as colours.
        side: pixels.
    """

    def __init__(self, volume: Volume, view: View, planes: Sequence[Plane], side: int) -> None:
        if volume.channels == 4:
            # Without the transparency of a picture.
            volume = replace(volume, voxels=volume.voxels[:3])
        self._geometry = volume.geometry
        self._view, self._planes, self._side = view, tuple(planes), side
        self._cuts = {plane.name: cut_image(volume, view, plane, side) for plane in planes}
        colours = volume.channels == 3 and volume.voxels.dtype == np.uint8
        self._window = (0.0, 255.0) if colours else grey_window(list(self._cuts.values()))

    def draw_columns(self, canvas: Canvas, x: int, y: int, columns: Sequence[Column], gap: int) -> None:
        """A row for each plane, a picture of each column in it; titles stand above ``y``."""
        for row, plane in enumerate(self._planes):
            top = y + row * (self._side + gap)
            for number, column in enumerate(columns):
                left = x + number * (self._side + gap)
                self.draw(canvas, left, top, plane, column.layers)
                draw_marks(canvas, left, top, self._side, column.marks, self._geometry, self._view, plane)
                if not row:
                    canvas.text(left, y - 12, column.title, 20, MUTED)
            self.annotate(canvas, x, top, plane)

    def draw(self, canvas: Canvas, x: int, y: int, plane: Plane, layers: Sequence[Layer]) -> None:
        """The image in a plane, and the layers over it."""
        cut = grey(self._cuts[plane.name], self._window, PANEL)
        fine = np.repeat(np.repeat(cut, _FINER, axis=0), _FINER, axis=1)
        for layer in layers:
            if layer.box is None:
                continue
            found = cut_label(layer.segmentation, layer.value, layer.box, self._view, plane, len(fine))
            if found is not None:
                line = _FILLED if layer.filled else _LINE * _FINER
                paint_label(fine[found[0]], found[1], layer.color, line, 0.0)
        coarse = fine.reshape(self._side, _FINER, self._side, _FINER, 3).mean(axis=(1, 3))
        canvas.panel(x, y, (np.clip(coarse, 0, 1) * 255).round().astype(np.uint8))

    def annotate(self, canvas: Canvas, x: int, y: int, plane: Plane) -> None:
        """Name and depth of a plane, the patient's sides and a scale; nothing on a photograph."""
        if not has_patient_axes(self._geometry):
            return
        depth = float(plane.normal @ self._view.cut)
        axis = int(np.abs(plane.normal).argmax())
        letter = ("RL", "AP", "IS")[axis][int(plane.normal[axis] * depth > 0)]
        name = f"{plane.name}  " if self._side >= _WIDE else ""
        canvas.text(x + 12, y + 28, f"{name}{letter} {abs(depth):.1f} mm", 17, TEXT, "ls", plate=True)
        canvas.letters(x, y, self._side, plane.letters)
        canvas.scale_bar(x, y, self._side, self._view.field_mm, "mm")
