"""What looks wrong in a mask by its shape alone: islands, holes, thin bridges, slices unlike their neighbours.

Weaker than a model's doubt: nothing here knows what the segment should look like, and a segment that is made of many
parts, or full of holes, is taken to be so by nature.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator

import numpy as np

from ...geometry import Geometry
from ...postprocessing.boxes import label_boxes
from ...volume import Segmentation
from ..neighbourhood import CORNERS, depth_within
from .neighbours import connected_voxels
from .places import DoubtfulPlace, Kind, Reason
from .placing import make_place

# Beside the largest part of a segment, and beside all of it; larger parts are parts of their own right.
_ISLAND_SHARE, _ISLANDS_SHARE = 0.1, 0.2
_HOLES_SHARE = 0.2
_BRIDGE_SHARE, _SIDE_SHARE = 0.05, 0.05
_BRIDGE_RADIUS = 0.35  # of the largest ball that fits
_SLICE_SHARE = 0.15
_LONGEST_GAP = 3
_LEAST_VOXELS = 4

# How much a voxel counts beside one that a model gives half a chance.
_WEIGHT = {Reason.ISLAND: 0.5, Reason.HOLE: 0.5, Reason.SLICE: 0.4, Reason.BRIDGE: 0.3}

_Found = tuple[np.ndarray, Kind, Reason]
"""Array indices (n, 3) of a place's voxels within the segment's box, and what is said of them."""


def irregular_places(segmentation: Segmentation, segments: Collection[int] | None = None) -> list[DoubtfulPlace]:
    """Places that stand out by the mask's shape, in no order.

    Args:
        segments: label values that are looked at; None: all.
    """
    found = []
    for value, box in label_boxes(segmentation.voxels).items():
        if segments is not None and value not in segments:
            continue
        part = segmentation.voxels[box.slices]
        mask, free = part == value, part == 0
        for look in _LOOKS:
            for index, kind, reason in look(mask, free, segmentation.geometry):
                found.append(_place(segmentation, index + box.start, value, kind, reason))
    return found


def _place(segmentation: Segmentation, index: np.ndarray, value: int, kind: Kind, reason: Reason) -> DoubtfulPlace:
    flat = np.ravel_multi_index(tuple(index.T), segmentation.geometry.shape)
    score = _WEIGHT[reason] * len(flat) * segmentation.geometry.voxel_volume / 1000
    now = 0 if kind is Kind.MISSING else value
    return make_place(segmentation, flat, segment=value, kind=kind, reason=reason, score=score, now=now)


def _islands(mask: np.ndarray, free: np.ndarray, geometry: Geometry) -> Iterator[_Found]:
    parts = connected_voxels(mask)
    largest = max(map(len, parts))
    small = [part for part in parts if len(part) <= _ISLAND_SHARE * largest]
    if sum(map(len, small)) <= _ISLANDS_SHARE * sum(map(len, parts)):
        for part in small:
            yield part, Kind.EXTRA, Reason.ISLAND


def _holes(mask: np.ndarray, free: np.ndarray, geometry: Geometry) -> Iterator[_Found]:
    from scipy import ndimage

    # An axis of one voxel is no axis: along it everything would be open.
    flat = tuple(axis for axis, n in enumerate(geometry.shape) if n == 1)
    filled = ndimage.binary_fill_holes(np.squeeze(mask, flat)).reshape(mask.shape)
    # What another segment fills is no hole.
    holes = filled & free
    if np.count_nonzero(holes) <= _HOLES_SHARE * np.count_nonzero(mask):
        for part in connected_voxels(holes):
            yield part, Kind.MISSING, Reason.HOLE


def _bridges(mask: np.ndarray, free: np.ndarray, geometry: Geometry) -> Iterator[_Found]:
    """Thin parts that join two thick ones: what an opening takes away and what touches two pieces of what it leaves."""
    from scipy import ndimage

    spacing = geometry.array_spacing
    depth = depth_within(mask, spacing)
    radius = _BRIDGE_RADIUS * float(depth.max())
    opened = (ndimage.distance_transform_edt(depth <= radius, sampling=spacing) <= radius) & mask
    sides, count = ndimage.label(opened, CORNERS)
    least = _SIDE_SHARE * np.count_nonzero(mask)
    large = np.flatnonzero(np.bincount(sides.reshape(-1), minlength=count + 1)[1:] >= least) + 1
    if len(large) < 2:
        return
    # One voxel more on every side, so that neighbours can be looked up without asking for the image's border.
    sides = np.pad(np.where(np.isin(sides, large), sides, 0), 1)
    for part in connected_voxels(mask & ~opened):
        if len(part) <= _BRIDGE_SHARE * np.count_nonzero(mask):
            around_part = (part[:, None] + _NEIGHBOURS + 1).reshape(-1, 3)
            if len(np.setdiff1d(sides[tuple(around_part.T)], [0])) > 1:
                yield part, Kind.EXTRA, Reason.BRIDGE


def _slices(mask: np.ndarray, free: np.ndarray, geometry: Geometry) -> Iterator[_Found]:
    """Along the axis of the thickest voxels: what both neighbours of a slice have and it has not, or it alone has."""
    if 1 in geometry.shape:
        return  # one slice has no neighbours, and its lines are no slices
    axis = int(np.argmax(geometry.array_spacing))
    layers, open_ = np.moveaxis(mask, axis, 0), np.moveaxis(free, axis, 0)
    full = np.flatnonzero(layers.any(axis=(1, 2)))
    for before, after in itertools.pairwise(full):
        if 1 < after - before <= _LONGEST_GAP + 1:
            missing = (layers[before] & layers[after])[None] & open_[before + 1 : after]
            yield from _told(missing, int(before) + 1, axis, Kind.MISSING, 0)
    for here in range(1, len(layers) - 1):
        below, own, above = layers[here - 1 : here + 2]
        both, size = below & above, np.count_nonzero(own)
        # A structure that runs askew shares little with its neighbours: it says nothing.
        if size and np.count_nonzero(both & own) >= size / 2:
            least = _SLICE_SHARE * size
            yield from _told((both & open_[here] & ~own)[None], here, axis, Kind.MISSING, least)
            yield from _told((own & ~(below | above))[None], here, axis, Kind.EXTRA, least)


def _told(layers: np.ndarray, first: int, axis: int, kind: Kind, least: float) -> Iterator[_Found]:
    """Parts of a few slices, of which ``first`` is the first, that are large enough."""
    for part in connected_voxels(layers):
        if len(part) >= max(least, _LEAST_VOXELS):
            yield np.insert(part[:, 1:], axis, part[:, 0] + first, axis=1), kind, Reason.SLICE


_NEIGHBOURS = np.argwhere(CORNERS) - 1

_LOOKS: tuple[Callable[[np.ndarray, np.ndarray, Geometry], Iterator[_Found]], ...] = (
    _islands,
    _holes,
    _bridges,
    _slices,
)
