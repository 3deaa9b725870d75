"""How much boundary a cell of neighbouring voxels holds, for every pattern of inside and outside corners.

The boundary cuts each cell edge between an inside and an outside corner at its middle. The cuts join to closed polygons
over the faces of the cell, as in marching cubes (Lorensen and Cline 1987); where a face has two inside corners that
lie opposite each other, they are cut off apart. A pattern and its complement have the same boundary.
"""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np

Corner = tuple[int, ...]
Edge = frozenset[Corner]


@cache
def cell_areas(spacing: tuple[float, ...]) -> np.ndarray:
    """Area in mm^2 (length in mm for two axes) for each pattern, shape (2 ** (2 ** axes),).

    Bit n of a pattern says whether corner n is inside, corners counted as by :func:`corners`.

    Args:
        spacing: mm per array axis, two or three of them.
    """
    axes = len(spacing)
    measure = _contour_length if axes == 2 else _polygons_area
    table = np.zeros(2 ** (2**axes))
    for pattern in range(len(table)):
        bits = [pattern >> n & 1 for n in range(2**axes)]
        # The fewer corners are the ones that are cut off.
        minority = int(sum(bits) * 2 <= len(bits))
        chosen = frozenset(c for c, bit in zip(corners(axes), bits, strict=True) if bit == minority)
        table[pattern] = measure(chosen, np.asarray(spacing, dtype=float))
    return table


def corners(axes: int) -> list[Corner]:
    """The corners of a cell as offsets along each array axis."""
    return list(itertools.product((0, 1), repeat=axes))


def _contour_length(chosen: frozenset[Corner], spacing: np.ndarray) -> float:
    face = ((0, 0), (0, 1), (1, 1), (1, 0))
    return sum(float(np.linalg.norm((_middle(a) - _middle(b)) * spacing)) for a, b in _cuts(face, chosen))


def _polygons_area(chosen: frozenset[Corner], spacing: np.ndarray) -> float:
    return sum(_polygon_area(np.array([_middle(edge) for edge in loop]), spacing) for loop in _loops(chosen))


def _loops(chosen: frozenset[Corner]) -> list[list[Edge]]:
    """The cut edges of a cube, in the order in which its faces join them to closed polygons."""
    links: dict[Edge, list[Edge]] = {}
    for face in _faces():
        for a, b in _cuts(face, chosen):
            links.setdefault(a, []).append(b)
            links.setdefault(b, []).append(a)
    loops = []
    while links:
        loop = [next(iter(links))]
        while following := next((edge for edge in links.pop(loop[-1]) if edge in links), None):
            loop.append(following)
        loops.append(loop)
    return loops


def _faces() -> list[tuple[Corner, ...]]:
    faces = []
    for axis, side in itertools.product(range(3), (0, 1)):
        around = ((0, 0), (0, 1), (1, 1), (1, 0))
        faces.append(tuple(tuple(np.insert(pair, axis, side).tolist()) for pair in around))
    return faces


def _cuts(face: tuple[Corner, ...], chosen: frozenset[Corner]) -> list[tuple[Edge, Edge]]:
    """The straight cuts over one face, each between the middles of two of its edges."""
    inside = [corner in chosen for corner in face]
    # Edge n runs from corner n to the next; corner n lies between the edges n - 1 and n.
    edges = [frozenset((face[n], face[(n + 1) % 4])) for n in range(4)]
    crossed = [n for n in range(4) if inside[n] != inside[(n + 1) % 4]]
    if len(crossed) == 4:
        return [(edges[n - 1], edges[n]) for n in range(4) if inside[n]]
    return [(edges[crossed[0]], edges[crossed[1]])] if crossed else []


def _polygon_area(points: np.ndarray, spacing: np.ndarray) -> float:
    """Area of a polygon that need not be flat: of the fan of triangles that bulges most in the unit cube.

    Which fan is taken must not hang on the spacing; fans that tie are averaged.
    """
    unit = np.array([_fan_area(np.roll(points, -n, axis=0)) for n in range(len(points))])
    fans = np.flatnonzero(unit >= unit.max() - 1e-9)
    return math.fsum(_fan_area(np.roll(points * spacing, -n, axis=0)) for n in fans) / len(fans)


def _fan_area(points: np.ndarray) -> float:
    spokes = points[1:] - points[0]
    return float(np.linalg.norm(np.cross(spokes[:-1], spokes[1:]), axis=1).sum()) / 2


def _middle(edge: Edge) -> np.ndarray:
    return np.mean(list(edge), axis=0)
