"""The prompts of ``unetsegment refine``: coordinates in RAS mm, as Slicer shows them, and Markups files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...geometry import Geometry, Triple
from ...io.markups import Curve, Frame, Markup, Markups, PointList, read_markups
from ...text import shown

if TYPE_CHECKING:
    from ...refinement import Prompt

MOST_PROMPTS = 1000

INCLUDE_HELP = (
    "Here the segment is: a point x,y,z or a box x0,x1,y0,y1,z0,z1 in mm RAS (the coordinates that Slicer shows); a "
    "voxel as voxel:i,j,k; or Markups saved by Slicer (.mrk.json: points, curves, closed curves, boxes). May be "
    "repeated; the order of all prompts counts, later ones win."
)
EXCLUDE_HELP = "Here it is not; as --include."
SCRIBBLE_HELP = "Markups saved by Slicer that include, as --include FILE."
_VOXEL = "voxel:"


@dataclass(frozen=True)
class Place:
    """Where an option points.

    Args:
        text: as it was given.
        numbers: three or six, of RAS mm or (``voxel``) three of a voxel; none for a file.
        markups: what the file holds.
    """

    text: str
    numbers: tuple[float, ...] = ()
    voxel: bool = False
    markups: Markups | None = None


@dataclass(frozen=True)
class Given:
    """A prompt, and its words for tables and messages: ``include point 12.0, -3.5, 4.0``."""

    prompt: Prompt
    words: str


def markups_file(text: str) -> Path | None:
    """The file that an option's text names; None where it is coordinates."""
    return None if text.startswith(_VOXEL) or _parsed(text) is not None else Path(text)


def read_place(text: str, straight: bool) -> Place:
    """What an option's text means, with the file read.

    Raises:
        InputError: neither coordinates nor a Markups file.
    """
    file = markups_file(text)
    if file is not None:
        if file.suffix.lower() != ".json" and not file.exists():
            raise _no_place(text)
        return Place(text, markups=read_markups(file, straight))
    voxel = text.startswith(_VOXEL)
    numbers = _parsed(text.removeprefix(_VOXEL)) or ()
    if not all(map(math.isfinite, numbers)) or len(numbers) not in ((3,) if voxel else (3, 6)):
        raise _no_place(text)
    return Place(text, numbers, voxel)


def prompts_of(
    places: Sequence[tuple[bool, Place]], geometry: Geometry, segment: int, brush: float = 0.0
) -> tuple[Given, ...]:
    """The prompts of all places, in their order.

    Args:
        places: whether each includes, and where it is.
        geometry: of the image, in which voxels are counted.
        brush: radius of the strokes along curves, mm.

    Raises:
        InputError: a prompt that cannot be, or more than :data:`MOST_PROMPTS`.
    """
    found: list[Given] = []
    for include, place in places:
        word = "include" if include else "exclude"
        for item in place.markups.items if place.markups is not None else [_item(place, geometry)]:
            source = f" ({shown(Path(place.text).name, 40)})" if place.markups is not None else ""
            try:
                if place.voxel:
                    _check_voxel(place, geometry)
                found += [
                    Given(prompt, f"{word} {what}{source}") for prompt, what in _prompts(item, include, segment, brush)
                ]
            except InputError as error:
                raise InputError(f"{word} '{shown(place.text)}': {error.cause}", error.cure) from error
            if len(found) > MOST_PROMPTS:
                raise InputError(
                    f"There are more than {MOST_PROMPTS} prompts.", "Draw curves, rather than a point in every voxel."
                )
    return tuple(found)


def _check_voxel(place: Place, geometry: Geometry) -> None:
    """Refuses indices that an image does not have: counted from 1 instead of 0, the last would be beyond it."""
    if any(not 0 <= number <= count - 1 for number, count in zip(place.numbers, geometry.size, strict=True)):
        last = ",".join(str(count - 1) for count in geometry.size)
        raise InputError(f"The image has voxels from 0,0,0 to {last}.", "Count them from 0 along i, j and k.")


def _item(place: Place, geometry: Geometry) -> Markup:
    """What numbers mean, in LPS mm."""
    if place.voxel:
        return PointList((_triple(geometry.to_physical(np.array(place.numbers))),))
    ends = np.array(place.numbers).reshape(3, -1) * ((-1.0,), (-1.0,), (1.0,))
    if ends.shape[1] == 1:
        return PointList((_triple(ends[:, 0]),))
    return Frame(_triple(ends.mean(axis=1)), _triple(np.abs(np.diff(ends, axis=1))[:, 0]))


def _prompts(item: Markup, include: bool, segment: int, brush: float) -> list[tuple[Prompt, str]]:
    from ...refinement import BoxPrompt, Lasso, Point, Scribble

    if isinstance(item, PointList):
        return [(Point(point, include, segment), f"point {ras_words(point)}") for point in item.points]
    if isinstance(item, Frame):
        sides = " x ".join(f"{side:.1f}" for side in item.size)
        return [(BoxPrompt(item.center, item.size, include, segment, item.axes), f"box of {sides} mm")]
    if item.closed:
        return [(Lasso(item.points, include, segment), f"lasso of {_length(item):.0f} mm")]
    return [(Scribble(item.points, include, segment, brush), f"scribble of {_length(item):.0f} mm")]


def _length(curve: Curve) -> float:
    points = np.array([*curve.points, curve.points[0]] if curve.closed else curve.points)
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def in_ras(point: Triple) -> list[float]:
    """A point (LPS mm) in the coordinates that Slicer shows."""
    x, y, z = point
    # No "-0.0".
    return [-x + 0.0, -y + 0.0, z + 0.0]


def ras_words(point: Triple) -> str:
    """The same for people, to a tenth of a millimetre."""
    return ", ".join(f"{round(value, 1) + 0.0:.1f}" for value in in_ras(point))


def _parsed(text: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return None


def _no_place(text: str) -> InputError:
    return InputError(
        f"'{shown(text)}' is neither coordinates nor a Markups file.",
        "Give x,y,z or x0,x1,y0,y1,z0,z1 in mm RAS, voxel:i,j,k, or the path of a .mrk.json saved by Slicer.",
    )


def _triple(values: np.ndarray) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z
