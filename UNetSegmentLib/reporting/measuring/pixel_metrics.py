"""Agreement pixel by pixel, as retinal vessels and cell membranes are judged: F1, sensitivity, specificity, AUC.

All of them count pixels, so that every case weighs by its size; only what is judged (inside a field of view) counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import InputError


@dataclass(frozen=True)
class PixelScores:
    """Scores at one threshold, and those that need none. Where nothing can be divided, a score is None.

    Args:
        threshold: probabilities above it count as found.
        pixels: that were judged.
        f1: harmonic mean of precision and sensitivity; the same as Dice over all pixels at once.
        precision: share of what was found that is right.
        sensitivity: share of what is there that was found (recall).
        specificity: share of the background that was left alone.
        accuracy: share of all pixels that are right.
        auc: area under the ROC curve, 0 to 1.
    """

    threshold: float
    pixels: int
    f1: float | None
    precision: float | None
    sensitivity: float | None
    specificity: float | None
    accuracy: float
    auc: float | None


def pixel_scores(
    probabilities: np.ndarray, truth: np.ndarray, judged: np.ndarray | None = None, threshold: float = 0.5
) -> PixelScores:
    """Scores of one class.

    Args:
        probabilities: of the class, any shape; several cases may be joined.
        truth: bool, the same shape.
        judged: bool, the same shape: what counts; everything when None.
        threshold: see :class:`PixelScores`.

    Raises:
        InputError: shapes differ, or nothing is judged.
    """
    if probabilities.shape != truth.shape or (judged is not None and judged.shape != truth.shape):
        raise InputError(
            f"Probabilities {probabilities.shape} and truth {truth.shape} do not have the same shape.",
            "Compare images of the same grid.",
        )
    inside = np.ones(truth.shape, bool) if judged is None else judged.astype(bool)
    score, real = probabilities[inside].astype(np.float64), truth[inside].astype(bool)
    if not real.size:
        raise InputError("No pixel is judged.", "Check the mask of the field of view.")
    found = score > threshold
    hits, alarms = int((found & real).sum()), int((found & ~real).sum())
    misses, rejections = int((~found & real).sum()), int((~found & ~real).sum())
    return PixelScores(
        threshold=threshold,
        pixels=int(real.size),
        f1=_share(2 * hits, 2 * hits + alarms + misses),
        precision=_share(hits, hits + alarms),
        sensitivity=_share(hits, hits + misses),
        specificity=_share(rejections, rejections + alarms),
        accuracy=(hits + rejections) / real.size,
        auc=roc_auc(score, real),
    )


def roc_auc(scores: np.ndarray, truth: np.ndarray) -> float | None:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half (Mann and Whitney
    1947; Hanley and McNeil 1982). None where there is no positive or no negative.

    Args:
        scores: any real numbers.
        truth: bool, the same number of them.
    """
    real = truth.ravel().astype(bool)
    positives = int(real.sum())
    negatives = real.size - positives
    if not positives or not negatives:
        return None
    _, position, counts = np.unique(scores.ravel(), return_inverse=True, return_counts=True)
    # Equal scores share the mean of their ranks.
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[position.ravel()]
    return float((ranks[real].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
