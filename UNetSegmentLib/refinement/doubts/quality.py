"""Which case to look at first: how much the members of a model agree, or how sure one run is of itself.

The agreement of folds or mirrors is the mean Dice over their pairs, which of the simple measures ranks failures best
(Zenk et al., "Comparative benchmarking of failure detection methods in medical image segmentation", 2024,
arXiv:2406.03323). None of this is an accuracy: members may agree on the same mistake. It orders cases, no more.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import GeometryError, InputError
from ...volume import Segmentation, Volume
from .evidence import channels_of, class_shares, doubts_from_uncertainty, sizes_of, slabs


class Basis(enum.Enum):
    """What an estimate is founded on."""

    FOLDS = "folds"
    MIRRORS = "mirrors"
    VIEWS = "voxel sizes"
    PROBABILITIES = "probabilities"
    UNCERTAINTY = "uncertainty"

    @property
    def weak(self) -> bool:
        """Whether there is one run alone, which judges itself."""
        return self in (Basis.PROBABILITIES, Basis.UNCERTAINTY)


@dataclass(frozen=True)
class Quality:
    """An estimate by which cases are ordered; never an accuracy.

    Args:
        estimate: of the case, 0 to 1: mean over its segments; None where nothing was found at all.
        by_segment: of every segment that was found, by label value.
        basis: what it is founded on.
        members: how many label maps were compared; 1 where a run judges itself.
    """

    estimate: float | None
    by_segment: Mapping[int, float] = field(default_factory=dict)
    basis: Basis = Basis.PROBABILITIES
    members: int = 1

    def describe(self) -> str:
        """One English sentence."""
        if self.estimate is None:
            return "nothing was found, so there is nothing to compare"
        if self.basis.weak:
            return f"by its own {self.basis.value} (weaker than comparing folds): {self.estimate:.3f}"
        return f"agreement of {self.members} {self.basis.value}: {self.estimate:.3f}"


def quality_of_members(
    members: Sequence[Segmentation | np.ndarray], basis: Basis = Basis.FOLDS, values: Sequence[int] | None = None
) -> Quality:
    """How much members agree: mean Dice over their pairs, of every segment and over the segments.

    Args:
        members: label maps of one grid, two or more.
        values: label values that count; None: all that occur.

    Raises:
        InputError: fewer than two members.
        GeometryError: they differ in shape.
    """
    by_segment = pairwise_dice(members, values)
    return Quality(_mean(by_segment), by_segment, basis, len(members))


def pairwise_dice(
    members: Sequence[Segmentation | np.ndarray], values: Sequence[int] | None = None
) -> dict[int, float]:
    """Mean Dice over the pairs of members, by label value. Pairs of which neither has a segment do not count for it;
    a segment that none has is left out.

    Raises:
        InputError: fewer than two members.
        GeometryError: they differ in shape.
    """
    maps = [member.voxels if isinstance(member, Segmentation) else member for member in members]
    if len(maps) < 2:
        raise InputError("One member has nobody to agree with.", "Give the label maps of two or more folds or mirrors.")
    if any(array.shape != maps[0].shape for array in maps):
        raise GeometryError("The members differ in shape.", "Give label maps of one grid.")
    sizes, common = _counts(maps)
    found: dict[int, float] = {}
    for value in sorted({int(n) for n in np.flatnonzero(sizes.any(axis=0))} - {0}):
        if values is not None and value not in values:
            continue
        pairs = [
            2 * common[pair][value] / (sizes[pair[0]][value] + sizes[pair[1]][value])
            for pair in common
            if sizes[pair[0]][value] + sizes[pair[1]][value]
        ]
        found[value] = float(np.mean(pairs))
    return found


def quality_of_probabilities(
    segmentation: Segmentation, probabilities: Volume | np.ndarray, values: Sequence[int], regions: bool = False
) -> Quality:
    """What Dice one run's probabilities would lead to expect, if they were true: twice the probability within a
    segment, over its size and all the probability there is. Weaker than comparing members: networks are too sure of
    themselves, of their gross mistakes most of all.

    Args:
        segmentation, probabilities, values, regions: see :func:`~.evidence.doubts_from_probabilities`.

    Raises:
        GeometryError, InputError: see there.
    """
    array = channels_of(probabilities, segmentation, values)
    order = sorted({0, *(int(value) for value in values)})
    within, size, mass = (np.zeros(len(order)) for _ in range(3))
    for planes in slabs(segmentation.geometry.shape, len(array)):
        shares = class_shares(array[:, planes], values, order, regions)
        for n, value in enumerate(order[1:], 1):
            mask = segmentation.voxels[planes] == value
            within[n] += shares[n][mask].sum(dtype=float)
            size[n] += np.count_nonzero(mask)
            mass[n] += shares[n].sum(dtype=float)
    found = {value: 2 * within[n] / (size[n] + mass[n]) for n, value in enumerate(order) if n and size[n]}
    return Quality(_mean(found), found, Basis.PROBABILITIES)


def quality_of_uncertainty(segmentation: Segmentation, uncertainty: Volume | np.ndarray) -> Quality:
    """As :func:`quality_of_probabilities`, from the entropy alone: doubt within a segment is taken to be loss, doubt
    outside to be a gain of the nearest one.

    Args:
        uncertainty: see :func:`~.evidence.doubts_from_uncertainty`.

    Raises:
        GeometryError: another grid.
    """
    doubts = doubts_from_uncertainty(segmentation, uncertainty, least=0.02)
    size = sizes_of(segmentation.voxels, int(doubts.instead.max(initial=0)) + 1)
    lost = np.bincount(doubts.now, doubts.likely, minlength=len(size))
    gained = np.bincount(doubts.instead, doubts.likely, minlength=len(size))
    found = {
        int(value): float(2 * (size[value] - lost[value]) / (2 * size[value] - lost[value] + gained[value]))
        for value in np.flatnonzero(size)
        if value
    }
    return Quality(_mean(found), found, Basis.UNCERTAINTY)


def first_to_look_at(qualities: Mapping[str, Quality]) -> tuple[str, ...]:
    """The names of cases in the order in which to look at them: the least agreement first, and before them the cases
    in which nothing was found.

    Raises:
        InputError: the estimates are founded on different things, which cannot be compared.
    """
    bases = sorted({quality.basis.value for quality in qualities.values()})
    if len(bases) > 1:
        raise InputError(
            f"Estimates from {' and '.join(bases)} cannot be compared with each other.",
            "Make them alike for all cases.",
        )
    return tuple(sorted(qualities, key=lambda name: (_rank(qualities[name]), name)))


def _rank(quality: Quality) -> float:
    return -1.0 if quality.estimate is None else quality.estimate


def _mean(by_segment: Mapping[int, float]) -> float | None:
    return float(np.mean(list(by_segment.values()))) if by_segment else None


def _counts(maps: Sequence[np.ndarray]) -> tuple[np.ndarray, dict[tuple[int, int], np.ndarray]]:
    """Voxels of each label in each map, (maps, labels), and of each pair those where both have it; plane by plane."""
    most = max(int(array.max(initial=0)) for array in maps) + 1
    sizes = np.zeros((len(maps), most), np.int64)
    common = {pair: np.zeros(most, np.int64) for pair in itertools.combinations(range(len(maps)), 2)}
    for z in range(len(maps[0])):
        planes = [array[z].reshape(-1) for array in maps]
        used = np.flatnonzero(np.any(planes, axis=0))
        if not len(used):
            continue
        planes = [plane[used] for plane in planes]
        for n, plane in enumerate(planes):
            sizes[n] += np.bincount(plane, minlength=most)
        for (a, b), counts in common.items():
            counts += np.bincount(planes[a][planes[a] == planes[b]], minlength=most)
    return sizes, common
