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
from UNetSegmentLib.reporting import measure, to_json, to_table
from UNetSegmentLib.reporting.measuring.diameter import largest_distance
from UNetSegmentLib.reporting.units import SizeKind, size_kind
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


def test_one_slice_of_a_patient_has_an_area() -> None:
    voxels = np.ones((3, 1, 4), np.uint8)  # a coronal slice
    image = Geometry((4, 1, 3), (0.5, 7.0, 2.0), (5.0, 6.0, 7.0))
    (found,) = measure(Segmentation(voxels, image))
    assert (found.kind, found.normal) == (SizeKind.AREA, 1)
    assert found.area_mm2 == pytest.approx(12 * 0.5 * 2.0)
    row = to_json([found])[0]
    assert "volume_ml" not in row
    assert (row["extent_rl_mm"], row["extent_ap_mm"], row["extent_si_mm"]) == (2.0, None, 6.0)
    # A part that was cut out of it, or a slice of a volume cut down to it, is told as its image is.
    part = Segmentation(np.ones((3, 1, 1), np.uint8), Geometry((1, 1, 3), image.spacing, image.origin))
    (of_slice,), (of_volume,) = measure(part, image), measure(part, Geometry((4, 5, 6), image.spacing, image.origin))
    assert (of_slice.area_mm2, of_slice.normal) == (pytest.approx(3.0), 1)
    assert (of_volume.kind, of_volume.volume_ml, of_volume.area_mm2) == (SizeKind.VOLUME, pytest.approx(0.021), None)


@pytest.mark.parametrize("dots", [None, 72, 96, 300])
def test_a_photograph_is_measured_in_pixels(dots: int | None) -> None:
    """Also where the file tells how large a print would be, which ITK takes for the size of the eye."""
    spacing = 1.0 if dots is None else 25.4 / dots
    voxels = np.zeros((1, 20, 30), np.uint8)
    voxels[0, 5:9, 10:13] = 1
    (found,) = measure(Segmentation(voxels, Geometry((30, 20, 1), (spacing, spacing, 1.0)), (Label(1, "vessel"),)))
    row = to_json([found])[0]
    assert row == {
        "value": 1,
        "name": "vessel",
        "pixels": 12,
        "width_px": 3.0,
        "height_px": 4.0,
        "diameter_px": pytest.approx(math.hypot(3.0, 3.0), abs=0.3),
        "centroid_x_px": 11.0,
        "centroid_y_px": 6.5,
    }
    assert "Pixels" in to_table([found]).heading


@pytest.mark.parametrize(
    "grid",
    [
        Geometry((30, 20, 1), (1.0, 1.0, 1.0), (0.0, 0.0, 3.0)),
        Geometry((30, 20, 1), (0.4, 0.4, 1.0)),
        Geometry((30, 20, 1), (1.0, 1.0, 5.0)),
        Geometry((30, 1, 20)),
        Geometry((30, 20, 1), direction=(0.6, 0.8, 0.0, -0.8, 0.6, 0.0, 0.0, 0.0, 1.0)),
    ],
    ids=["elsewhere", "own spacing", "thick", "coronal", "turned"],
)
def test_slices_of_patients_are_no_photographs(grid: Geometry) -> None:
    assert size_kind(grid) is SizeKind.AREA


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
