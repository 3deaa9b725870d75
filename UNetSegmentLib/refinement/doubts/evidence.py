"""Where a label map may be wrong, voxel by voxel: from probabilities, from uncertainty, from several members.

Few voxels of an image are doubtful, so only these are kept, as flat indices; whole volumes are read a few planes at a
time. What is said of a voxel is about the label that it has *now*: after an edit the same probabilities give other
doubts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import GeometryError, InputError
from ...geometry import Geometry
from ...volume import Segmentation, Volume
from ..checks import checked_grid
from .neighbours import connected_parts, neighbour_pairs
from .places import Reason

LEAST = 0.1
"""A label that is less likely than this is no doubt. Networks are surer than they are right, so it is low."""

MOST_VOXELS = 2_000_000
"""Doubtful voxels that are kept: the likeliest to be wrong, where a model is unsure of half an image."""

_PLANE_BYTES = 64 << 20
_FARTHEST_MM, _FARTHEST_VOXELS = 20.0, 8


@dataclass(frozen=True, eq=False)
class Doubts:
    """Voxels whose label may be wrong.

    Args:
        segmentation: the label map that the doubts are about.
        flat: their indices in ``segmentation.voxels.ravel()``, ascending, int64.
        likely: how likely each is ``instead`` what it should be, float32, 0 to 1.
        instead: the label value that it may have instead, uint16.
        reason: what the doubts are founded on.
    """

    segmentation: Segmentation
    flat: np.ndarray
    likely: np.ndarray
    instead: np.ndarray
    reason: Reason

    @property
    def now(self) -> np.ndarray:
        """The present label of each voxel."""
        return self.segmentation.voxels.reshape(-1)[self.flat]

    def as_volume(self) -> Volume:
        """How likely every voxel is wrong, as an image to lay over another: one channel, float32, 0 where there is no
        doubt."""
        voxels = np.zeros(self.segmentation.geometry.shape, np.float32)
        voxels.reshape(-1)[self.flat] = self.likely
        return Volume(voxels[None], self.segmentation.geometry, "doubt")


def doubts_from_probabilities(
    segmentation: Segmentation,
    probabilities: Volume | np.ndarray,
    values: Sequence[int],
    regions: bool = False,
    least: float = LEAST,
) -> Doubts:
    """From a model's probabilities of all its outputs.

    Voxels whose present label the model does not know are left out.

    Args:
        probabilities: (channels, z, y, x), float 0 to 1 or uint8 0 to 255, on the segmentation's grid.
        values: label value per channel (``card.inference.output_values``); of several that share a value the likeliest
            counts.
        regions: the outputs are regions of which later ones are painted over earlier ones (sigmoid), not classes of
            which one is true (softmax).
        least: likelihood from which a voxel is doubtful.

    Raises:
        GeometryError: another grid.
        InputError: not as many values as channels.
    """
    array = channels_of(probabilities, segmentation, values)
    order = sorted({0, *(int(value) for value in values)})
    collected = _Collected(segmentation, least)
    for planes in slabs(segmentation.geometry.shape, len(array)):
        now = segmentation.voxels[planes]
        shares = class_shares(array[:, planes], values, order, regions)
        channel = np.searchsorted(order, now).clip(max=len(order) - 1)
        known = np.asarray(order)[channel] == now
        own = np.take_along_axis(shares, channel[None], axis=0)[0]
        unsure = known & (1 - own >= least)
        others = shares[:, unsure]
        np.put_along_axis(others, channel[unsure][None], -1.0, axis=0)
        best = others.argmax(axis=0)
        likely = np.take_along_axis(others, best[None], axis=0)[0]
        collected.add(planes.start, unsure, likely, np.asarray(order)[best])
    return collected.doubts(Reason.MODEL)


def doubts_from_probability(
    segmentation: Segmentation, probability: Volume | np.ndarray, label: int, least: float = LEAST
) -> Doubts:
    """From the probability of one segment.

    Args:
        probability: (z, y, x) or one channel, float 0 to 1 or uint8 0 to 255, on the segmentation's grid.
        label: the segment's value.

    Raises:
        GeometryError: another grid.
    """
    array = channels_of(probability, segmentation, (label,))
    collected = _Collected(segmentation, least)
    for planes in slabs(segmentation.geometry.shape, 1):
        there = segmentation.voxels[planes] == label
        share = as_shares(array[0, planes])
        likely = np.where(there, 1 - share, share)
        unsure = likely >= least
        collected.add(planes.start, unsure, likely[unsure], np.where(there, 0, label)[unsure])
    return collected.doubts(Reason.MODEL)


def doubts_from_members(
    segmentation: Segmentation, members: Sequence[Segmentation | np.ndarray], least: float = LEAST
) -> Doubts:
    """From the label maps of several members (folds, mirrors): what share of them says something else.

    Args:
        members: label maps on the segmentation's grid.

    Raises:
        GeometryError: another grid.
        InputError: no members.
    """
    maps = [_label_map(member, segmentation) for member in members]
    if not maps:
        raise InputError("There are no members to compare.", "Give the label maps of two or more.")
    collected = _Collected(segmentation, least)
    for planes in slabs(segmentation.geometry.shape, len(maps)):
        now = segmentation.voxels[planes]
        unsure = np.zeros(now.shape, bool)
        for array in maps:
            unsure |= array[planes] != now
        votes = np.stack([array[planes][unsure] for array in maps])
        likely, instead = _most_votes(votes, now[unsure])
        collected.add(planes.start, unsure, likely, instead)
    return collected.doubts(Reason.MEMBERS)


def doubts_from_uncertainty(
    segmentation: Segmentation, uncertainty: Volume | np.ndarray, least: float = LEAST
) -> Doubts:
    """From a model's uncertainty alone, which does not say what else a voxel may be: that is taken to be the nearest
    other label, for background the nearest segment. So a label map should hold all segments that the model knows, also
    where one of them is reviewed. Doubt that does not hang together with a border, or lies farther from it than 20 mm
    and eight voxels, may be about something that the label map does not hold, and is left out.

    Args:
        uncertainty: entropy in bits, (z, y, x) or one channel, on the segmentation's grid
            (:attr:`~UNetSegmentLib.inference.SegmentationResult.uncertainty`).

    Raises:
        GeometryError: another grid.
    """
    array = channels_of(uncertainty, segmentation, (0,))
    collected = _Collected(segmentation, least)
    for planes in slabs(segmentation.geometry.shape, 1):
        likely = share_of_entropy(array[0, planes])
        unsure = likely >= least
        collected.add(planes.start, unsure, likely[unsure], np.zeros(np.count_nonzero(unsure), np.uint16))
    doubts = collected.doubts(Reason.MODEL)
    return _towards_nearest(doubts)


def share_of_entropy(bits: np.ndarray) -> np.ndarray:
    """The lesser of two probabilities, 0 to 0.5, that have this entropy; 0.5 for one bit and more. float32."""
    table = np.linspace(0, 0.5, 2049)[1:]
    entropy = -(table * np.log2(table) + (1 - table) * np.log2(1 - table))
    known = np.nan_to_num(np.asarray(bits, np.float32))
    return np.interp(known, np.append(0.0, entropy), np.append(0.0, table)).astype(np.float32)


def as_shares(values: np.ndarray) -> np.ndarray:
    """Probabilities as float32, 0 to 1; uint8 ones are 255ths, what is no number is 0."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) / np.float32(255)
    return np.clip(np.nan_to_num(values.astype(np.float32)), 0.0, 1.0)


def class_shares(array: np.ndarray, values: Sequence[int], order: Sequence[int], regions: bool) -> np.ndarray:
    """Probability of every label of ``order`` (0 first), float32 (labels, z, y, x), from those of the outputs.

    Regions are taken to be independent of each other: a voxel has the label of a region that is there when no later
    one is.
    """
    shares = np.zeros((len(order), *array.shape[1:]), np.float32)
    rest = np.ones(array.shape[1:], np.float32)
    for channel in reversed(range(len(values))):
        place = order.index(int(values[channel]))
        share = as_shares(array[channel])
        if regions:
            np.add(shares[place], rest * share, out=shares[place])
            rest *= 1 - share
        else:
            np.maximum(shares[place], share, out=shares[place])
    if regions:
        shares[0] += rest
    elif 0 not in [int(value) for value in values]:
        shares[0] = np.clip(1 - shares.sum(axis=0), 0, 1)
    return shares


class _Collected:
    """Doubtful voxels, slab by slab; never many more than are kept."""

    def __init__(self, segmentation: Segmentation, least: float) -> None:
        self._segmentation = segmentation
        self._least = least
        self._plane = int(np.prod(segmentation.geometry.shape[1:]))
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, first: int, unsure: np.ndarray, likely: np.ndarray, instead: np.ndarray) -> None:
        """Voxels of a slab that begins with plane ``first``; ``likely`` and ``instead`` are of the unsure ones."""
        flat = np.flatnonzero(unsure) + first * self._plane
        kept = likely >= self._least
        self._parts.append((flat[kept], likely[kept].astype(np.float32), instead[kept].astype(np.uint16)))
        if sum(len(part[0]) for part in self._parts) > 2 * MOST_VOXELS:
            self._parts = [likeliest(*self._joined())]

    def doubts(self, reason: Reason) -> Doubts:
        return Doubts(self._segmentation, *likeliest(*self._joined()), reason)

    def _joined(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        flat, likely, instead = zip(*self._parts, strict=True)
        return np.concatenate(flat).astype(np.int64), np.concatenate(likely), np.concatenate(instead)


def likeliest(flat: np.ndarray, likely: np.ndarray, instead: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """No more than :data:`MOST_VOXELS` of some doubts, in their order."""
    if len(flat) <= MOST_VOXELS:
        return flat, likely, instead
    kept = np.sort(np.argsort(-likely, kind="stable")[:MOST_VOXELS])
    return flat[kept], likely[kept], instead[kept]


def _most_votes(votes: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of members' labels (members, n): the share of the one that most name besides ``now``, the lowest among equals,
    and which it is."""
    best = np.zeros(len(now), np.int64)
    instead = np.zeros(len(now), np.uint16)
    for value in np.unique(votes):
        count = np.count_nonzero(votes == value, axis=0) * (now != value)
        more = count > best
        best[more], instead[more] = count[more], value
    return (best / max(len(votes), 1)).astype(np.float32), instead


def _towards_nearest(doubts: Doubts) -> Doubts:
    """Doubts whose ``instead`` is the nearest label other than the present one, where these hang together with the
    border between the two."""
    from scipy.spatial import cKDTree

    voxels, geometry = doubts.segmentation.voxels, doubts.segmentation.geometry
    spacing = np.asarray(geometry.array_spacing)
    edge = border_voxels(voxels)
    labels_there = voxels.reshape(-1)[edge]
    points, edge_points = (points_of(flat, geometry) for flat in (doubts.flat, edge))
    now, instead = doubts.now, doubts.instead.copy()
    distance = np.full(len(now), np.inf)
    for value in np.unique(now):
        other = labels_there != value
        if other.any():
            mine = now == value
            distance[mine], nearest = cKDTree(edge_points[other]).query(points[mine])
            instead[mine] = labels_there[other][nearest]
    near = np.flatnonzero(distance <= max(_FARTHEST_MM, _FARTHEST_VOXELS * float(spacing.min())))
    part = connected_parts(len(near), *neighbour_pairs(doubts.flat[near], geometry.shape))
    touching = np.zeros(len(near), bool)
    touching[part[distance[near] <= spacing.max()]] = True
    kept = near[touching[part]]
    return Doubts(doubts.segmentation, doubts.flat[kept], doubts.likely[kept], instead[kept], doubts.reason)


def border_voxels(voxels: np.ndarray) -> np.ndarray:
    """Flat indices of the voxels that have a face in common with another label."""
    edge = np.zeros(voxels.shape, bool)
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        differs = voxels[tuple(low)] != voxels[tuple(high)]
        edge[tuple(low)] |= differs
        edge[tuple(high)] |= differs
    return np.flatnonzero(edge)


def points_of(flat: np.ndarray, geometry: Geometry) -> np.ndarray:
    """mm along the array axes, (n, 3), of flat indices."""
    return np.stack(np.unravel_index(flat, geometry.shape), axis=1) * np.asarray(geometry.array_spacing)


def sizes_of(voxels: np.ndarray, least: int = 1) -> np.ndarray:
    """Number of voxels of each label value, for ``least`` values or as many as there are; counted plane by plane."""
    most = max(int(voxels.max(initial=0)) + 1, least)
    return np.sum([np.bincount(plane.reshape(-1), minlength=most) for plane in voxels], axis=0)


def channels_of(maps: Volume | np.ndarray, segmentation: Segmentation, values: Sequence[int]) -> np.ndarray:
    """(channels, z, y, x) of probabilities or uncertainty, checked against the segmentation.

    Args:
        values: one for every channel.

    Raises:
        GeometryError: another grid.
        InputError: another number of channels.
    """
    if isinstance(maps, Volume):
        checked_grid(maps, segmentation)
        array = maps.voxels
    else:
        array = maps[None] if maps.ndim == 3 else maps
        _check_shape(array.shape[1:], segmentation, "Probabilities")
    if len(values) != len(array):
        raise InputError(
            f"{len(array)} channels of probabilities do not fit {len(values)} label values.",
            "Give the channels of the model's outputs with the label value of each, or the one channel of a segment.",
        )
    return array


def _label_map(member: Segmentation | np.ndarray, segmentation: Segmentation) -> np.ndarray:
    array = member.voxels if isinstance(member, Segmentation) else member
    _check_shape(array.shape, segmentation, "A member")
    return array


def _check_shape(shape: tuple[int, ...], segmentation: Segmentation, what: str) -> None:
    if shape != segmentation.geometry.shape:
        raise GeometryError(
            f"{what} of shape {shape} does not fit the segmentation of {segmentation.geometry.shape} (z, y, x).",
            "Give it on the segmentation's grid.",
        )


def slabs(shape: tuple[int, int, int], channels: int) -> Iterator[slice]:
    """Slices of planes, in order, that take a moderate amount of memory."""
    planes = max(1, _PLANE_BYTES // (4 * max(channels, 1) * shape[1] * shape[2]))
    for first in range(0, shape[0], planes):
        yield slice(first, min(first + planes, shape[0]))
