from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from UNetSegmentLib.errors import GeometryError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.io.itk import geometry_of, to_image

ORIENTATIONS = [
    "".join(letters) for axes in itertools.permutations(("RL", "AP", "SI")) for letters in itertools.product(*axes)
]
SIZE, SPACING, ORIGIN = (5, 6, 7), (0.7, 1.3, 2.9), (-11.5, 22.25, 300.0)
VOXELS = np.arange(5 * 6 * 7, dtype=np.int16).reshape(7, 6, 5)


def rotation(*angles: float) -> np.ndarray:
    """Turns about x, then y, then z, in radians."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        c, s = np.cos(angle), np.sin(angle)
        turn = np.eye(3)
        a, b = (n for n in range(3) if n != axis)
        turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
        matrix = turn @ matrix
    return matrix


def grid(direction: np.ndarray | None = None) -> Geometry:
    axes = np.eye(3) if direction is None else direction
    return Geometry(SIZE, SPACING, ORIGIN, tuple(axes.ravel()))


OBLIQUE = grid(rotation(0.3, -0.2, 0.25))


def test_there_are_48_orientations() -> None:
    assert len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_reorienting_agrees_with_itk(codes: str) -> None:
    """SimpleITK's DICOMOrient permutes and flips voxels and grid; ours must do the same, and undo it."""
    expected = sitk.DICOMOrient(to_image(VOXELS, grid()), codes)
    geometry, axis_map = grid().reoriented(codes)
    assert geometry.axis_codes == codes
    assert not geometry.difference(geometry_of(expected), tolerance=1e-6)
    turned = axis_map.apply(VOXELS)
    np.testing.assert_array_equal(turned, sitk.GetArrayFromImage(expected))
    np.testing.assert_array_equal(axis_map.invert(turned), VOXELS)
    assert np.shares_memory(turned, VOXELS)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_oblique_voxels_stay_where_they_are(codes: str) -> None:
    """Reoriented or not, a voxel's intensity lies at the same millimetres."""
    geometry, axis_map = OBLIQUE.reoriented(codes)
    assert geometry.axis_codes == codes
    turned = axis_map.apply(VOXELS)
    assert turned.shape == geometry.shape
    for index in itertools.product(*((0, n // 2, n - 1) for n in turned.shape)):
        point = geometry.to_physical(np.array(index[::-1]))
        own = np.rint(OBLIQUE.to_index(point)).astype(int)[::-1]
        assert np.allclose(OBLIQUE.to_index(point)[::-1], own, atol=1e-9)
        assert turned[index] == VOXELS[tuple(own)]


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_boxes_turn_with_their_arrays(codes: str) -> None:
    _, axis_map = grid().reoriented(codes)
    box = Box((1, 2, 0), (5, 4, 3))
    turned = axis_map.apply_box(box, VOXELS.shape)
    np.testing.assert_array_equal(
        np.sort(axis_map.apply(VOXELS)[turned.slices].ravel()), np.sort(VOXELS[box.slices].ravel())
    )


@pytest.mark.parametrize(
    "geometry", [grid(), OBLIQUE, grid(np.diag([-1.0, 1.0, 1.0]))], ids=["plain", "oblique", "left"]
)
def test_points_agree_with_itk(geometry: Geometry) -> None:
    image = to_image(VOXELS, geometry)
    for index in itertools.product((0, 2.5, 4), (0, 5), (-1, 6.25)):
        expected = image.TransformContinuousIndexToPhysicalPoint(index)
        np.testing.assert_allclose(geometry.to_physical(np.array(index)), expected, atol=1e-9)
        np.testing.assert_allclose(geometry.to_index(np.array(expected)), index, atol=1e-9)


def test_ras_matrix_is_what_slicer_calls_ijk_to_ras() -> None:
    ras = OBLIQUE.ras_matrix @ (1, 2, 3, 1)
    x, y, z = OBLIQUE.to_physical(np.array((1, 2, 3)))
    np.testing.assert_allclose(ras, (-x, -y, z, 1))


def test_axis_codes_of_a_strongly_turned_grid_use_each_pair_once() -> None:
    for angles in itertools.product(np.linspace(0, np.pi, 7), repeat=3):
        codes = grid(rotation(*angles)).axis_codes
        assert sorted(next(n for n, pair in enumerate(("LR", "AP", "SI")) if c in pair) for c in codes) == [0, 1, 2]


def test_resizing_keeps_the_edges() -> None:
    resized = OBLIQUE.resized((14, 3, 10))
    np.testing.assert_allclose(resized.corners(), OBLIQUE.corners(), atol=1e-9)
    assert resized.shape == (14, 3, 10)
    assert resized.voxel_volume * 14 * 3 * 10 == pytest.approx(OBLIQUE.voxel_volume * 7 * 6 * 5)


def test_shape_at_spacing() -> None:
    assert Geometry((100, 50, 20), (1, 2, 3)).shape_at((1.5, 1.0, 2.0)) == (40, 100, 50)
    assert Geometry((2, 2, 1)).shape_at((9, 9, 9)) == (1, 1, 1)


def test_box_of_takes_the_voxels_that_it_touches() -> None:
    """Voxel n covers n - 0.5 to n + 0.5; a face that lies on a voxel's edge does not take it in."""
    geometry = Geometry((10, 10, 10))
    assert geometry.box_of((1.5, 1.4, 1.6), (3.5, 3.6, 3.4)) == Box((2, 1, 2), (4, 5, 4))
    assert geometry.box_of((20, 20, 20), (30, 30, 30)).empty
    assert geometry.box_of((-5, -5, -5), (50, 50, 50)) == Box.whole((10, 10, 10))


# -- properties ----------------------------------------------------------------------------------------------------

angles = st.tuples(*[st.floats(-3.1, 3.1)] * 3)
spacings = st.tuples(*[st.floats(0.05, 12)] * 3)
sizes = st.tuples(*[st.integers(1, 40)] * 3)
origins = st.tuples(*[st.floats(-500, 500)] * 3)
geometries = st.builds(
    lambda size, spacing, origin, turn, flip: Geometry(
        size, spacing, origin, tuple((rotation(*turn) * (flip, 1, 1)).ravel())
    ),
    sizes,
    spacings,
    origins,
    angles,
    st.sampled_from((-1, 1)),
)


@settings(max_examples=60, deadline=None)
@given(geometries, st.tuples(*[st.floats(-50, 50)] * 3))
def test_points_go_there_and_back(geometry: Geometry, index: tuple[float, float, float]) -> None:
    back = geometry.to_index(geometry.to_physical(np.array(index)))
    np.testing.assert_allclose(back, index, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(geometries, st.data())
def test_a_crop_keeps_every_voxel_in_its_place(geometry: Geometry, data: st.DataObject) -> None:
    start = tuple(data.draw(st.integers(-3, n - 1)) for n in geometry.shape)
    stop = tuple(data.draw(st.integers(max(a + 1, 1), n + 3)) for a, n in zip(start, geometry.shape, strict=True))
    cropped = geometry.cropped(Box(start, stop))
    index = np.array([0, 0, 0])
    np.testing.assert_allclose(cropped.to_physical(index), geometry.to_physical(np.array(start[::-1])), atol=1e-6)
    assert cropped.spacing == geometry.spacing and cropped.direction == geometry.direction
    assert cropped.shape == Box(start, stop).shape


@settings(max_examples=60, deadline=None)
@given(geometries, st.sampled_from(ORIENTATIONS))
def test_turning_there_and_back_is_nothing(geometry: Geometry, codes: str) -> None:
    turned, there = geometry.reoriented(codes)
    back, again = turned.reoriented(geometry.axis_codes)
    assert not back.difference(geometry, 1e-6)
    array = np.arange(np.prod(geometry.shape)).reshape(geometry.shape)
    np.testing.assert_array_equal(again.apply(there.apply(array)), array)


@settings(max_examples=60, deadline=None)
@given(geometries)
def test_the_box_of_an_inner_region_covers_it(geometry: Geometry) -> None:
    """Of the region around two voxel centres, all the voxels whose centres lie inside are in the box."""
    centres = geometry.to_physical(np.array([(0, 0, 0), np.subtract(geometry.size, 1)]))
    low, high = centres.min(axis=0) - 1e-3, centres.max(axis=0) + 1e-3
    box = geometry.box_of(tuple(low), tuple(high))
    every = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size), indexing="ij"), axis=-1).reshape(-1, 3)
    points = geometry.to_physical(every)
    inside = every[((points >= low) & (points <= high)).all(axis=1)][:, ::-1]
    assert ((inside >= box.start) & (inside < box.stop)).all()


# -- bad grids -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": (0, 5, 5)}, "at least one voxel"),
        ({"size": (5, 5)}, "at least one voxel"),
        ({"spacing": (1, 0, 1)}, "not positive"),
        ({"spacing": (1, -1, 1)}, "not positive"),
        ({"spacing": (1, np.nan, 1)}, "not positive"),
        ({"origin": (0, np.inf, 0)}, "not finite"),
        ({"direction": (1, 0, 0, 0.3, 1, 0, 0, 0, 1)}, "not perpendicular"),
        ({"direction": (2, 0, 0, 0, 1, 0, 0, 0, 1)}, "not perpendicular"),
        ({"direction": (1, 0, 0, 1, 0, 0, 0, 0, 1)}, "not perpendicular"),
        ({"direction": (1, 0, 0, 0)}, "not a 3x3 matrix"),
        ({"direction": (np.nan,) * 9}, "not a 3x3 matrix"),
    ],
)
def test_bad_grids_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        Geometry(**{"size": (5, 5, 5), **changes})


def test_float_rounding_in_a_direction_is_accepted() -> None:
    grid(np.round(rotation(0.3, -0.2, 0.25), 4))


@pytest.mark.parametrize("codes", ["LPX", "LLS", "LP", "LPSS", ""])
def test_bad_orientations_are_refused(codes: str) -> None:
    with pytest.raises(GeometryError):
        grid().reoriented(codes)


def test_an_empty_crop_is_refused() -> None:
    with pytest.raises(GeometryError, match="no voxels"):
        grid().cropped(Box((2, 2, 2), (2, 4, 4)))


def test_a_geometry_is_a_frozen_value() -> None:
    with pytest.raises(FrozenInstanceError):
        grid().spacing = (1, 1, 1)  # type: ignore[misc]
    assert grid() == grid() and hash(grid()) == hash(grid())


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"size": (5, 6, 8)}, "size"),
        ({"spacing": (0.7, 1.3, 3.0)}, "spacing"),
        ({"origin": (-11.5, 22.25, 301.0)}, "origin"),
        ({"direction": tuple(rotation(0, 0, 0.1).ravel())}, "direction"),
    ],
)
def test_differences_are_named(changes: dict, word: str) -> None:
    values = {"size": SIZE, "spacing": SPACING, "origin": ORIGIN, **changes}
    assert word in grid().difference(Geometry(**values))
    assert not grid().is_close(Geometry(**values))


def test_header_rounding_is_no_difference() -> None:
    assert grid().is_close(Geometry(SIZE, (0.70001, 1.3, 2.9), (-11.5, 22.2501, 300.0)))


# -- boxes ---------------------------------------------------------------------------------------------------------


def test_box_arithmetic() -> None:
    box = Box((1, 2, 3), (4, 6, 8))
    assert box.shape == (3, 4, 5) and not box.empty
    assert box.padded((1, 1, 2)) == Box((0, 1, 1), (5, 7, 10))
    assert box.shifted((-1, 0, 1)) == Box((0, 2, 4), (3, 6, 9))
    assert box.intersect(Box((2, 0, 0), (9, 3, 9))) == Box((2, 2, 3), (4, 3, 8))
    assert box.intersect(Box((5, 5, 5), (9, 9, 9))).empty
    assert np.zeros((9, 9, 9))[box.slices].shape == box.shape
