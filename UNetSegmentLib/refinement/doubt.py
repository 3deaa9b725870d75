"""From doubtful voxels to connected places, ranked.

Every border has a rim of doubt, as thick as the model's voxels are coarse; what matters lies deeper. How far from the
present border a voxel lies, in mm, tells them apart: the usual thickness of the rim is measured along the border, and
doubts beyond it are the cores of places. Each core has the rim beside it; what is left of the rim is cut into patches.
A voxel counts by how likely it is wrong, its volume, and how many rims deep it lies.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..geometry import Box, Geometry, Triple
from ..reporting.units import SizeKind, size_kind
from ..volume import Segmentation
from .evidence import Doubts, border_voxels
from .neighbours import connected_parts, neighbour_pairs
from .places import DoubtfulPlace, Kind, Reason

MOST = 50
"""Places of a list: more are never gone through."""

_LEAST_VOXELS = 3
_DEEPEST = 3.0  # rims; what is farther away counts no more
_SPRAWL, _FILLED = 4.0, 0.2  # times its depth that a core may be long; share of its box that it then fills
_STEP = 1.75  # smallest spacings: a voxel's neighbours by faces, edges and corners


@dataclass(frozen=True, eq=False)
class _Side:
    """The doubts that share a present label and one that they may have instead.

    Args:
        flat, likely: see :class:`~.evidence.Doubts`.
        points: mm along the array axes, (n, 3).
        depth: mm to the nearest voxel that has the other label; infinite where there is none.
        rim: mm that the rim is thick.
    """

    now: int
    instead: int
    flat: np.ndarray
    likely: np.ndarray
    points: np.ndarray
    depth: np.ndarray
    rim: float

    @property
    def segment(self) -> int:
        return self.instead or self.now

    @property
    def weights(self) -> np.ndarray:
        return self.likely * np.clip(self.depth / self.rim, 0.5, _DEEPEST)


def find_places(doubts: Doubts, segments: Collection[int] | None = None, most: int = MOST) -> tuple[DoubtfulPlace, ...]:
    """Connected places of doubt, the most doubtful first.

    Args:
        segments: label values that are reviewed; None: all.
        most: places at most.
    """
    found: list[_Found] = []
    for side in _sides(doubts, segments):
        found += _parts(side, doubts.segmentation)
    found.sort(key=lambda one: (-one.score, one.side.segment, one.side.now, int(one.flat[0])))
    return tuple(place_of(doubts.segmentation, one, doubts.reason) for one in found[:most])


@dataclass(frozen=True, eq=False)
class _Found:
    side: _Side
    flat: np.ndarray
    score: float
    likelihood: float


def _sides(doubts: Doubts, segments: Collection[int] | None) -> list[_Side]:
    """One for each pair of labels, with depths."""
    now, instead = doubts.now.astype(np.int64), doubts.instead.astype(np.int64)
    geometry = doubts.segmentation.geometry
    border = border_voxels(doubts.segmentation.voxels)
    sides = []
    for code in np.unique(now * 65536 + instead):
        pair = (int(code // 65536), int(code % 65536))
        if pair[0] == pair[1] or (segments is not None and not {*pair} & {*segments} - {0}):
            continue
        mine = (now == pair[0]) & (instead == pair[1])
        flat = doubts.flat[mine]
        points = points_of(flat, geometry)
        depth, rim = _depths(doubts.segmentation, border, points, pair)
        sides.append(_Side(*pair, flat, doubts.likely[mine], points, depth, rim))
    return sides


def _depths(
    segmentation: Segmentation, border: np.ndarray, points: np.ndarray, pair: tuple[int, int]
) -> tuple[np.ndarray, float]:
    """Distance of every point to the other label, mm, and how deep the rim reaches: a voxel farther than the median
    along the border of how deep the doubts lie that are nearest to each of its voxels."""
    from scipy.spatial import cKDTree

    geometry = segmentation.geometry
    step = _STEP * min(_lengths(geometry))
    edge = border[segmentation.voxels.reshape(-1)[border] == pair[1]]
    if not len(edge):
        return np.full(len(points), np.inf), step
    tree = cKDTree(points_of(edge, geometry), balanced_tree=False, compact_nodes=False)
    depth, nearest = tree.query(points)
    deepest = np.zeros(len(edge))
    np.maximum.at(deepest, nearest, depth)
    usual = float(np.median(deepest))
    return depth, max(step, usual + min(_lengths(geometry))) if usual else step


def _parts(side: _Side, segmentation: Segmentation) -> list[_Found]:
    """The places of one side: cores with the rim beside them, and patches of the rim."""
    geometry = segmentation.geometry
    pairs = neighbour_pairs(side.flat, geometry.shape)
    radius = _patch_radius(segmentation, side.segment)
    group = _cores(side, pairs)
    _cut(group, group < 0, side, radius)
    for number, reach in _sprawling(group, side, radius, geometry.array_spacing):
        _cut(group, group == number, side, reach)
    same = group[pairs[0]] == group[pairs[1]]
    part = connected_parts(len(group), pairs[0][same], pairs[1][same])
    count = np.bincount(part)
    mass = np.bincount(part, side.weights)
    likely = np.bincount(part, side.likely) / count
    order = np.argsort(part, kind="stable")
    ends = np.cumsum(count)
    ml = geometry.voxel_volume / 1000
    return [
        _Found(side, side.flat[order[ends[n] - count[n] : ends[n]]], float(mass[n] * ml), float(likely[n]))
        for n in np.flatnonzero(count >= _LEAST_VOXELS)
    ]


def _cores(side: _Side, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
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


def _sprawling(group: np.ndarray, side: _Side, radius: float, spacing: Triple) -> list[tuple[int, float]]:
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
    reach = np.maximum(deepest, radius)[used]
    thin = voxels[used] < _FILLED * np.prod(size / spacing + 1, axis=1)
    sprawling = thin & (np.linalg.norm(size, axis=1) > _SPRAWL * reach)
    return [(int(number), float(mm)) for number, mm in zip(used[sprawling], reach[sprawling], strict=True)]


def _cut(group: np.ndarray, chosen: np.ndarray, side: _Side, radius: float) -> None:
    """Gives the chosen doubts the new numbers of patches, in place."""
    if chosen.any():
        group[chosen] = group.max() + 1 + _patches(side.points[chosen], side.weights[chosen], radius)


def _patches(points: np.ndarray, weights: np.ndarray, radius: float) -> np.ndarray:
    """The number of the patch of every point: cells of a grid, moved to where the doubt is greatest."""
    from scipy.spatial import cKDTree

    cells = np.floor(points / (1.5 * radius)).astype(np.int64)
    _, number = np.unique(cells, axis=0, return_inverse=True)
    number = number.reshape(-1)
    for _ in range(3):
        mass = np.bincount(number, weights)
        used = mass > 0
        centres = np.stack([np.bincount(number, weights * points[:, axis]) for axis in range(3)], axis=1)
        _, number = cKDTree(centres[used] / mass[used, None]).query(points)
    return number


def _patch_radius(segmentation: Segmentation, segment: int) -> float:
    """mm: two thirds of the radius of a ball (or disc) of the segment's size, at least four voxels, at most 20 mm."""
    lengths = _lengths(segmentation.geometry)
    count = max(int(np.count_nonzero(segmentation.voxels == segment)), 1)
    if len(lengths) == 3:
        ball = (3 * count * np.prod(lengths) / (4 * np.pi)) ** (1 / 3)
    else:
        ball = np.sqrt(count * np.prod(lengths) / np.pi)
    least = 4 * min(lengths)
    return float(np.clip(ball * 2 / 3, least, max(20.0, least)))


def place_of(segmentation: Segmentation, found: _Found, reason: Reason) -> DoubtfulPlace:
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


def make_place(
    segmentation: Segmentation,
    flat: np.ndarray,
    *,
    segment: int,
    kind: Kind,
    reason: Reason,
    score: float,
    now: int,
    likelihood: float = 0.0,
) -> DoubtfulPlace:
    """A place of voxels given by flat indices."""
    geometry = segmentation.geometry
    index = np.stack(np.unravel_index(flat, geometry.shape), axis=1)
    low, high = index.min(axis=0), index.max(axis=0) + 1
    box = Box((int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2])))
    inside = np.zeros(box.shape, bool)
    inside[tuple((index - low).T)] = True
    z, y, x = (int(n) for n in low + _deep_within(inside, geometry))
    told = size_kind(geometry)
    px, py, pz = (float(n) for n in geometry.to_physical(np.array([x, y, z])))
    area = None
    if told is SizeKind.AREA:
        area = len(flat) * float(np.prod(_lengths(geometry)))
    return DoubtfulPlace(
        segment=segment,
        kind=kind,
        reason=reason,
        score=score,
        position=(px, py, pz),
        index=(z, y, x),
        size_ml=len(flat) * geometry.voxel_volume / 1000,
        box=box,
        inside=inside,
        now=now,
        likelihood=likelihood,
        size_kind=told,
        area_mm2=area,
    )


def _deep_within(inside: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Index of a voxel of the mask that lies farthest from what is outside it, the first among equals."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=geometry.array_spacing)[1:-1, 1:-1, 1:-1]
    return np.array(np.unravel_index(int(depth.argmax()), inside.shape))


def points_of(flat: np.ndarray, geometry: Geometry) -> np.ndarray:
    """mm along the array axes, (n, 3), of flat indices."""
    return np.stack(np.unravel_index(flat, geometry.shape), axis=1) * np.asarray(geometry.array_spacing)


def _lengths(geometry: Geometry) -> list[float]:
    """Spacings along the axes that have more than one voxel; all three where none has."""
    lengths = [mm for mm, n in zip(geometry.array_spacing, geometry.shape, strict=True) if n > 1]
    return lengths or list(geometry.array_spacing)
