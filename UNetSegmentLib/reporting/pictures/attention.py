"""What a model's attention gates let through, as a picture: the image, what was found in it, a map for each gate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...geometry import Box
from ...io.atomic import atomic_path, check_writable
from ...version import __version__
from ...volume import Segmentation, Volume
from ..drawing.canvas import MUTED, TEXT, Canvas, Color
from ..drawing.flat import Flat, as_bytes, flat_view, picture_of, smoothed
from ..drawing.shading import paint_label, visible_color
from ..drawing.views import AXIAL, CORONAL

_SIDE = 460
_EDGE, _GAP, _HEAD, _FOOT, _UNDER = 36, 18, 124, 56, 82
_WORDS, _BAR = 19, 12
_LEAST_WIDTH, _MOST_WIDTH = 900, 2400
_NAMED = 2
# Share of the colours over the image.
_OPAQUE = 0.78
# Maps that hardly vary are not stretched until their noise looks like a finding.
_LEAST_RANGE = 0.05
# From dark blue to pale yellow, each step lighter than the one before: read alike with any colour vision.
_RAMP = np.array([(8, 12, 52), (24, 58, 138), (22, 112, 150), (38, 158, 132), (134, 196, 78), (255, 238, 120)]) / 255.0


@dataclass(frozen=True, eq=False)
class AttentionPicture:
    """What is drawn.

    Args:
        volume: the image.
        segmentation: what the model found in it.
        maps: the gates' coefficients, one channel each, full resolution first.
        steps: voxels of the prepared image from one coefficient to the next, per gate and axis.
        title: of the model.
        region: the part that was looked at and is shown; None for the whole.
        image: draw the image under the maps too; without it only what was made here is in the picture.
    """

    volume: Volume
    segmentation: Segmentation
    maps: Volume
    steps: Sequence[Sequence[int]]
    title: str
    region: Box | None = None
    image: bool = True


def write_attention(picture: AttentionPicture, path: str | Path, number: int | None = None) -> Path:
    """Draws one slice as PNG.

    Args:
        number: of the slice, see :class:`~..drawing.flat.Flat`; None takes the one with most of the segments.

    Raises:
        InputError: there is no such slice.
        OutputError: the file cannot be written.
        DependencyError: Pillow is not installed.
    """
    path = Path(path)
    check_writable(path)
    flat = _view(picture, number)
    size = flat.size(_SIDE)
    panels = [*_found(picture, flat, size), *_maps(picture, flat, size)]
    rows = math.ceil(len(panels) / max(_MOST_WIDTH // (size[1] + _GAP), 1))
    columns = math.ceil(len(panels) / rows)
    width = max(columns * (size[1] + _GAP) - _GAP, _LEAST_WIDTH) + 2 * _EDGE
    canvas = Canvas(width, _HEAD + rows * (size[0] + _UNDER) + _FOOT)
    _draw_heading(canvas, picture, flat, width)
    for place, panel in enumerate(panels):
        x = _EDGE + place % columns * (size[1] + _GAP)
        y = _HEAD + place // columns * (size[0] + _UNDER)
        canvas.panel(x, y, panel.picture)
        _draw_words(canvas, x, y + size[0], size[1], panel)
    _draw_foot(canvas, width, _HEAD + rows * (size[0] + _UNDER) + 30)
    with atomic_path(path) as temporary:
        canvas.image.save(temporary, format="PNG", compress_level=4)
    return path


def heat(shares: np.ndarray) -> np.ndarray:
    """RGB floats 0 to 1 (..., 3) of numbers from 0 to 1."""
    stops = np.linspace(0, 1, len(_RAMP))
    return np.stack([np.interp(shares, stops, _RAMP[:, channel]) for channel in range(3)], axis=-1)


def shown_range(values: np.ndarray) -> tuple[float, float]:
    """The coefficients at the two ends of the colours: the slice's own least and greatest, widened where close."""
    low, high = float(values.min()), float(values.max())
    missing = max(_LEAST_RANGE - (high - low), 0.0)
    low = max(low - missing / 2, 0.0)
    return low, min(max(high, low + _LEAST_RANGE), 1.0)


@dataclass(frozen=True, eq=False)
class _Panel:
    """A picture, what stands under it, the ends of its colours, and the segments in it with theirs."""

    picture: np.ndarray
    words: str
    ends: tuple[float, float] | None = None
    names: tuple[tuple[str, Color], ...] = ()


def _view(picture: AttentionPicture, number: int | None) -> Flat:
    flat = flat_view(picture.volume.geometry)
    if picture.region is not None:
        flat = flat.within(picture.region)
    if number is not None:
        return flat.at(number)
    found = picture.segmentation.voxels > 0
    # Where nothing was found, the middle of what was looked at.
    return flat.fullest(found) if found.any() else flat


def _found(picture: AttentionPicture, flat: Flat, size: tuple[int, int]) -> list[_Panel]:
    """The image, and the segments over it."""
    under = picture_of(picture.volume, flat, size) if picture.image else np.zeros((*size, 3))
    painted = under.copy()
    voxel = size[0] / (flat.rows.stop - flat.rows.start)
    labels = flat.cut(picture.segmentation.voxels)
    names = []
    for value in np.unique(labels[labels > 0]).tolist():
        share = smoothed((labels == value).astype(np.float32), size)
        label = picture.segmentation.label(value)
        color = visible_color(label.color)
        if picture.image:
            paint_label(painted, share, color, 2.4, 0.3 * voxel if voxel > 3 else 0.0)
        else:
            painted[share > 0.5] = np.asarray(color) / 255.0
        names.append((label.name, color))
    segments = _Panel(as_bytes(painted), "What the model found", names=tuple(names))
    return [_Panel(as_bytes(under), "Image"), segments] if picture.image else [segments]


def _maps(picture: AttentionPicture, flat: Flat, size: tuple[int, int]) -> list[_Panel]:
    """One panel for each gate."""
    panels = []
    under = picture_of(picture.volume, flat, size).mean(axis=-1, keepdims=True) if picture.image else None
    for number, (values, steps) in enumerate(zip(picture.maps.voxels, picture.steps, strict=True), start=1):
        cut = flat.cut(values)
        low, high = shown_range(cut)
        colored = heat((smoothed(cut, size) - low) / (high - low))
        if under is not None:
            colored = _OPAQUE * colored + (1 - _OPAQUE) * under
        panels.append(_Panel(as_bytes(colored), f"Gate {number}: {_resolution(steps)}", (low, high)))
    return panels


def _resolution(steps: Sequence[int]) -> str:
    if max(steps) == 1:
        return "full resolution"
    if len(set(steps)) == 1:
        return f"1/{steps[0]} resolution"
    return f"1/({' x '.join(map(str, steps))}) resolution"


def _draw_words(canvas: Canvas, x: int, y: int, width: int, panel: _Panel) -> None:
    canvas.text(x, y + 28, canvas.fitted(panel.words, _WORDS, width), _WORDS, TEXT)
    for number, (name, color) in enumerate(panel.names[:_NAMED]):
        more = f" and {len(panel.names) - _NAMED} more" if number == _NAMED - 1 < len(panel.names) - 1 else ""
        canvas.text(x, y + 51 + 20 * number, canvas.fitted(name + more, 16, width), 16, color)
    if panel.ends is None:
        return
    low, high = (f"{end:.2f}" for end in panel.ends)
    left, right = (round(canvas.width(end, 17)) + 10 for end in (low, high))
    length = width - left - right
    bar = np.broadcast_to(heat(np.linspace(0, 1, length)), (_BAR, length, 3))
    canvas.panel(x + left, y + 42, as_bytes(bar))
    canvas.text(x, y + 49, low, 17, MUTED, "lm")
    canvas.text(x + width, y + 49, high, 17, MUTED, "rm")


def _draw_heading(canvas: Canvas, picture: AttentionPicture, flat: Flat, width: int) -> None:
    room = width - 2 * _EDGE
    canvas.text(_EDGE, 56, canvas.fitted(f"Attention gates: {picture.title}", 32, room), 32)
    side = "the patient's right is on the left" if flat.plane in (AXIAL, CORONAL) else ""
    words = ", ".join(part for part in (picture.volume.name, flat.description, side) if part)
    canvas.text(_EDGE, 92, canvas.fitted(words, 20, room), 20, MUTED)


def _draw_foot(canvas: Canvas, width: int, y: int) -> None:
    note = f"UNetSegment {__version__}. Research only."
    words = "Colours: the share of the skipped features that a gate lets through."
    canvas.text(_EDGE, y, canvas.fitted(words, 16, width - 2 * _EDGE - canvas.width(note, 16) - 20), 16, MUTED)
    canvas.text(width - _EDGE, y, note, 16, MUTED, "rs")
