"""A picture that shows at a glance whether a segmentation is right: planes, contours, a 3D view, a legend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import GeometryError, OutputError
from ...geometry import Box
from ...io.atomic import atomic_path, check_writable, full_suffix
from ...postprocessing.boxes import label_boxes
from ...volume import Segmentation, Volume
from ..drawing.canvas import MUTED, PANEL, TEXT, Canvas, LegendEntry
from ..drawing.shading import grey, grey_window, paint_label, visible_color
from ..drawing.views import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    Plane,
    View,
    choose_view,
    cut_image,
    cut_label,
    has_patient_axes,
    slice_plane,
)
from ..optional import needs
from ..surfaces.rendering import render, screen_axes
from ..units import size_words
from .slices import shrunk, slice_pictures, slice_view

Boxes = dict[int, Box]

_SIDE, _GAP, _EDGE, _HEAD, _FOOT, _LEGEND = 640, 14, 40, 112, 64, 430
_FINER = 2
_LINE = 2.4
# Share of a voxel by which contours are softened: less than one can see against the image, enough to hide the steps.
_SOFTENED = 0.35
_LARGE_VOXEL = 3.0
# Up to so many segments leave room for a second picture.
_FEW = 10
_WIDTH = _EDGE + 2 * _SIDE + _GAP + _EDGE + _LEGEND + _EDGE
_HEIGHT = _HEAD + 2 * _SIDE + _GAP + _FOOT


def write_preview(volume: Volume, segmentation: Segmentation, path: str | Path, region: Box | None = None) -> Path:
    """Writes a PNG with axial, coronal and sagittal planes, a 3D view of the segments, and a legend.

    Planes follow the patient's axes however the image lies, in the radiological convention (the patient's right is on
    the left), at one scale, zoomed to the segments or to ``region``; they meet where they cut most of the segments.
    Where the machine cannot render in 3D, the picture says so.

    An image of one slice is shown as that slice in one large plane, a photograph in its own colours, and once more
    without the segments; thin ones such as vessels are a see-through film rather than contours.

    Args:
        volume: the image; one with three channels is shown in colour.
        segmentation: labels on the same grid; may be empty.
        path: the PNG file.
        region: the part to show, voxels in array order.

    Raises:
        GeometryError: image and segmentation lie on different grids.
        OutputError: the file cannot be written, or its ending is not .png.
        DependencyError: Pillow or vtk is not installed.
    """
    path = Path(path)
    if full_suffix(path) != ".png":
        raise OutputError(f"A preview is a PNG picture; '{path.name}' ends otherwise.", "Let the name end with .png.")
    difference = volume.geometry.difference(segmentation.geometry)
    if difference:
        raise GeometryError(
            f"The image '{volume.name}' and the segmentation do not lie on the same grid ({difference}).",
            "Choose the image that was segmented, or resample one to the other.",
        )
    check_writable(path)
    canvas = Canvas(_WIDTH, _HEIGHT)
    boxes = label_boxes(segmentation.voxels)
    flat = slice_plane(segmentation.geometry)
    if flat is not None:
        _draw_slice(canvas, volume, segmentation, boxes, region, flat)
    else:
        _draw_planes(canvas, volume, segmentation, boxes, region)
    _draw_heading(canvas, volume)
    _draw_legend(canvas, segmentation, boxes)
    with atomic_path(path) as temporary:
        canvas.image.save(temporary, format="PNG", compress_level=5)
    return path


def _draw_planes(canvas: Canvas, volume: Volume, segmentation: Segmentation, boxes: Boxes, region: Box | None) -> None:
    planes = (AXIAL, CORONAL, SAGITTAL)
    view = choose_view(segmentation, boxes, region, planes)
    right, below = _EDGE + _SIDE + _GAP, _HEAD + _SIDE + _GAP
    places = {AXIAL.name: (_EDGE, _HEAD), CORONAL.name: (_EDGE, below), SAGITTAL.name: (right, below)}
    cuts = {plane.name: cut_image(volume, view, plane, _SIDE) for plane in planes}
    window = grey_window(list(cuts.values()))
    for plane in planes:
        x, y = places[plane.name]
        canvas.panel(x, y, _picture(cuts[plane.name], window, segmentation, boxes, view, plane, _SIDE))
        _draw_ticks(canvas, x, y, view, plane, planes)
        _annotate(canvas, x, y, _SIDE, view, plane, "mm")
    _draw_scene(canvas, right, _HEAD, segmentation, boxes)


def _draw_slice(
    canvas: Canvas, volume: Volume, segmentation: Segmentation, boxes: Boxes, region: Box | None, plane: Plane
) -> None:
    """One large picture, and beneath the legend the image alone, to look at what the labels cover."""
    view, side = slice_view(segmentation, boxes, region, plane), 2 * _SIDE + _GAP
    if volume.channels == 4 and volume.voxels.dtype.kind == "u":
        # Red, green, blue and transparency.
        volume = replace(volume, voxels=volume.voxels[:3])
    labelled, alone = slice_pictures(volume, segmentation, boxes, view, plane, side)
    canvas.panel(_EDGE, _HEAD, labelled)
    if has_patient_axes(segmentation.geometry):
        _annotate(canvas, _EDGE, _HEAD, side, view, plane, "mm")
    else:
        canvas.scale_bar(_EDGE, _HEAD, side, view.field_mm / segmentation.geometry.spacing[0], "px")
    if len(_legend_values(segmentation, boxes)) <= _FEW:
        x, y = _EDGE + side + _EDGE, _HEAD + side - _LEGEND
        canvas.text(x, y - 16, "The image alone", 20, MUTED)
        canvas.panel(x, y, shrunk(alone, _LEGEND))


def _picture(
    cut: np.ndarray,
    window: tuple[float, float],
    segmentation: Segmentation,
    boxes: Boxes,
    view: View,
    plane: Plane,
    side: int,
) -> np.ndarray:
    """One panel: the image under its labels, drawn finer than it is shown."""
    fine = np.repeat(np.repeat(grey(cut, window, PANEL), _FINER, axis=0), _FINER, axis=1)
    voxel = min(segmentation.geometry.spacing) / view.field_mm * side
    blur = _SOFTENED * voxel * _FINER if voxel >= _LARGE_VOXEL else 0.0
    for value, box in boxes.items():
        found = cut_label(segmentation, value, box, view, plane, side * _FINER)
        if found is not None:
            color = visible_color(segmentation.label(value).color)
            paint_label(fine[found[0]], found[1], color, _LINE * _FINER, blur)
    coarse = fine.reshape(side, _FINER, side, _FINER, 3).mean(axis=(1, 3))
    return (np.clip(coarse, 0, 1) * 255).round().astype(np.uint8)


def _annotate(canvas: Canvas, x: int, y: int, side: int, view: View, plane: Plane, unit: str) -> None:
    depth = plane.normal @ view.cut
    axis = int(np.abs(plane.normal).argmax())
    letter = ("RL", "AP", "IS")[axis][int(plane.normal[axis] * depth > 0)]
    canvas.text(x + 18, y + 34, plane.name, 22, TEXT, "ls", plate=True)
    canvas.text(x + 18, y + side - 20, f"{letter} {abs(depth):.1f} mm", 18, TEXT, "ls", plate=True)
    canvas.letters(x, y, side, plane.letters)
    canvas.scale_bar(x, y, side, view.field_mm, unit)


def _draw_ticks(canvas: Canvas, x: int, y: int, view: View, plane: Plane, planes: tuple[Plane, ...]) -> None:
    """Short marks at the edges where the other two planes cut this one."""
    offset = (view.cut - view.origin(plane)) / view.field_mm * _SIDE
    column, row = x + _SIDE / 2 + offset @ plane.right, y + _SIDE / 2 + offset @ plane.down
    for start, stop in ((0, 9), (_SIDE - 9, _SIDE)):
        for color, width in ((PANEL, 6), (TEXT, 2)):
            canvas.line(column, y + start, column, y + stop, color, width)
            canvas.line(x + start, row, x + stop, row, color, width)


def _draw_scene(canvas: Canvas, x: int, y: int, segmentation: Segmentation, boxes: Boxes) -> None:
    with needs("vtk", "A preview picture"):
        import vtkmodules.util.numpy_support  # noqa: F401
    picture = None
    if boxes:
        colors = {value: visible_color(segmentation.label(value).color) for value in boxes}
        picture = render(segmentation, boxes, colors, _SIDE, PANEL)
    canvas.panel(x, y, np.full((_SIDE, _SIDE, 3), PANEL, np.uint8) if picture is None else picture)
    canvas.text(x + 18, y + 34, "3D", 22, TEXT, "ls", plate=True)
    if picture is None:
        reason = "3D rendering is not possible on this machine." if boxes else "No segments to show."
        canvas.text(x + _SIDE / 2, y + _SIDE / 2, reason, 20, MUTED, "mm")
        return
    middle = x + 62, y + _SIDE - 62
    for (dx, dy), letter in zip(screen_axes(), "LPS", strict=True):
        tip = middle[0] + 34 * dx, middle[1] - 34 * dy
        canvas.line(*middle, *tip, MUTED)
        canvas.text(middle[0] + 48 * dx, middle[1] - 48 * dy, letter, 17, TEXT, "mm", plate=True)


def _draw_heading(canvas: Canvas, volume: Volume) -> None:
    geometry, room = volume.geometry, _WIDTH - 2 * _EDGE
    photograph = slice_plane(geometry) is not None and not has_patient_axes(geometry)
    if photograph:
        details = " x ".join(str(n) for n in geometry.size if n > 1) + " pixels"
    else:
        details = " x ".join(str(n) for n in geometry.size) + " voxels of "
        details += " x ".join(f"{s:.3g}" for s in geometry.spacing) + " mm"
    if volume.channels == 3 and photograph:
        details += ", colour"
    elif volume.channels > 1:
        details += f", {volume.channels} channels"
    canvas.text(_EDGE, 58, canvas.fitted(volume.name, 34, room), 34)
    canvas.text(_EDGE, 90, canvas.fitted(details, 20, room), 20, MUTED)
    canvas.foot(_EDGE, _HEIGHT - 24, 18, sides=not photograph)


def _draw_legend(canvas: Canvas, segmentation: Segmentation, boxes: Boxes) -> None:
    x, y = _WIDTH - _EDGE - _LEGEND, _HEAD
    counts = {value: np.count_nonzero(segmentation.voxels[box.slices] == value) for value, box in boxes.items()}
    entries = []
    for value in _legend_values(segmentation, boxes):
        label = segmentation.label(value)
        size = size_words(int(counts.get(value, 0)), segmentation.geometry) or "none"
        entries.append(LegendEntry(label.name, visible_color(label.color), size))
    canvas.text(x, y + 22, "Segments", 22, TEXT)
    canvas.line(x, y + 40, x + _LEGEND, y + 40, MUTED, 1)
    if not boxes:
        canvas.text(x, y + 78, "The segmentation is empty.", 20, MUTED)
        y += 56
    canvas.legend(x, y + 52, _LEGEND, 2 * _SIDE - 60, entries)


def _legend_values(segmentation: Segmentation, boxes: Boxes) -> list[int]:
    return sorted({label.value for label in segmentation.labels} | set(boxes))
