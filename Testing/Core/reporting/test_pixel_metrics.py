"""Scores of pixels against scikit-learn's, and against counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.reporting.measuring.pixel_metrics import pixel_scores, roc_auc

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")


@pytest.mark.parametrize("levels", [None, 5, 2])
@pytest.mark.parametrize("share", [0.5, 0.03])
def test_all_scores_are_those_of_scikit_learn(levels: int | None, share: float) -> None:
    random = np.random.default_rng(3)
    truth = random.random((7, 40, 30)) < share
    score = np.clip(0.35 * truth + random.random(truth.shape) * 0.7, 0, 1)
    if levels is not None:
        # Ties, which a network's saturated probabilities have in plenty.
        score = np.round(score * levels) / levels
    found = pixel_scores(score, truth, threshold=0.45)
    flat, real = score.ravel() > 0.45, truth.ravel()
    assert found.f1 == pytest.approx(metrics.f1_score(real, flat))
    assert found.precision == pytest.approx(metrics.precision_score(real, flat))
    assert found.sensitivity == pytest.approx(metrics.recall_score(real, flat))
    assert found.specificity == pytest.approx(metrics.recall_score(~real, ~flat))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(real, flat))
    assert found.auc == pytest.approx(metrics.roc_auc_score(real, score.ravel()), abs=1e-12)


def test_only_what_is_judged_counts() -> None:
    score = np.array([0.9, 0.8, 0.1, 0.2, 0.9])
    truth = np.array([True, False, False, True, False])
    judged = np.array([True, True, True, True, False])
    found = pixel_scores(score, truth, judged)
    assert (found.pixels, found.f1, found.specificity, found.accuracy) == (4, 0.5, 0.5, 0.5)
    # Of the four pairs of a positive and a negative, (0.9, 0.8), (0.9, 0.1) and (0.2, 0.1) are in order.
    assert found.auc == 0.75


def test_what_cannot_be_divided_is_none() -> None:
    nothing = pixel_scores(np.zeros(4), np.zeros(4, bool))
    assert (nothing.f1, nothing.sensitivity, nothing.auc, nothing.specificity) == (None, None, None, 1.0)
    assert roc_auc(np.ones(3), np.ones(3, bool)) is None


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="do not have the same shape"):
        pixel_scores(np.zeros(4), np.zeros(5, bool))
    with pytest.raises(InputError, match="No pixel is judged"):
        pixel_scores(np.zeros(4), np.zeros(4, bool), np.zeros(4, bool))
