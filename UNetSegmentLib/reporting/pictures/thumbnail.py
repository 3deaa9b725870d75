"""A small picture of a case, drawn in a few hundredths of a second: for a cohort, where nobody waits for each one.

Unlike :mod:`.preview` it shows the image's own slices (an oblique image lies as it was taken), and nothing in 3D.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import GeometryError
from ...geometry import Box
from ...io.atomic import atomic_path, check_writable
from ...volume import Segmentation, Volume
from ..drawing.canvas import MUTED, PANEL, TEXT, Canvas
from ..drawing.flat import Flat, as_bytes
from ..drawing.shading import grey, grey_window, visible_color
from ..drawing.views import AXIAL, CORONAL, SAGITTAL, Plane, has_patient_axes, slice_plane
from ..optional import needs

_SIDE, _FLAT_SIDE, _GAP, _EDGE, _LEGEND, _LINE_HEIGHT = 360, 600, 8, 8, 12, 30
_CODES = {AXIAL.name: "LPS", CORONAL.name: "LIP", SAGITTAL.name: "PIL"}
_FILL, _FILM, _LINE = 0.18, 0.5, 2
_MARGIN, _LEAST_MARGIN = 0.18, 6
# Voxels that are looked at to choose the slices; of more a regular selection.
_LOOKED_AT = 1 << 20
# With more labels in one slice their borders follow the voxels instead of being smooth.
_SMOOTH = 12
# The window of intensities is judged by about so many pixels.
_WINDOW_PIXELS = 1 << 16


@dataclass(frozen=True, eq=False)
class _Sample:
    """Places (n, 3) in array order of labelled voxels, and their labels (n,)."""

    places: np.ndarray
    labels: np.ndarray

    def fullest(self, axis: int, length: int) -> int:
        """The slice along an axis that holds most of all labels, each counting alike; the middle of an empty map."""
        if not len(self.labels):
            return length // 2
        _, kinds = np.unique(self.labels, return_inverse=True)
        shares = 1.0 / np.bincount(kinds)[kinds]
        return int(np.bincount(self.places[:, axis], weights=shares, minlength=length).argmax())


def write_thumbnail(volume: Volume, segmentation: Segmentation, path: str | Path, region: Box | None = None) -> Path:
    """Writes a PNG with an axial, a coronal and a sagittal slice side by side, outlines and names of the segments.

    The slices are those that hold most of the segments, at one scale, near the segments or ``region``. An image of one
    slice is shown whole, once with a see-through film over its segments and once without.

    Args:
        volume: the image.
        segmentation: labels on the same grid; may be empty.
        path: the PNG file.
        region: the part to show, voxels in array order.

    Raises:
        GeometryError: image and segmentation lie on different grids.
        OutputError: the file cannot be written.
        DependencyError: Pillow is not installed.
    """
    path = Path(path)
    difference = volume.geometry.difference(segmentation.geometry)
    if difference:
        raise GeometryError(f"The image and the segmentation do not lie on the same grid ({difference}).")
    check_writable(path)
    sample = _sample(segmentation.voxels)
    plane = slice_plane(segmentation.geometry)
    panels = _slice(volume, segmentation, plane) if plane else _planes(volume, segmentation, sample, region)
    lines = _legend_lines(segmentation, sample, sum(panel.shape[1] + _GAP for panel, _ in panels) - _GAP)
    height = max(panel.shape[0] for panel, _ in panels)
    width = sum(panel.shape[1] + _GAP for panel, _ in panels) - _GAP + 2 * _EDGE
    canvas = Canvas(width, height + 2 * _EDGE + len(lines) * _LINE_HEIGHT)
    x = _EDGE
    for panel, letters in panels:
        canvas.panel(x, _EDGE, panel)
        for letter, place in zip(letters, (10, panel.shape[1] - 10), strict=False):
            canvas.text(x + place, _EDGE + panel.shape[0] / 2, letter, 18, TEXT, "lm" if place == 10 else "rm")
        x += panel.shape[1] + _GAP
    for number, line in enumerate(lines):
        _draw_legend(canvas, _EDGE + height + 4 + number * _LINE_HEIGHT, line)
    with atomic_path(path) as temporary:
        canvas.image.save(temporary, format="PNG", compress_level=1)
    return path


def _sample(voxels: np.ndarray) -> _Sample:
    step = int(np.ceil((voxels.size / _LOOKED_AT) ** (1 / 3)))
    while True:
        part = voxels[::step, ::step, ::step]
        places = np.argwhere(part)
        if len(places) or step == 1:
            return _Sample(places * step, part[tuple(places.T)])
        # Too small for the selection; all voxels then.
        step = 1


def _planes(
    volume: Volume, segmentation: Segmentation, sample: _Sample, region: Box | None
) -> list[tuple[np.ndarray, str]]:
    """The three planes, each (side, side, 3) uint8 with the letters of its left and right edge."""
    geometry = segmentation.geometry
    zone = _zone(sample, geometry.array_spacing, geometry.shape, region)
    spacing = np.array(geometry.array_spacing)
    field = float(((np.array(zone.stop) - zone.start) * spacing).max())
    flats, cuts = [], []
    for plane in (AXIAL, CORONAL, SAGITTAL):
        oriented, axes = geometry.reoriented(_CODES[plane.name])
        depth = axes.axes[0]
        at = sample.fullest(depth, geometry.shape[depth])
        number = geometry.shape[depth] - 1 - at if axes.flips[0] else at
        box = axes.apply_box(zone, geometry.shape)
        flat = Flat(plane, axes, oriented, number, box.slices[1], box.slices[2])
        flats.append(flat)
        cuts.append(flat.cut(volume.voxels).astype(np.float32))
    window = _window(cuts)
    return [
        (_panel(cut, window, segmentation, flat, field, _SIDE), f"{flat.plane.letters[0]}{flat.plane.letters[1]}")
        for flat, cut in zip(flats, cuts, strict=True)
        if flat.plane is not None
    ]


def _slice(volume: Volume, segmentation: Segmentation, plane: Plane) -> list[tuple[np.ndarray, str]]:
    """The one slice with its labels and without them, at its own shape."""
    patient = has_patient_axes(segmentation.geometry)
    code = _CODES[plane.name] if patient else segmentation.geometry.axis_codes
    oriented, axes = segmentation.geometry.reoriented(code)
    rows, columns = oriented.shape[1:]
    flat = Flat(plane, axes, oriented, 0, slice(0, rows), slice(0, columns))
    cut = flat.cut(volume.voxels[:3] if volume.channels == 4 else volume.voxels).astype(np.float32)
    photograph = len(cut) == 3 and volume.voxels.dtype == np.uint8
    window = (0.0, 255.0) if photograph else _window([cut])
    size = _scaled(cut.shape[1:], oriented.array_spacing[1:], _FLAT_SIDE, None)
    image = _resized(grey(cut, window, PANEL), size)
    labelled = _labelled(image, segmentation, flat, size, film=True)
    letters = f"{plane.letters[0]}{plane.letters[1]}" if patient else ""
    return [(as_bytes(labelled), letters), (as_bytes(image), letters)]


def _zone(sample: _Sample, spacing: tuple[float, ...], shape: tuple[int, ...], region: Box | None) -> Box:
    """The part of the image that is shown."""
    whole = Box.whole(shape)
    if region is not None and not region.intersect(whole).empty:
        return region.intersect(whole)
    if not len(sample.places):
        return whole
    low, high = sample.places.min(axis=0), sample.places.max(axis=0) + 1
    steps = np.array(spacing)
    longest = float(((high - low) * steps).max())
    reach = max(_MARGIN * longest, _LEAST_MARGIN * float(steps.min())) + (longest - (high - low) * steps) / 2
    start, stop = np.floor(low - reach / steps).astype(int), np.ceil(high + reach / steps).astype(int)
    box = Box((int(start[0]), int(start[1]), int(start[2])), (int(stop[0]), int(stop[1]), int(stop[2])))
    return box.intersect(whole)


def _window(cuts: list[np.ndarray]) -> tuple[float, float]:
    steps = [max(int((cut[0].size / _WINDOW_PIXELS) ** 0.5), 1) for cut in cuts]
    return grey_window([cut[:, ::step, ::step].ravel() for cut, step in zip(cuts, steps, strict=True)])


def _panel(
    cut: np.ndarray, window: tuple[float, float], segmentation: Segmentation, flat: Flat, field: float, side: int
) -> np.ndarray:
    size = _scaled(cut.shape[1:], flat.geometry.array_spacing[1:], side, field)
    picture = _labelled(_resized(grey(cut, window, PANEL), size), segmentation, flat, size, film=False)
    panel = np.empty((side, side, 3), np.uint8)
    panel[:] = PANEL
    top, left = (side - size[0]) // 2, (side - size[1]) // 2
    panel[top : top + size[0], left : left + size[1]] = as_bytes(picture)
    return panel


def _scaled(shape: tuple[int, ...], spacing: tuple[float, ...], side: int, field: float | None) -> tuple[int, int]:
    """Rows and columns of a picture in which ``field`` mm (None: the longer edge) are ``side`` pixels."""
    lengths = [n * s for n, s in zip(shape, spacing, strict=True)]
    scale = side / (field or max(lengths))
    rows, columns = (min(max(round(length * scale), 1), side) for length in lengths)
    return rows, columns


def _labelled(
    image: np.ndarray, segmentation: Segmentation, flat: Flat, size: tuple[int, int], film: bool
) -> np.ndarray:
    """The picture (rows, columns, 3) under its labels: a light fill with an outline, or a film alone."""
    labels = _resized_labels(flat.cut(segmentation.voxels), size)
    values = np.unique(labels)
    colors = np.zeros((len(values), 3), np.float32)
    for number, value in enumerate(values):
        if value:
            colors[number] = np.array(visible_color(segmentation.label(int(value)).color)) / 255.0
    painted = colors[np.searchsorted(values, labels)]
    alpha = np.where(labels > 0, np.float32(_FILM if film else _FILL), np.float32(0))
    if not film:
        alpha[_outline(labels)] = 1.0
    mixed: np.ndarray = image * (1 - alpha[..., None]) + painted * alpha[..., None]
    return mixed


def _outline(labels: np.ndarray) -> np.ndarray:
    """Pixels of a label within ``_LINE`` pixels of another value."""
    border = np.zeros(labels.shape, bool)
    for distance in range(1, _LINE + 1):
        for axis in (0, 1):
            one = [slice(None), slice(None)]
            other = [slice(None), slice(None)]
            one[axis], other[axis] = slice(distance, None), slice(None, -distance)
            different = labels[tuple(one)] != labels[tuple(other)]
            border[tuple(one)] |= different
            border[tuple(other)] |= different
    return border & (labels > 0)


def _resized(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """RGB floats (rows, columns, 3) at another size."""
    with needs("Pillow", "A preview picture"):
        from PIL import Image
    picture = Image.fromarray(as_bytes(rgb)).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32) / 255.0


def _resized_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels (rows, columns) at another size; each pixel takes the label with the largest share of it."""
    from PIL import Image

    values = np.unique(labels)
    if len(values) > _SMOOTH:
        rows, columns = (
            ((np.arange(n) + 0.5) * have / n).astype(int) for n, have in zip(size, labels.shape, strict=True)
        )
        return labels[np.ix_(rows, columns)]
    best = np.zeros(size, np.uint8)
    found = np.zeros(size, labels.dtype)
    for value in values:
        mask = Image.fromarray(((labels == value) * 255).astype(np.uint8))
        share = np.asarray(mask.resize((size[1], size[0]), Image.Resampling.BILINEAR))
        found = np.where(share > best, value, found)
        best = np.maximum(best, share)
    return found


@dataclass(frozen=True)
class _Entry:
    name: str
    color: tuple[int, int, int]
    width: float


def _legend_lines(segmentation: Segmentation, sample: _Sample, room: int) -> list[list[_Entry]]:
    """The segments that were found, as many as fit into two lines."""
    ruler = Canvas(8, 8)
    lines: list[list[_Entry]] = [[]]
    found = [int(value) for value in np.unique(sample.labels)]
    if not found:
        return [[_Entry("Nothing was found.", MUTED, 0)]]
    for number, value in enumerate(found):
        label = segmentation.label(value)
        name = ruler.fitted(label.name, 15, room / 2)
        entry = _Entry(name, visible_color(label.color), 22 + ruler.width(name, 15) + _LEGEND)
        if sum(one.width for one in lines[-1]) + entry.width > room:
            if len(lines) == 2:
                more = _Entry(f"and {len(found) - number + 1} more", MUTED, 0)
                return [lines[0], [*lines[1][:-1], more]]
            lines.append([])
        lines[-1].append(entry)
    return lines


def _draw_legend(canvas: Canvas, y: int, line: list[_Entry]) -> None:
    x: float = _EDGE
    for entry in line:
        if entry.width:
            canvas.box(x, y + 8, 14, 14, entry.color, 3)
        canvas.text(x + (20 if entry.width else 0), y + 15, entry.name, 15, TEXT if entry.width else MUTED, "lm")
        x += entry.width
