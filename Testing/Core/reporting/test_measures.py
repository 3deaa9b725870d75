"""Sizes of phantoms with analytic answers, on straight, oblique and left-handed grids."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting import measure
from UNetSegmentLib.reporting.diameter import largest_distance
from UNetSegmentLib.volume import Segmentation

CENTRE = (12.0, -30.0, 55.0)


def test_a_ball_measures_the_same_on_every_grid(grid: Geometry, ball: Callable[..., Segmentation]) -> None:
    (found,) = measure(ball(grid, 20.0))
    assert found.volume_ml == pytest.approx(4 / 3 * math.pi * 20**3 / 1000, rel=0.01)
    assert found.volume_ml == pytest.approx(found.voxels * math.prod(grid.spacing) / 1000)
    assert found.diameter_mm == pytest.approx(40.0, abs=max(grid.spacing))
    assert found.extent_mm == pytest.approx((40.0, 40.0, 40.0), abs=max(grid.spacing))
    assert found.centroid == pytest.approx(CENTRE, abs=0.2)


def test_an_ellipsoid_on_an_oblique_grid_keeps_its_axes_in_the_patient(paint: Callable[..., Segmentation]) -> None:
    turn = np.array([[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    geometry = Geometry((81, 81, 81), (1.0, 1.0, 1.0), tuple(-turn @ [40.0, 40.0, 40.0]), tuple(turn.ravel()))
    (found,) = measure(paint(geometry, lambda p: np.linalg.norm(p / [30.0, 10.0, 15.0], axis=-1) <= 1))
    assert found.extent_mm == pytest.approx((60.0, 20.0, 30.0), abs=1.2)
    assert found.diameter_mm == pytest.approx(60.0, abs=1.2)


def test_a_box_has_exact_extents_on_a_straight_grid() -> None:
    voxels = np.zeros((9, 12, 15), np.uint8)
    voxels[2:5, 1:11, 3:8] = 3
    geometry = Geometry((15, 12, 9), (0.5, 2.0, 3.0), (10.0, 20.0, 30.0))
    (found,) = measure(Segmentation(voxels, geometry))
    assert found.voxels == 150
    assert found.volume_ml == pytest.approx(0.45)
    assert found.extent_mm == pytest.approx((2.5, 20.0, 9.0))
    assert found.centroid == pytest.approx((10 + 5 * 0.5, 20 + 5.5 * 2, 30 + 3 * 3))
    diagonal = math.hypot(2.5, 20.0, 9.0)
    assert diagonal - 2.0 < found.diameter_mm <= diagonal
    assert found.label.name == "Label 3"


def test_extents_follow_the_patient_not_the_array() -> None:
    voxels = np.ones((4, 1, 1), np.uint8)  # four voxels along k, which runs to the patient's right
    geometry = Geometry((1, 1, 4), (1.0, 1.0, 5.0), direction=(0, 0, -1, 1, 0, 0, 0, 1, 0))
    (found,) = measure(Segmentation(voxels, geometry))
    assert found.extent_mm == pytest.approx((20.0, 1.0, 1.0))
    assert found.diameter_mm == pytest.approx(20.0)


def test_one_slice_is_measured_within_the_slice() -> None:
    voxels = np.ones((1, 3, 4), np.uint8)
    (found,) = measure(Segmentation(voxels, Geometry((4, 3, 1), (1.0, 1.0, 50.0))))
    assert found.diameter_mm == pytest.approx(math.hypot(4.0, 2.0))
    assert found.extent_mm[2] == 50.0


def test_labels_without_voxels_and_voxels_without_labels_are_listed() -> None:
    voxels = np.zeros((2, 2, 2), np.uint8)
    voxels[0, 0, 0] = 9
    absent, extra = measure(Segmentation(voxels, Geometry((2, 2, 2)), (Label(1, "absent"),)))
    assert (absent.label.name, absent.voxels, absent.volume_ml, absent.centroid) == ("absent", 0, 0.0, None)
    assert (extra.label.value, extra.voxels, extra.diameter_mm) == (9, 1, 1.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 300), st.floats(0.1, 10.0))
def test_the_largest_distance_is_the_largest_of_all_pairs(seed: int, count: int, stretch: float) -> None:
    points = np.random.default_rng(seed).normal(size=(count, 3)) * [stretch, 1.0, 1.0]
    pairs = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert largest_distance(points) == pytest.approx(pairs.max(), rel=1e-9)
