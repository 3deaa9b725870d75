"""A page in A4, upright, of 200 dots per inch: planes above, sizes and facts below, warnings at the foot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...postprocessing.boxes import label_boxes
from ...text import shown
from ...version import __version__
from ...volume import Segmentation, Volume
from ..drawing.canvas import PANEL, Canvas, Color
from ..drawing.panels import Panels, layers_of
from ..drawing.shading import visible_color
from ..drawing.views import AXIAL, CORONAL, SAGITTAL, choose_view, has_patient_axes, slice_plane
from ..optional import needs
from ..pictures.slices import shrunk, slice_pictures, slice_view
from ..surfaces.rendering import render
from .content import PageText, SizeTable, size_table

WIDTH, HEIGHT, DPI = 1654, 2339, 200
TITLE = "Segmentation report"

_PAPER: Color = (255, 255, 255)
_INK: Color = (24, 28, 34)
_FAINT: Color = (98, 106, 118)
_RULE: Color = (206, 211, 219)
_STRIPE: Color = (244, 246, 248)
_WARNING: Color = (176, 84, 0)

_EDGE, _GAP = 90, 17
_INNER = WIDTH - 2 * _EDGE
_THIRD = (_INNER - 2 * _GAP) // 3
_HALF = (_INNER - _GAP) // 2
_TABLE = 920
_SIDE_X = _EDGE + _TABLE + 44
_SIDE = WIDTH - _EDGE - _SIDE_X
_COLUMN = 164
_BOTTOM = HEIGHT - 110
_NOTES, _NOTE_LINES = 6, 2


def draw_page(volume: Volume, segmentation: Segmentation, text: PageText) -> Canvas:
    """The page as a picture.

    Args:
        volume: the image, on the grid of the segmentation.

    Raises:
        DependencyError: Pillow or vtk is not installed.
    """
    canvas = Canvas(WIDTH, HEIGHT, _PAPER)
    if volume.channels != 1:
        colours = f"The image has {volume.channels} channels: no mean intensity is told."
        text = replace(text, notes=(*text.notes, colours))
    y = _draw_heading(canvas, text)
    flat = slice_plane(segmentation.geometry) is not None
    y = (_draw_slice if flat else _draw_planes)(canvas, volume, segmentation, y) + 40
    bottom = _draw_notes(canvas, text)
    facts = y
    if not flat:
        facts = _draw_scene(canvas, segmentation, y) + 40
    _draw_facts(canvas, text, facts, bottom)
    _draw_sizes(canvas, size_table(segmentation, volume, text.modality), y, bottom)
    _draw_foot(canvas, has_patient_axes(segmentation.geometry))
    return canvas


def _draw_heading(canvas: Canvas, text: PageText) -> int:
    canvas.text(_EDGE, 132, TITLE, 46, _INK)
    y = 178
    for line in canvas.wrapped(text.about, 24, _INNER, 2):
        canvas.text(_EDGE, y, line, 24, _FAINT)
        y += 34
    if text.patient:
        canvas.text(_EDGE, y, canvas.fitted(text.patient, 24, _INNER), 24, _INK)
        y += 34
    canvas.line(_EDGE, y - 6, WIDTH - _EDGE, y - 6, _RULE, 2)
    return y + 18


def _draw_planes(canvas: Canvas, volume: Volume, segmentation: Segmentation, y: int) -> int:
    planes = (AXIAL, CORONAL, SAGITTAL)
    boxes = label_boxes(segmentation.voxels)
    view = choose_view(segmentation, boxes, None, planes)
    panels = Panels(volume, view, planes, _THIRD)
    layers = layers_of(segmentation, {value: visible_color(segmentation.label(value).color) for value in boxes})
    for number, plane in enumerate(planes):
        x = _EDGE + number * (_THIRD + _GAP)
        panels.draw(canvas, x, y, plane, layers)
        panels.annotate(canvas, x, y, plane)
    return y + _THIRD


def _draw_slice(canvas: Canvas, volume: Volume, segmentation: Segmentation, y: int) -> int:
    """The slice with its labels, and without."""
    plane = slice_plane(segmentation.geometry)
    assert plane is not None
    if volume.channels == 4 and volume.voxels.dtype.kind == "u":
        volume = replace(volume, voxels=volume.voxels[:3])
    boxes = label_boxes(segmentation.voxels)
    view = slice_view(segmentation, boxes, None, plane)
    pictures = slice_pictures(volume, segmentation, boxes, view, plane, 2 * _HALF)
    for number, picture in enumerate(pictures):
        x = _EDGE + number * (_HALF + _GAP)
        canvas.panel(x, y, shrunk(picture, _HALF))
        if has_patient_axes(segmentation.geometry):
            canvas.letters(x, y, _HALF, plane.letters)
            canvas.scale_bar(x, y, _HALF, view.field_mm, "mm")
    return y + _HALF


def _draw_scene(canvas: Canvas, segmentation: Segmentation, y: int) -> int:
    """The segments in three dimensions; nothing where there are none or this machine cannot."""
    with needs("vtk", "A report page"):
        import vtkmodules.util.numpy_support  # noqa: F401
    boxes = label_boxes(segmentation.voxels)
    if not boxes:
        return y
    colors = {value: visible_color(segmentation.label(value).color) for value in boxes}
    picture = render(segmentation, boxes, colors, _SIDE, PANEL)
    if picture is None:
        return y
    canvas.panel(_SIDE_X, y, np.asarray(picture))
    canvas.text(_SIDE_X + 12, y + 28, "3D, from the front left", 17, (236, 239, 244), "ls", plate=True)
    return y + _SIDE


def _draw_facts(canvas: Canvas, text: PageText, y: int, bottom: int) -> None:
    for name, value in text.facts:
        lines = canvas.wrapped(_breakable(value), 22, _SIDE, 3)
        if y + 26 + 30 * len(lines) > bottom:
            return
        canvas.text(_SIDE_X, y + 18, name, 18, _FAINT)
        for line in lines:
            y += 30
            canvas.text(_SIDE_X, y + 18, line, 22, _INK)
        y += 40


def _breakable(value: str) -> str:
    """Digests in pieces that fit."""
    return " ".join(value[start : start + 32] for start in range(0, len(value), 32)) if len(value) == 64 else value


def _draw_sizes(canvas: Canvas, table: SizeTable, y: int, bottom: int) -> None:
    """As many rows as there is room for, lower ones where they are many; the rest is counted."""
    right = _EDGE + _TABLE
    ends = [right - _COLUMN * (len(table.heading) - 1 - n) for n in range(len(table.heading))]
    canvas.text(_EDGE, y + 18, "Segment", 20, _FAINT)
    for end, name in zip(ends, table.heading, strict=True):
        canvas.text(end - 10, y + 18, name, 20, _FAINT, "rs")
    y += 32
    canvas.line(_EDGE, y, right, y, _RULE, 2)
    if not table.rows:
        canvas.text(_EDGE, y + 44, "Nothing was found.", 24, _INK)
        return
    wanted = len(table.rows) + bool(table.empty)
    step = max(28, min(44, (bottom - y) // wanted))
    size = 23 if step >= 38 else 19
    room = max((bottom - y) // step - bool(table.empty), 1)
    rows = table.rows if len(table.rows) <= room else table.rows[: room - 1]
    for number, (label, values) in enumerate(rows):
        if number % 2 == 0:
            canvas.box(_EDGE, y + 1, _TABLE, step - 1, _STRIPE)
        middle = y + step / 2
        canvas.box(_EDGE + 10, middle - 9, 18, 18, visible_color(label.color), 4)
        name = canvas.fitted(label.name, size, ends[0] - _COLUMN + 10 - _EDGE - 42)
        canvas.text(_EDGE + 42, middle, name, size, _INK, "lm")
        for end, value in zip(ends, values, strict=True):
            canvas.text(end - 10, middle, value, size, _INK, "rm")
        y += step
    if len(rows) < len(table.rows):
        canvas.text(_EDGE + 42, y + step / 2, f"and {len(table.rows) - len(rows)} more", size, _FAINT, "lm")
        y += step
    if table.empty:
        words = f"Not found: {', '.join(shown(name, 60) for name in table.empty)}"
        canvas.text(_EDGE + 10, y + step / 2, canvas.fitted(words, 19, _TABLE - 20), 19, _FAINT, "lm")


def _draw_notes(canvas: Canvas, text: PageText) -> int:
    """Warnings, from the foot upwards; where they begin."""
    notes = text.notes if len(text.notes) <= _NOTES else text.notes[: _NOTES - 1]
    lines = [line for note in notes for line in canvas.wrapped(f"- {note}", 19, _INNER - 20, _NOTE_LINES)]
    if len(notes) < len(text.notes):
        lines.append(f"- and {len(text.notes) - len(notes)} more notes")
    if not lines:
        return _BOTTOM - 20
    top = _BOTTOM - 28 * len(lines) - 34
    canvas.line(_EDGE, top - 14, WIDTH - _EDGE, top - 14, _RULE, 2)
    canvas.text(_EDGE, top + 16, "Notes", 20, _WARNING)
    for number, line in enumerate(lines):
        canvas.text(_EDGE, top + 46 + 28 * number, line, 19, _INK)
    return top - 40


def _draw_foot(canvas: Canvas, sides: bool) -> None:
    y = HEIGHT - 72
    if sides:
        canvas.text(_EDGE, y, "Radiological view: the patient's right is on the left.", 18, _FAINT)
    canvas.text(WIDTH - _EDGE, y, f"UNetSegment {__version__}. For research, not for diagnosis.", 18, _FAINT, "rs")
