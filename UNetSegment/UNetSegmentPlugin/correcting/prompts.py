"""From what was drawn in a view to a prompt in the image's own coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from slicer.i18n import tr as _

from UNetSegmentLib.refinement import BoxPrompt, Lasso, Point, Scribble

from ..scene.volumes import transform_between

POINT, SCRIBBLE, LASSO, BOX = TOOLS = ("point", "scribble", "lasso", "box")
_SMALL = 2
"""Pixels that a hand moves between press and release without meaning it."""


@dataclass(frozen=True)
class Drawn:
    """A tool's way through a view: pixels (x, y) from its lower left corner."""

    tool: str
    include: bool
    pixels: tuple[tuple[int, int], ...]

    @property
    def is_click(self) -> bool:
        """Whether the pointer hardly moved."""
        way = np.asarray(self.pixels)
        return bool((np.ptp(way, axis=0) <= _SMALL).all())

    @property
    def outline(self) -> tuple[tuple[int, int], ...]:
        """The pixels of the line that shows it."""
        if self.tool == BOX:
            (x0, y0), (x1, y1) = self.pixels[0], self.pixels[-1]
            return ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))
        if self.tool == LASSO:
            return (*self.pixels, self.pixels[0])
        return self.pixels


def prompt_of(drawn: Drawn, slice_node, volume_node):
    """What was drawn in a slice view, as a prompt on a volume. A mere click is a point, whatever the tool."""
    if drawn.tool == POINT or drawn.is_click:
        return Point(_placed(drawn.pixels[-1:], slice_node, volume_node)[0], drawn.include)
    if drawn.tool == BOX:
        return _box(_placed(drawn.outline[:4], slice_node, volume_node), drawn.include)
    points = _placed(drawn.pixels, slice_node, volume_node)
    if drawn.tool == LASSO and len(points) > 2:
        return Lasso(points, drawn.include)
    return Scribble(points, drawn.include)


def point_at(world, include: bool, volume_node):
    """A point (RAS mm of the world), as a prompt on a volume."""
    return Point(_lps([world], volume_node)[0], include)


def _placed(pixels: Sequence[tuple[int, int]], slice_node, volume_node) -> tuple:
    """LPS mm of the volume at pixels of a slice, wherever both lie."""
    matrix = slice_node.GetXYToRAS()
    return _lps([matrix.MultiplyPoint((x, y, 0.0, 1.0))[:3] for x, y in pixels], volume_node)


def _lps(points, volume_node) -> tuple:
    to_volume = transform_between(None, volume_node)
    return tuple((-x, -y, z) for x, y, z in (to_volume.TransformPoint(point) for point in points))


def _box(corners, include: bool) -> BoxPrompt:
    """The rectangle around four corners, which a transform may have bent: along its first side, as large as they are
    apart."""
    points = np.asarray(corners)
    first, second = points[1] - points[0], points[3] - points[0]
    x = first / np.linalg.norm(first)
    y = second - (second @ x) * x
    y /= np.linalg.norm(y)
    axes = np.stack([x, y, np.cross(x, y)], axis=1)
    places = points @ axes
    low, high = places.min(axis=0), places.max(axis=0)
    size = (high - low) * (1, 1, 0)
    return BoxPrompt(tuple(axes @ ((low + high) / 2)), tuple(size), include, axes=tuple(axes.ravel()))


def description(edit) -> str:
    """An edit as it stands in the list."""
    kinds = {Point: _("Point"), Scribble: _("Scribble"), Lasso: _("Lasso"), BoxPrompt: _("Box")}
    name = kinds.get(type(edit))
    if name is None:
        return _("Work by hand")
    return f"{name}, {_('include') if edit.include else _('exclude')}"
