"""Scores against analytic answers and against the published implementation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_segmentation
from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting import compare, dice_scores, summarize
from UNetSegmentLib.volume import Segmentation

published_warnings = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")


def boxes(shift: int = 0, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Segmentation:
    """A 10 x 10 x 10 cube, moved along x."""
    voxels = np.zeros((20, 20, 30), np.uint8)
    voxels[5:15, 5:15, 5 + shift : 15 + shift] = 1
    return Segmentation(voxels, Geometry((30, 20, 20), spacing), (Label(1, "cube"),))


def test_a_perfect_prediction() -> None:
    (scores,) = compare(boxes(), boxes())
    assert (scores.dice, scores.hd95_mm, scores.nsd, scores.volume_error_ml) == (1.0, 0.0, 1.0, 0.0)
    assert scores.reference_ml == 1.0


@pytest.mark.parametrize("spacing", [1.0, 2.5])
def test_a_shifted_cube(spacing: float) -> None:
    """Moved by 2 voxels of 10: Dice 0.8; the two end faces (a sixth of the surface each) are 2 voxels off."""
    (scores,) = compare(boxes(2, (spacing, 1.0, 1.0)), boxes(0, (spacing, 1.0, 1.0)), tolerance_mm=0.5)
    assert scores.dice == pytest.approx(0.8)
    assert scores.hd95_mm == pytest.approx(2 * spacing)
    assert scores.volume_error_ml == 0.0
    (tolerant,) = compare(boxes(2, (spacing, 1.0, 1.0)), boxes(0, (spacing, 1.0, 1.0)), tolerance_mm=2 * spacing)
    assert tolerant.nsd == pytest.approx(1.0)
    assert scores.nsd is not None
    assert scores.nsd < 0.9


def test_concentric_balls_are_as_far_apart_as_their_radii(grid: Geometry, ball: Callable[..., Segmentation]) -> None:
    (scores,) = compare(ball(grid, 22.0), ball(grid, 18.0), tolerance_mm=1.0)
    assert scores.hd95_mm == pytest.approx(4.0, abs=max(grid.spacing))
    assert scores.nsd == pytest.approx(0.0, abs=0.02)
    assert scores.volume_error_ml == pytest.approx(4 / 3 * math.pi * (22**3 - 18**3) / 1000, rel=0.03)


@published_warnings
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.2, 3.0)])
def test_agreement_with_the_published_implementation(shared_data: Path, spacing: tuple[float, float, float]) -> None:
    published = pytest.importorskip("surface_distance")
    files = sorted((shared_data / "msd_hippocampus" / "labels").glob("*.nii.gz"))[:4]
    rng = np.random.default_rng(3)
    for file in files:
        reference = read_segmentation(file).voxels
        prediction = np.where(rng.random(reference.shape) < 0.05, rng.integers(0, 3, reference.shape), reference)
        prediction[:, :, 1:] = prediction[:, :, :-1]
        geometry = Geometry(reference.shape[::-1], spacing)
        sides = [Segmentation(voxels.astype(np.uint8), geometry) for voxels in (prediction, reference)]
        for scores in compare(*sides, tolerance_mm=1.0):
            masks = [side.mask(scores.label.value) for side in sides]
            distances = published.compute_surface_distances(*masks[::-1], geometry.array_spacing)
            assert scores.hd95_mm == pytest.approx(published.compute_robust_hausdorff(distances, 95), abs=1e-4)
            assert scores.nsd == pytest.approx(published.compute_surface_dice_at_tolerance(distances, 1.0), abs=1e-5)
            assert scores.dice == pytest.approx(published.compute_dice_coefficient(*masks))


@published_warnings
def test_a_slice_is_compared_as_a_contour() -> None:
    published = pytest.importorskip("surface_distance")
    rng = np.random.default_rng(1)
    a, b = (rng.random((1, 30, 20)) < 0.5 for _ in range(2))
    geometry = Geometry((20, 30, 1), (0.5, 0.8, 7.0))
    (scores,) = compare(Segmentation(a.astype(np.uint8), geometry), Segmentation(b.astype(np.uint8), geometry), 0.4)
    distances = published.compute_surface_distances(b[0], a[0], (0.8, 0.5))
    assert scores.hd95_mm == pytest.approx(published.compute_robust_hausdorff(distances, 95), abs=1e-4)
    assert scores.nsd == pytest.approx(published.compute_surface_dice_at_tolerance(distances, 0.4), abs=1e-5)


def test_empty_sides() -> None:
    empty = Segmentation(np.zeros((20, 20, 30), np.uint8), Geometry((30, 20, 20)), (Label(1, "cube"),))
    (both,) = compare(empty, empty)
    assert (both.dice, both.hd95_mm, both.nsd, both.volume_error_ml) == (None, None, None, 0.0)
    (missed,) = compare(empty, boxes())
    assert (missed.dice, missed.hd95_mm, missed.nsd, missed.volume_error_ml) == (0.0, math.inf, 0.0, -1.0)
    (invented,) = compare(boxes(), empty)
    assert (invented.dice, invented.hd95_mm, invented.nsd, invented.volume_error_ml) == (0.0, math.inf, 0.0, 1.0)


def test_labels_of_both_sides_are_scored_under_the_references_names() -> None:
    prediction, reference = boxes(), boxes()
    prediction.voxels[0, 0, 0] = 7
    scores = compare(prediction, Segmentation(reference.voxels, reference.geometry, (Label(1, "truth"), Label(2, "x"))))
    assert [(s.label.value, s.label.name) for s in scores] == [(1, "truth"), (2, "x"), (7, "Label 7")]
    assert [s.label.value for s in compare(prediction, reference, values=[1])] == [1]


def test_different_grids_and_senseless_tolerances_are_refused() -> None:
    with pytest.raises(GeometryError, match="spacing"):
        compare(boxes(), boxes(spacing=(1.0, 1.0, 1.2)))
    for tolerance in (-1.0, math.nan, math.inf):
        with pytest.raises(InputError):
            compare(boxes(), boxes(), tolerance_mm=tolerance)


def test_dice_alone_is_the_dice_of_all_scores() -> None:
    prediction, reference = boxes(1), boxes()
    prediction = replace(prediction, labels=(*prediction.labels, Label(9, "nowhere")))
    every = {score.label.value: score.dice for score in compare(prediction, reference)}
    assert dice_scores(prediction, reference) == every and every[9] is None
    assert dice_scores(prediction, reference, [1]) == {1: every[1]}
    with pytest.raises(GeometryError):
        dice_scores(prediction, boxes(spacing=(2.0, 1.0, 1.0)))


def test_a_summary_counts_misses_apart() -> None:
    empty = Segmentation(np.zeros((20, 20, 30), np.uint8), Geometry((30, 20, 20)), (Label(1, "cube"),))
    cases = [compare(boxes(2), boxes()), compare(boxes(), boxes()), compare(empty, boxes()), compare(empty, empty)]
    (summary,) = summarize(cases)
    assert (summary.cases, summary.missed) == (3, 1)
    assert summary.dice == pytest.approx((0.8 + 1.0 + 0.0) / 3)
    assert summary.hd95_mm == pytest.approx(1.0)
    assert summarize([]) == []
    (nothing,) = summarize([compare(empty, empty)])
    assert (nothing.cases, nothing.dice) == (0, None)
