"""The doubts of each pair of labels, and how far each lies from the border between them.

Every border has a rim of doubt, as thick as the model's voxels are coarse. How thick it usually is along the border is
what tells it from doubt that lies deeper.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from ...geometry import Geometry
from ...volume import Segmentation
from .evidence import Doubts, border_voxels, sizes_of

_DEEPEST = 3.0  # rims; what is farther away counts no more
_STEP = 1.75  # smallest spacings: a voxel's neighbours by faces, edges and corners
_AROUND = 30  # voxels around the doubts in which the border is looked for


@dataclass(frozen=True, eq=False)
class Side:
    """The doubts that share a present label and one that they may have instead.

    Args:
        now, instead: the two labels.
        flat, likely: see :class:`~.evidence.Doubts`.
        points: mm along the array axes, (n, 3).
        depth: mm to the nearest voxel that has the other label; infinite where there is none near.
        rim: mm that the rim is thick.
        radius: mm of a patch that a wide rim is cut into: two thirds of the radius of a ball (in one slice: a disc) of
            the segment's size, at least four voxels, at most 20 mm.
    """

    now: int
    instead: int
    flat: np.ndarray
    likely: np.ndarray
    points: np.ndarray
    depth: np.ndarray
    rim: float
    radius: float

    @property
    def segment(self) -> int:
        """The segment that would gain the voxels, or lose them to nothing."""
        return self.instead or self.now

    @property
    def weights(self) -> np.ndarray:
        """What each voxel counts: how likely it is wrong, and more the deeper it lies."""
        return np.asarray(self.likely * np.clip(self.depth / self.rim, 0.5, _DEEPEST))


def sides_of(doubts: Doubts, segments: Collection[int] | None = None) -> Iterator[Side]:
    """One for each pair of labels.

    Args:
        segments: label values that are reviewed; None: all.
    """
    segmentation, geometry = doubts.segmentation, doubts.segmentation.geometry
    if not len(doubts.flat):
        return
    sizes = sizes_of(segmentation.voxels, int(doubts.instead.max(initial=0)) + 1)
    border = _Border(segmentation)
    codes = doubts.now.astype(np.int64) * 65536 + doubts.instead
    order = np.argsort(codes, kind="stable")
    pairs, firsts = np.unique(codes[order], return_index=True)
    for code, mine in zip(pairs, np.split(order, firsts[1:]), strict=True):
        now, instead = int(code // 65536), int(code % 65536)
        if now == instead or (segments is not None and not ({now, instead} - {0}) & {*segments}):
            continue
        index = np.stack(np.unravel_index(doubts.flat[mine], geometry.shape), axis=1)
        depth, rim = border.depths(index, instead)
        yield Side(
            now,
            instead,
            doubts.flat[mine],
            doubts.likely[mine],
            index * np.asarray(geometry.array_spacing),
            depth,
            rim,
            _patch_radius(geometry, int(sizes[instead or now])),
        )


class _Border:
    """The voxels that lie beside another label, made once for all pairs."""

    def __init__(self, segmentation: Segmentation) -> None:
        self._geometry = segmentation.geometry
        flat = border_voxels(segmentation.voxels)
        labels = segmentation.voxels.reshape(-1)[flat]
        order = np.argsort(labels, kind="stable")
        self._stops = np.cumsum(np.bincount(labels))
        self._index = np.stack(np.unravel_index(flat[order], segmentation.geometry.shape), axis=1)

    def depths(self, index: np.ndarray, label: int) -> tuple[np.ndarray, float]:
        """Distance of every voxel to the nearest one of a label, mm, and how deep the rim reaches: a voxel farther
        than the median along the border of how deep the doubts lie that are nearest to each of its voxels."""
        from scipy.spatial import cKDTree

        spacing, least = np.asarray(self._geometry.array_spacing), min(lengths_of(self._geometry))
        low, high = index.min(axis=0) - _AROUND, index.max(axis=0) + _AROUND
        edge = self._of(label)
        edge = edge[np.all((edge >= low) & (edge <= high), axis=1)] * spacing
        if not len(edge):
            return np.full(len(index), np.inf), _STEP * least
        depth, nearest = cKDTree(edge, balanced_tree=False, compact_nodes=False).query(index * spacing)
        deepest = np.zeros(len(edge))
        np.maximum.at(deepest, nearest, depth)
        usual = float(np.median(deepest))
        return depth, max(_STEP * least, usual + least) if usual else _STEP * least

    def _of(self, label: int) -> np.ndarray:
        """Array indices (n, 3) of the border's voxels that have a label."""
        if label >= len(self._stops):
            return self._index[:0]
        return self._index[self._stops[label - 1] if label else 0 : self._stops[label]]


def _patch_radius(geometry: Geometry, voxels: int) -> float:
    lengths = lengths_of(geometry)
    size = max(voxels, 1) * float(np.prod(lengths))
    ball = (3 * size / (4 * np.pi)) ** (1 / 3) if len(lengths) == 3 else (size / np.pi) ** (1 / 2)
    least = 4 * min(lengths)
    return float(np.clip(ball * 2 / 3, least, max(20.0, least)))


def lengths_of(geometry: Geometry) -> list[float]:
    """Spacings (mm, array order) along the axes that have more than one voxel; all three where none has."""
    lengths = [mm for mm, n in zip(geometry.array_spacing, geometry.shape, strict=True) if n > 1]
    return lengths or list(geometry.array_spacing)
