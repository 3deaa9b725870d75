"""Agreement of a segmentation with a reference: Dice, HD95, NSD, volume error.

The surface metrics follow the definitions of DeepMind's ``surface-distance`` (Nikolov et al., "Clinically applicable
segmentation of head and neck anatomy", JMIR 2021): the boundary runs through the cells between voxels, and every piece
of it counts by its area. They agree with that package, which need not be installed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import GeometryError, InputError
from ...geometry import Box
from ...labels import Label
from ...postprocessing.boxes import label_boxes
from ...volume import Segmentation
from .boundary import boundary_distances, share_within, weighted_percentile


@dataclass(frozen=True)
class LabelScores:
    """Scores of one label in one case.

    Where prediction and reference are both empty there is nothing to score: ``dice``, ``hd95_mm`` and ``nsd`` are None.
    Where only one of them is empty, ``dice`` and ``nsd`` are 0 and ``hd95_mm`` is infinite.

    Args:
        label: which label, as the reference names it.
        dice: Dice coefficient, 0 to 1.
        hd95_mm: 95th percentile of the surface distances, the larger of the two directions.
        nsd: normalised surface Dice: share of both surfaces that lies within the tolerance of the other, 0 to 1.
        volume_error_ml: prediction minus reference.
        reference_ml, prediction_ml: the volumes.
    """

    label: Label
    dice: float | None
    hd95_mm: float | None
    nsd: float | None
    volume_error_ml: float
    reference_ml: float
    prediction_ml: float


@dataclass(frozen=True)
class LabelSummary:
    """Scores of one label over several cases.

    Cases in which the label is empty on both sides do not count. ``hd95_mm`` is the mean over cases where it is finite;
    ``missed`` says in how many it is not, because only one side has the label.
    """

    label: Label
    cases: int
    missed: int
    dice: float | None
    dice_std: float | None
    hd95_mm: float | None
    nsd: float | None
    volume_error_ml: float | None


def compare(
    prediction: Segmentation, reference: Segmentation, tolerance_mm: float = 1.0, values: Sequence[int] | None = None
) -> list[LabelScores]:
    """Scores of every label that either side names or holds, in the order of the values.

    Args:
        prediction, reference: two segmentations on the same grid.
        tolerance_mm: the distance within which surfaces agree, for NSD.
        values: only these label values.

    Raises:
        GeometryError: the grids differ.
        InputError: the tolerance is negative or no number.
    """
    if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise InputError(f"The tolerance {tolerance_mm} is no distance.", "Give a number of mm from 0.")
    boxes = _boxes(prediction, reference, values)
    return [_compare(prediction, reference, tolerance_mm, value, box) for value, box in boxes.items()]


def dice_scores(
    prediction: Segmentation, reference: Segmentation, values: Sequence[int] | None = None
) -> dict[int, float | None]:
    """Dice alone, as :func:`compare` has it, by label value: surfaces take nearly all of its time.

    Args:
        prediction, reference, values: see :func:`compare`.

    Raises:
        GeometryError: the grids differ.
    """
    boxes = _boxes(prediction, reference, values)
    return {
        value: None if box is None else _dice(*_masks(prediction, reference, value, box))
        for value, box in boxes.items()
    }


def summarize(cases: Sequence[Sequence[LabelScores]]) -> list[LabelSummary]:
    """Means over cases for each label value, in the order of the values."""
    scores = [score for case in cases for score in case]
    values = sorted({score.label.value for score in scores})
    return [_summarize([s for s in scores if s.label.value == value]) for value in values]


def _boxes(prediction: Segmentation, reference: Segmentation, values: Sequence[int] | None) -> dict[int, Box | None]:
    """Where each label lies on either side; None where on neither."""
    difference = prediction.geometry.difference(reference.geometry)
    if difference:
        raise GeometryError(
            f"Prediction and reference do not lie on the same grid ({difference}).",
            "Resample one to the grid of the other first, by nearest neighbour, or check that they belong together.",
        )
    ours, theirs = label_boxes(prediction.voxels), label_boxes(reference.voxels)
    if values is None:
        named = {label.value for label in (*reference.labels, *prediction.labels)}
        values = sorted(named | set(ours) | set(theirs))
    found: dict[int, Box | None] = {}
    for value in values:
        boxes = [side[value] for side in (ours, theirs) if value in side]
        found[value] = functools.reduce(Box.joined, boxes) if boxes else None
    return found


def _masks(prediction: Segmentation, reference: Segmentation, value: int, box: Box) -> tuple[np.ndarray, np.ndarray]:
    return prediction.voxels[box.slices] == value, reference.voxels[box.slices] == value


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2.0 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)))


def _compare(
    prediction: Segmentation, reference: Segmentation, tolerance_mm: float, value: int, box: Box | None
) -> LabelScores:
    known = {label.value for label in reference.labels}
    label = reference.label(value) if value in known else prediction.label(value)
    if box is None:
        return LabelScores(label, None, None, None, 0.0, 0.0, 0.0)
    a, b = _masks(prediction, reference, value, box)
    ml = math.prod(reference.geometry.spacing) / 1000.0
    counts = np.count_nonzero(a), np.count_nonzero(b)
    volumes = counts[0] * ml, counts[1] * ml
    hd95, nsd = math.inf, 0.0
    if all(counts):
        # An axis with a single voxel in the whole image is no axis: boundaries there are lines.
        axes = tuple(n for n, length in enumerate(reference.voxels.shape) if length == 1)[:2]
        spacing = [s for n, s in enumerate(reference.geometry.array_spacing) if n not in axes]
        there, back = boundary_distances(np.squeeze(a, axes), np.squeeze(b, axes), spacing)
        hd95 = max(weighted_percentile(there, 95), weighted_percentile(back, 95))
        nsd = share_within((there, back), tolerance_mm)
    return LabelScores(label, _dice(a, b), hd95, nsd, volumes[0] - volumes[1], volumes[1], volumes[0])


def _summarize(scores: Sequence[LabelScores]) -> LabelSummary:
    scored = [s for s in scores if s.dice is not None]
    finite = [s.hd95_mm for s in scored if s.hd95_mm is not None and math.isfinite(s.hd95_mm)]
    dice = [s.dice for s in scored if s.dice is not None]
    return LabelSummary(
        label=scores[0].label,
        cases=len(scored),
        missed=len(scored) - len(finite),
        dice=_mean(dice),
        dice_std=float(np.std(dice)) if dice else None,
        hd95_mm=_mean(finite),
        nsd=_mean([s.nsd for s in scored if s.nsd is not None]),
        volume_error_ml=_mean([s.volume_error_ml for s in scored]),
    )


def _mean(numbers: Sequence[float]) -> float | None:
    return float(np.mean(numbers)) if numbers else None
