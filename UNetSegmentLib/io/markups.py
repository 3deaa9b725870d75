"""Markups as 3D Slicer saves them (``.mrk.json``): point lists, lines, curves, planes and boxes, in LPS mm.

What a file says is taken as Slicer takes it when it loads the file. A curve's type is not in the file: Slicer draws a
spline through the control points until somebody chooses another type, and so the spline is what is read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..geometry import FARTHEST, IDENTITY_DIRECTION, Triple
from ..text import shown
from .atomic import atomic_path
from .json_files import read_json

MOST_MARKUPS = 1000
MOST_POINTS = 50_000
"""Control points of one file: a freehand curve of a minute has some hundreds."""

# Slicer's own: what it looks for before it reads a file.
_SCHEMA = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#"
# Samples between two control points: as many as Slicer takes.
_SAMPLES = 10
# mm by which a spline leaves the straight lines before it is worth a word.
_WORTH_SAYING = 0.5
_SYSTEMS = {"LPS": False, "1": False, "RAS": True, "0": True}
_STATES = ("defined", "undefined", "preview", "missing")


@dataclass(frozen=True)
class PointList:
    """Points of a list, each for itself: LPS mm."""

    points: tuple[Triple, ...]


@dataclass(frozen=True)
class Curve:
    """A line or a curve, sampled densely: LPS mm. A closed one ends where it begins, without repeating the point."""

    points: tuple[Triple, ...]
    closed: bool = False


@dataclass(frozen=True)
class Frame:
    """A box, or a rectangle whose third side is 0.

    Args:
        center: LPS mm.
        size: length of the sides in mm.
        axes: nine numbers, row by row; column n is the LPS unit vector of side n.
    """

    center: Triple
    size: Triple
    axes: tuple[float, ...] = IDENTITY_DIRECTION


Markup = PointList | Curve | Frame


@dataclass(frozen=True)
class Markups:
    """What a file holds, in its order, and sentences on what was left out or chosen."""

    items: tuple[Markup, ...]
    notes: tuple[str, ...] = ()


class _Refused(Exception):
    """What is wrong with an entry, without the file's name."""


def read_markups(path: Path | str, straight: bool = False) -> Markups:
    """Reads a Markups file.

    Control points that have not been placed are left out, and of a point list those that are hidden (a hidden point
    of a curve still shapes it in Slicer). Both are among the notes.

    Args:
        straight: join the control points of curves by straight lines, rather than by Slicer's spline.

    Raises:
        InputError: no such file, no JSON, no Markups; units other than mm; an angle, a box without extent or turned
            inside out, a curve of too few points; coordinates that are no finite numbers; more than
            :data:`MOST_POINTS` control points.
    """
    path = Path(path)
    content = read_json(path)
    name = shown(path.name)
    entries = content.get("markups") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"'{name}' is no Markups file.", "Save the markups in Slicer as .mrk.json.")
    if not entries or len(entries) > MOST_MARKUPS:
        raise InputError(f"'{name}' holds {len(entries)} markups.", f"Give a file with 1 to {MOST_MARKUPS} of them.")
    items: list[Markup] = []
    notes: list[str] = []
    count = 0
    try:
        for entry in entries:
            count += len(_list(entry.get("controlPoints", []), "controlPoints"))
            if count > MOST_POINTS:
                raise _Refused(f"more than {MOST_POINTS} control points")
            item, said = _markup(entry, straight)
            items += [] if item is None else [item]
            notes += said
    except _Refused as error:
        raise InputError(
            f"'{name}' cannot be taken as a prompt: {error}.",
            "Correct it in Slicer and save it again as .mrk.json (mm, LPS or RAS).",
        ) from error
    said_once = [f"'{name}': {note}" for note in dict.fromkeys(notes)]
    if not items:
        raise InputError(f"'{name}' holds no point that is placed and seen.", "Place points in Slicer and save again.")
    return Markups(tuple(items), tuple(said_once))


def read_region(path: Path | str) -> Frame:
    """The first markup of a file as a region of an image: a box. What reaches beyond every image may do so.

    Raises:
        InputError: no such file, or its first markup is no box that Slicer would save.
    """
    path = Path(path)
    try:
        entry = read_json(path)["markups"][0]
        if entry.get("type", "ROI") != "ROI":
            raise _Refused("its first markup is no box")
        flip = np.array([-1.0, -1.0, 1.0]) if _is_ras(entry) else np.ones(3)
        _check_unit(entry.get("coordinateUnits", "mm"))
        return _roi(entry, flip, farthest=float(np.finfo(float).max))
    except (InputError, LookupError, TypeError, AttributeError, _Refused) as error:
        raise InputError(
            f"'{shown(path.name)}' is not a Markups ROI.", "Save the ROI in Slicer as .mrk.json.", str(error)
        ) from error


def write_points(points: Sequence[tuple[Triple, str, str]], path: Path | str) -> None:
    """Writes a point list for Slicer, atomically.

    Args:
        points: LPS mm, label and description of each.

    Raises:
        OutputError: not writable. What stood there before is unchanged.
    """
    entries = [
        {"id": str(n), "label": shown(label), "description": shown(words), "position": list(point)}
        for n, (point, label, words) in enumerate(points, start=1)
    ]
    content = {
        "@schema": _SCHEMA,
        "markups": [
            {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": entries},
        ],
    }
    with atomic_path(Path(path)) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _markup(entry: dict[str, Any], straight: bool) -> tuple[Markup | None, list[str]]:
    flip = np.array([-1.0, -1.0, 1.0]) if _is_ras(entry) else np.ones(3)
    _check_unit(entry.get("coordinateUnits", "mm"))
    kind = entry.get("type")
    if kind == "ROI":
        return _roi(entry, flip), []
    if kind == "Plane":
        return _plane(entry, flip), []
    if kind == "Fiducial":
        points, notes = _placed(entry, flip, hidden_too=False)
        return (PointList(_triples(points)) if len(points) else None), notes
    if kind in ("Line", "Curve", "ClosedCurve"):
        points, notes = _placed(entry, flip, hidden_too=True)
        return _curve(points, kind, straight, notes)
    if kind == "Angle":
        raise _Refused("an angle says nothing about a segment")
    raise _Refused(f"'{shown(kind, 40)}' is no type of markups that is known")


def _curve(points: np.ndarray, kind: str, straight: bool, notes: list[str]) -> tuple[Markup | None, list[str]]:
    if not len(points):
        return None, notes
    closed = kind == "ClosedCurve"
    if closed and len(points) < 3:
        raise _Refused(f"a closed curve of {len(points)} placed points encloses nothing")
    if kind == "Line" or straight or len(points) < 3:
        return Curve(_triples(points), closed), notes
    bent, away = _spline(points, closed)
    if away > _WORTH_SAYING:
        words = f"a curve is taken as the spline that Slicer draws, up to {away:.1f} mm from straight lines."
        notes = [*notes, words]
    return Curve(_triples(bent), closed), notes


def _spline(points: np.ndarray, closed: bool) -> tuple[np.ndarray, float]:
    """Slicer's curve through points: a cubic spline over their numbers, at rest at its ends, or periodic; and how far
    it leaves the straight lines, in mm."""
    from scipy.interpolate import CubicSpline

    knots = np.concatenate([points, points[:1]]) if closed else points
    numbers = np.arange(len(knots))
    at = np.linspace(0, len(knots) - 1, (len(knots) - 1) * _SAMPLES + 1)
    bent = CubicSpline(numbers, knots, bc_type="periodic" if closed else "clamped")(at)
    start = np.minimum(at.astype(int), len(knots) - 2)
    return (bent[:-1] if closed else bent), float(_from_chords(bent, knots[start], knots[start + 1]).max())


def _from_chords(points: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Distance of each point from its piece of the straight lines."""
    along = ends - starts
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.clip(((points - starts) * along).sum(axis=1) / length, 0, 1)
    return np.asarray(np.linalg.norm(points - starts - share[:, None] * along, axis=1))


def _roi(entry: dict[str, Any], flip: np.ndarray, farthest: float = FARTHEST) -> Frame:
    if entry.get("insideOut", False) is not False:
        raise _Refused("a box is turned inside out")
    size = _numbers(entry.get("size"), 3, "size", farthest)
    if min(size) < 0 or (size > 0).sum() < 2:
        raise _Refused("a box has no extent")
    center = _numbers(entry.get("center"), 3, "center", farthest) * flip
    return Frame(_triple(center), _triple(size), _axes(entry, flip))


def _plane(entry: dict[str, Any], flip: np.ndarray) -> Frame:
    """The rectangle that Slicer shows of a plane."""
    if "center" not in entry or "planeBounds" not in entry:
        raise _Refused("a plane has no centre and bounds, as old versions of Slicer saved it")
    low_x, high_x, low_y, high_y = _numbers(entry.get("planeBounds"), 4, "planeBounds")
    if not (high_x > low_x and high_y > low_y):
        raise _Refused("a plane has no extent")
    axes = _axes(entry, flip)
    middle = np.array([(low_x + high_x) / 2, (low_y + high_y) / 2, 0.0])
    center = _numbers(entry.get("center"), 3, "center") * flip + np.asarray(axes).reshape(3, 3) @ middle
    return Frame(_triple(center), (high_x - low_x, high_y - low_y, 0.0), axes)


def _axes(entry: dict[str, Any], flip: np.ndarray) -> tuple[float, ...]:
    """Columns as in the file's coordinates, made LPS, and straightened by what rounding took."""
    if "orientation" not in entry:
        return IDENTITY_DIRECTION
    axes = flip[:, None] * _numbers(entry["orientation"], 9, "orientation").reshape(3, 3)
    if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
        raise _Refused("an orientation is not made of perpendicular unit vectors")
    left, _, right = np.linalg.svd(axes)
    return tuple((left @ right).ravel().tolist())


def _placed(entry: dict[str, Any], flip: np.ndarray, hidden_too: bool) -> tuple[np.ndarray, list[str]]:
    """Control points, LPS mm, shape (n, 3), and what was left out of them."""
    points: list[np.ndarray] = []
    hidden = unplaced = 0
    for point in _list(entry.get("controlPoints", []), "controlPoints"):
        if not isinstance(point, dict):
            raise _Refused("a control point is no object")
        state = point.get("positionStatus", "defined")
        if state not in _STATES:
            raise _Refused(f"'{shown(state, 40)}' is no position status")
        if state != "defined":
            unplaced += 1
        elif not hidden_too and point.get("visibility", True) is False:
            hidden += 1
        else:
            points.append(_numbers(point.get("position"), 3, "position") * flip)
    counts = {"hidden": hidden, "not placed": unplaced}
    notes = [f"control points left out because they are {why}: {count}." for why, count in counts.items() if count]
    return np.array(points).reshape(-1, 3), notes


def _is_ras(entry: dict[str, Any]) -> bool:
    system = entry.get("coordinateSystem", "LPS")
    known = _SYSTEMS.get(str(system).upper()) if not isinstance(system, bool) else None
    if known is None:
        raise _Refused(f"'{shown(system, 40)}' is no coordinate system that is known")
    return known


def _check_unit(unit: Any) -> None:
    code = unit[0] if isinstance(unit, list) and unit else unit
    if code != "mm":
        raise _Refused(f"its unit is '{shown(code, 40)}', not mm")


def _list(value: Any, key: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise _Refused(f"'{key}' is no list")
    return value


def _numbers(value: Any, count: int, key: str, farthest: float = FARTHEST) -> np.ndarray:
    plain = isinstance(value, list) and len(value) == count
    if not plain or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in value):
        raise _Refused(f"'{key}' is not {count} numbers")
    # False for infinity too, which JSON writes as 1e999.
    if not all(abs(n) <= farthest for n in value):
        raise _Refused(f"'{key}' lies farther away than any patient is long")
    return np.array(value, float)


def _triple(values: Sequence[float] | np.ndarray) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _triples(points: np.ndarray) -> tuple[Triple, ...]:
    return tuple(_triple(point) for point in points.tolist())
