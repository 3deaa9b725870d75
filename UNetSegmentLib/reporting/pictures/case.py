"""A case and how well it was segmented, as one large picture: the image, and beside it every voxel's outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...geometry import Box, Geometry
from ...io.atomic import atomic_path, check_writable
from ...volume import Volume
from ..drawing.agreement import BACKGROUND, OUTCOMES, UNJUDGED, colours, foreground, mistakes
from ..drawing.canvas import MUTED, TEXT, Canvas, Color
from ..drawing.flat import Flat, as_bytes, enlarged, flat_view, picture_of
from ..drawing.views import AXIAL, CORONAL, has_patient_axes

_SIDE, _FLAT_SIDE = 620, 1200
_EDGE, _GAP, _HEAD, _FOOT, _LINE, _TEXT_LINE = 36, 16, 86, 58, 44, 32
_LEAST_WIDTH = 980
_MARGIN, _LEAST_MARGIN = 0.3, 10
# What is left of the image's light under the colours.
_DIMMED = 0.55
# A second slice is shown where its mistakes are this many times those of the first.
_WORSE = 1.15


@dataclass(frozen=True, eq=False)
class ShownCase:
    """What is drawn of a case.

    Args:
        heading: what it is: ``Worst of 5: case 21``.
        scores: its numbers, in words; may have several lines.
        outcomes: of :func:`~..drawing.agreement.agreement`, (z, y, x).
        geometry: their grid.
        volume: the image on that grid; None draws the outcomes alone.
    """

    heading: str
    scores: str
    outcomes: np.ndarray
    geometry: Geometry
    volume: Volume | None = None


def unit_of(geometry: Geometry) -> str:
    """``px`` for photographs, else ``mm``."""
    return "px" if 1 in geometry.size and not has_patient_axes(geometry) else "mm"


def write_case(case: ShownCase, path: str | Path) -> Path:
    """Draws a case as PNG.

    A 2D image is drawn whole, its outcomes on black, so that a vessel one pixel wide is seen. Of a volume two slices
    are drawn over the darkened image, near the segments: the one with most of them, and the one with most mistakes.

    Raises:
        OutputError: the file cannot be written.
        DependencyError: Pillow is not installed.
    """
    path = Path(path)
    check_writable(path)
    rows = [_panels(case, flat) for flat in _views(case)]
    heights = [max(panel.shape[0] for panel, _ in row) for row in rows]
    inner = max(sum(panel.shape[1] + _GAP for panel, _ in row) - _GAP for row in rows)
    width = max(inner, _LEAST_WIDTH) + 2 * _EDGE
    lines = _lines(_legend(case), width - 2 * _EDGE)
    words = case.scores.splitlines()
    head = _HEAD + len(words) * _TEXT_LINE
    canvas = Canvas(width, head + sum(heights) + _GAP * len(rows) + len(lines) * _LINE + _FOOT)
    canvas.text(_EDGE, 56, canvas.fitted(case.heading, 34, width - 2 * _EDGE), 34)
    for number, line in enumerate(words):
        canvas.text(_EDGE, 92 + number * _TEXT_LINE, canvas.fitted(line, 21, width - 2 * _EDGE), 21, MUTED)
    y = head
    for row, height in zip(rows, heights, strict=True):
        x = _EDGE
        for panel, name in row:
            canvas.panel(x, y, panel)
            if name:
                canvas.text(x + 14, y + 30, name, 18, TEXT, "ls", plate=True)
            x += panel.shape[1] + _GAP
        y += height + _GAP
    for entries in lines:
        _draw_line(canvas, y, entries)
        y += _LINE
    canvas.foot(_EDGE, y + 34, 17, sides=flat_view(case.geometry).plane in (AXIAL, CORONAL))
    with atomic_path(path) as temporary:
        canvas.image.save(temporary, format="PNG", compress_level=4)
    return path


def case_path(folder: Path, which: str) -> Path:
    """Where the picture of the ``worst``, ``median``, ``best`` or ``only`` case lies."""
    return folder / f"case-{which}.png"


def _views(case: ShownCase) -> list[Flat]:
    """The slices to draw."""
    flat = flat_view(case.geometry)
    if flat.slices == 1:
        return [flat]
    seen, wrong = foreground(case.outcomes), mistakes(case.outcomes)
    if seen.any():
        flat = flat.within(_around(seen, case.geometry))
    first, second = flat.fullest(seen), flat.fullest(wrong)
    errors = [int(view.cut(wrong).sum()) for view in (first, second)]
    return [first, second] if errors[1] > _WORSE * errors[0] else [first]


def _around(mask: np.ndarray, geometry: Geometry) -> Box:
    """The mask's box with enough around it to see where it lies."""
    places = np.argwhere(mask)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    spacing = np.array(geometry.array_spacing)
    reach = max(_MARGIN * float(((high - low) * spacing).max()), _LEAST_MARGIN * float(spacing.min()))
    margin = np.ceil(reach / spacing).astype(int)
    start, stop = (low - margin).tolist(), (high + margin).tolist()
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])).intersect(Box.whole(mask.shape))


def _panels(case: ShownCase, flat: Flat) -> list[tuple[np.ndarray, str]]:
    """The pictures of one row and their words."""
    size = flat.size(_FLAT_SIDE if flat.slices == 1 else _SIDE)
    outcomes = enlarged(flat.cut(case.outcomes), size)
    painted = colours(outcomes)
    if case.volume is None:
        return [(as_bytes(painted), flat.description)]
    picture = picture_of(case.volume, flat, size)
    if flat.slices > 1:
        through = np.isin(outcomes, [BACKGROUND.number, UNJUDGED.number])[..., None]
        painted = np.where(through, _DIMMED * picture, painted)
    return [(as_bytes(picture), flat.description), (as_bytes(painted), "")]


@dataclass(frozen=True)
class _Entry:
    words: str
    color: Color
    width: float


def _legend(case: ShownCase) -> list[_Entry]:
    """The outcomes that matter here, each with its size."""
    counts = np.bincount(case.outcomes.ravel(), minlength=len(OUTCOMES))
    pixels = unit_of(case.geometry) == "px"
    ruler = Canvas(8, 8)
    entries = []
    for outcome in OUTCOMES[1:]:
        count = int(counts[outcome.number])
        if outcome.number > 3 and not count:
            continue
        size = f"{count:,} px".replace(",", " ") if pixels else f"{count * case.geometry.voxel_volume / 1000:.2f} mL"
        words = f"{outcome.name}  {size}"
        entries.append(_Entry(words, outcome.color, 34 + ruler.width(words, 20) + 40))
    return entries


def _lines(entries: Sequence[_Entry], room: float) -> list[list[_Entry]]:
    lines: list[list[_Entry]] = [[]]
    for entry in entries:
        if lines[-1] and sum(other.width for other in lines[-1]) + entry.width - 40 > room:
            lines.append([])
        lines[-1].append(entry)
    return lines


def _draw_line(canvas: Canvas, y: int, line: Sequence[_Entry]) -> None:
    x: float = _EDGE
    for entry in line:
        canvas.box(x, y + 10, 22, 22, entry.color, 4)
        canvas.text(x + 34, y + 21, entry.words, 20, TEXT, "lm")
        x += entry.width
