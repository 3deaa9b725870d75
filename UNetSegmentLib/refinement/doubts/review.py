"""The doubtful places of a segmentation, from the strongest evidence that there is."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from ...volume import Segmentation, Volume
from .appearance import doubts_from_image, edgeless_places
from .evidence import (
    doubts_from_members,
    doubts_from_probabilities,
    doubts_from_probability,
    doubts_from_uncertainty,
)
from .finding import MOST, find_places
from .irregular import irregular_places
from .places import DoubtfulPlace


def review_places(
    segmentation: Segmentation,
    *,
    probabilities: Volume | np.ndarray | None = None,
    values: Sequence[int] = (),
    regions: bool = False,
    probability: Volume | np.ndarray | None = None,
    label: int = 1,
    members: Sequence[Segmentation | np.ndarray] = (),
    uncertainty: Volume | np.ndarray | None = None,
    volume: Volume | None = None,
    segments: Collection[int] | None = None,
    most: int = MOST,
) -> tuple[DoubtfulPlace, ...]:
    """Doubtful places, the most doubtful first.

    What is taken is the first of these that is given: a model's probabilities, those of one segment, the label maps of
    several members, a model's uncertainty. Without any of them the mask's shape and, where it is given, the image:
    weaker, and every place says so by its :attr:`~.places.Reason.weak`.

    Args:
        segmentation: the labels as they are now.
        probabilities, values, regions: see :func:`~.evidence.doubts_from_probabilities`.
        probability, label: see :func:`~.evidence.doubts_from_probability`; then this segment alone is reviewed.
        members: see :func:`~.evidence.doubts_from_members`.
        uncertainty: see :func:`~.evidence.doubts_from_uncertainty`.
        volume: the image.
        segments: label values that are reviewed; None: all.
        most: places at most.

    Raises:
        GeometryError: another grid.
        InputError: channels and values that do not fit.
    """
    if probabilities is not None:
        return find_places(doubts_from_probabilities(segmentation, probabilities, values, regions), segments, most)
    if probability is not None:
        return find_places(doubts_from_probability(segmentation, probability, label), [label], most)
    if members:
        return find_places(doubts_from_members(segmentation, members), segments, most)
    if uncertainty is not None:
        return find_places(doubts_from_uncertainty(segmentation, uncertainty), segments, most)
    found = irregular_places(segmentation, segments)
    if volume is not None:
        found += edgeless_places(segmentation, volume, segments)
        found += find_places(doubts_from_image(segmentation, volume, segments), segments, most)
    return _told_once(found, most)


def _told_once(found: Sequence[DoubtfulPlace], most: int) -> tuple[DoubtfulPlace, ...]:
    """Ranked; what lies mostly within a place that comes before it is the same place, found in another way."""
    ranked = sorted(found, key=lambda place: (-place.score, place.segment, place.index, place.reason.name))
    told: list[DoubtfulPlace] = []
    for place in ranked:
        if len(told) == most:
            break
        if all(2 * place.overlap(other) < place.voxels for other in told):
            told.append(place)
    return tuple(told)
