"""From doubtful voxels to connected places, ranked.

Doubts that lie deeper than the usual rim of a border are the cores of places; each core has the rim beside it, and what
is left of the rim is cut into patches. A voxel counts by how likely it is wrong, its volume, and how many rims deep it
lies.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...geometry import Triple
from ...volume import Segmentation
from .evidence import Doubts
from .label_pairs import Side, sides_of
from .neighbours import connected_parts, neighbour_pairs
from .places import DoubtfulPlace, Kind, Reason
from .placing import make_place

MOST = 50
"""Places of a list: more are never gone through."""

_LEAST_VOXELS = 3
_SPRAWL, _FILLED = 4.0, 0.2  # times its depth that a core may be long; share of its box that it then fills


def find_places(doubts: Doubts, segments: Collection[int] | None = None, most: int = MOST) -> tuple[DoubtfulPlace, ...]:
    """Connected places of doubt, the most doubtful first.

    Args:
        segments: label values that are reviewed; None: all.
        most: places at most.
    """
    found: list[_Found] = []
    for side in sides_of(doubts, segments):
        found += _parts(side, doubts.segmentation)
    found.sort(key=lambda one: (-one.score, one.side.segment, one.side.now, int(one.flat[0])))
    return tuple(_place_of(doubts.segmentation, one, doubts.reason) for one in _spread(found, most))


@dataclass(frozen=True, eq=False)
class _Found:
    side: Side
    flat: np.ndarray
    center: np.ndarray
    score: float
    likelihood: float


def _spread(found: Sequence[_Found], most: int) -> list[_Found]:
    """The first of a ranked list; whoever looks at a place sees what is around it, so the score of others within a
    patch's radius is halved."""
    scores = np.array([one.score for one in found])
    centers = np.array([one.center for one in found]).reshape(-1, 3)
    chosen: list[_Found] = []
    for _ in range(min(most, len(found))):
        first = int(scores.argmax())
        one = found[first]
        chosen.append(replace(one, score=float(scores[first])))
        scores[np.linalg.norm(centers - one.center, axis=1) < one.side.radius] /= 2
        scores[first] = -np.inf
    return chosen


def _parts(side: Side, segmentation: Segmentation) -> list[_Found]:
    """The places of one side: cores with the rim beside them, and patches of the rim."""
    geometry = segmentation.geometry
    pairs = neighbour_pairs(side.flat, geometry.shape)
    group = _cores(side, pairs)
    _cut(group, group < 0, side, side.radius)
    for number, reach in _sprawling(group, side, geometry.array_spacing):
        _cut(group, group == number, side, reach)
    same = group[pairs[0]] == group[pairs[1]]
    part = connected_parts(len(group), pairs[0][same], pairs[1][same])
    count = np.bincount(part)
    mass = np.bincount(part, side.weights)
    likely = np.bincount(part, side.likely) / count
    order = np.argsort(part, kind="stable")
    ends = np.cumsum(count)
    ml = geometry.voxel_volume / 1000
    centers = np.stack([np.bincount(part, side.points[:, axis]) for axis in range(3)], axis=1) / count[:, None]
    return [
        _Found(side, side.flat[order[ends[n] - count[n] : ends[n]]], centers[n], float(mass[n] * ml), float(likely[n]))
        for n in np.flatnonzero(count >= _LEAST_VOXELS)
    ]


def _cores(side: Side, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The number of the core that each doubt belongs to; -1 for what is far from all."""
    from scipy.spatial import cKDTree

    group = np.full(len(side.flat), -1)
    deep = side.depth > side.rim * 1.001
    if not deep.any():
        return group
    inner = deep[pairs[0]] & deep[pairs[1]]
    part = connected_parts(len(deep), pairs[0][inner], pairs[1][inner])
    large = np.bincount(part, deep) >= _LEAST_VOXELS
    kept = deep & large[part]
    if not kept.any():
        return group
    group[kept] = part[kept]
    rest = np.flatnonzero(~kept)
    distance, nearest = cKDTree(side.points[kept]).query(side.points[rest], distance_upper_bound=1.5 * side.rim)
    near = np.isfinite(distance)
    group[rest[near]] = group[kept][nearest[near]]
    return group


def _sprawling(group: np.ndarray, side: Side, spacing: Triple) -> list[tuple[int, float]]:
    """The cores that spread along the border much farther than they reach away from it, and fill little of the box
    around them; with the radius, mm, of the patches that they are cut into."""
    count = int(group.max(initial=-1)) + 1
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    deepest = np.zeros(count)
    np.minimum.at(low, group, side.points)
    np.maximum.at(high, group, side.points)
    np.maximum.at(deepest, group, side.depth)
    voxels = np.bincount(group, minlength=count)
    used = np.flatnonzero(voxels)
    size = high[used] - low[used]
    reach = np.maximum(deepest, side.radius)[used]
    thin = voxels[used] < _FILLED * np.prod(size / spacing + 1, axis=1)
    sprawling = thin & (np.linalg.norm(size, axis=1) > _SPRAWL * reach)
    return [(int(number), float(mm)) for number, mm in zip(used[sprawling], reach[sprawling], strict=True)]


def _cut(group: np.ndarray, chosen: np.ndarray, side: Side, radius: float) -> None:
    """Gives the chosen doubts the new numbers of patches, in place."""
    if chosen.any():
        group[chosen] = group.max() + 1 + _patches(side.points[chosen], side.weights[chosen], radius)


def _patches(points: np.ndarray, weights: np.ndarray, radius: float) -> np.ndarray:
    """The number of the patch of every point: cells of a grid, moved to where the doubt is greatest, without those
    whose centre lies within a radius of a heavier one's."""
    from scipy.spatial import cKDTree

    cells = np.floor(points / (1.5 * radius)).astype(np.int64)
    _, number = np.unique(cells, axis=0, return_inverse=True)
    number = number.reshape(-1)
    for _ in range(3):
        centres, _ = _centres(number, points, weights)
        _, number = cKDTree(centres).query(points)
    centres, mass = _centres(number, points, weights)
    kept = np.ones(len(centres), bool)
    near = cKDTree(centres).query_ball_point(centres, radius)
    for heaviest in np.argsort(-mass, kind="stable"):
        if kept[heaviest]:
            kept[near[heaviest]] = False
            kept[heaviest] = True
    _, number = cKDTree(centres[kept]).query(points)
    return np.asarray(number)


def _centres(number: np.ndarray, points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre, mm, and weight of the points of each number that occurs."""
    mass = np.bincount(number, weights)
    sums = np.stack([np.bincount(number, weights * points[:, axis]) for axis in range(3)], axis=1)
    return sums[mass > 0] / mass[mass > 0, None], mass[mass > 0]


def _place_of(segmentation: Segmentation, found: _Found, reason: Reason) -> DoubtfulPlace:
    """The value of connected voxels."""
    now, instead = found.side.now, found.side.instead
    kind = Kind.MISSING if now == 0 else Kind.EXTRA if instead == 0 else Kind.CONFUSED
    return make_place(
        segmentation,
        found.flat,
        segment=found.side.segment,
        kind=kind,
        reason=reason,
        score=found.score,
        now=now,
        likelihood=found.likelihood,
    )
