"""Which voxels prompts mean, against geometry done by hand, by SimpleITK and by scikit-image."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from refinement_scenes import geometries, turned
from scipy import ndimage
from skimage.draw import polygon2mask

from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.refinement import BoxPrompt, Lasso, Point, Scribble
from UNetSegmentLib.refinement.prompts.kinds import Prompt
from UNetSegmentLib.refinement.prompts.voxels import Voxels, box_voxels, voxels_of

OBLIQUE = tuple(turned((0.3, -0.4, 0.5), (1, 1, -1)).ravel())
GRID = Geometry((40, 36, 30), (0.7, 1.3, 2.9), (-11.5, 22.25, 300.0), OBLIQUE)
THICK = Geometry((60, 60, 8), (0.5, 0.5, 7.5), (3.0, -8.0, 90.0), OBLIQUE)
PLANES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}


def marks(prompt: Prompt, grid: Geometry) -> np.ndarray:
    return spread(voxels_of(prompt, grid), grid)


def spread(found: Voxels, grid: Geometry) -> np.ndarray:
    everything = np.zeros(grid.shape, bool)
    everything[found.box.slices] = found.inside
    return everything


def at(grid: Geometry, *indices: tuple[float, float, float]) -> tuple[tuple[float, ...], ...]:
    """LPS mm of continuous indices (i, j, k)."""
    return tuple(tuple(point) for point in grid.to_physical(np.array(indices, float)).tolist())


def centers(grid: Geometry) -> np.ndarray:
    """LPS mm (z, y, x, 3) of all voxels."""
    return grid.to_physical(np.moveaxis(np.indices(grid.shape), 0, -1)[..., ::-1])


def to_segments(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distance of points (n, 3) from a polyline (m, 3)."""
    nearest = np.full(len(points), np.inf)
    for start, stop in itertools.pairwise(corners):
        way = stop - start
        share = np.clip((points - start) @ way / max(way @ way, 1e-12), 0, 1)[:, None]
        nearest = np.minimum(nearest, np.linalg.norm(points - start - share * way, axis=1))
    return nearest


# -- points


@given(geometries(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_point_has_the_voxel_that_itk_finds(grid: Geometry, data: st.DataObject) -> None:
    index = [data.draw(st.integers(0, n - 1)) + data.draw(st.floats(-0.49, 0.49)) for n in grid.size]
    image = sitk.Image(list(grid.size), sitk.sitkUInt8)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    point = at(grid, tuple(index))[0]
    assert np.argwhere(marks(Point(point), grid))[:, ::-1].tolist() == [
        list(image.TransformPhysicalPointToIndex([float(x) for x in point]))
    ]


@pytest.mark.parametrize("axis", range(3))
def test_a_point_between_voxels_has_one_of_them(axis: int) -> None:
    for n in range(-1, GRID.size[axis]):
        index = [5.0, 6.0, 7.0]
        index[axis] = n + 0.5
        found = np.argwhere(marks(Point(at(GRID, tuple(index))[0]), GRID))[:, ::-1]
        assert found.tolist() == [[min(n + 1, GRID.size[axis] - 1) if a == axis else [5, 6, 7][a] for a in range(3)]]


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("beyond", [0.0, 0.2, 0.5])
def test_half_a_voxel_beside_the_image_is_its_border(axis: int, beyond: float) -> None:
    last = GRID.size[axis] - 1
    for place, voxel in ((-0.5 - beyond, 0), (last + 0.5 + beyond, last)):
        index = [5.0, 6.0, 7.0]
        index[axis] = place
        found = voxels_of(Point(at(GRID, tuple(index))[0]), GRID)
        assert found.box.start[2 - axis] == voxel and found.count == 1
        assert not found.outside or beyond


@pytest.mark.parametrize("place", [-1.1, 30.2, 1e6])
def test_farther_beside_the_image_is_outside(place: float) -> None:
    assert not voxels_of(Point(at(GRID, (5, 5, place))[0]), GRID).count


# -- scribbles


@given(geometries(), st.data())
@settings(max_examples=60, deadline=None)
def test_scribbles_hang_together_and_are_thin(grid: Geometry, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    corners = np.array([[data.draw(st.floats(-0.4, n - 0.6)) for n in grid.size] for _ in range(count)])
    found = marks(Scribble(at(grid, *corners)), grid)
    _, parts = ndimage.label(found, np.ones((3, 3, 3)))
    assert parts == 1
    # No voxel that the line does not reach, and all that it passes through the middle of.
    fine = np.concatenate([np.linspace(a, b, 400) for a, b in zip(corners, [*corners[1:], corners[-1]], strict=True)])
    for voxel in np.argwhere(found)[:, ::-1]:
        assert np.abs(fine - voxel).max(axis=1).min() <= 0.5 + 0.03
    inner = np.abs(fine - np.round(fine)).max(axis=1) < 0.2
    assert found[tuple(np.round(fine[inner]).astype(int)[:, ::-1].T)].all()


def test_a_scribble_along_voxels_is_one_voxel_thick() -> None:
    for way in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 1, 1)):
        ends = (np.array([3, 4, 5]), np.array([3, 4, 5]) + 20 * np.array(way))
        assert marks(Scribble(at(GRID, *ends)), GRID).sum() == 21


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("side", [0, 1])
def test_a_scribble_exactly_on_the_border_is_on_the_outermost_voxels(axis: int, side: int) -> None:
    edge = [-0.5, GRID.size[axis] - 0.5][side]
    ends = np.array([[4.0, 4.0, 4.0], [20.0, 20.0, 20.0]])
    ends[:, axis] = edge
    found = np.argwhere(marks(Scribble(at(GRID, *ends)), GRID))[:, ::-1]
    assert (found[:, axis] == [0, GRID.size[axis] - 1][side]).all()
    assert len(found) >= 17


def test_a_scribble_that_goes_far_outside_stays_whole_within() -> None:
    """Ten kilometres beside the image and back again: still every voxel on the way."""
    middle = GRID.to_physical(np.array([20.0, 18.0, 15.0]))
    away = tuple((middle + GRID.to_physical(np.array([9e6, 18.0, 15.0])) - GRID.to_physical(np.zeros(3))).tolist())
    found = voxels_of(Scribble((tuple(middle), tuple(np.clip(away, -1e7, 1e7)))), GRID)
    _, parts = ndimage.label(found.inside, np.ones((3, 3, 3)))
    assert parts == 1 and found.count >= 10 and found.outside


@pytest.mark.parametrize("grid", [GRID, THICK], ids=["oblique", "thick slices"])
@pytest.mark.parametrize("radius", [0.4, 2.0, 6.0])
def test_a_brush_has_all_centres_within_its_radius(grid: Geometry, radius: float) -> None:
    corners = np.array(at(grid, (5, 6, 2), (30, 20, 2.3), (28, 30, 5)))
    passed = marks(Scribble(tuple(map(tuple, corners))), grid)
    found = marks(Scribble(tuple(map(tuple, corners)), radius=radius), grid)
    distance = to_segments(centers(grid).reshape(-1, 3), corners).reshape(grid.shape)
    # The line is sampled every quarter of a voxel: by Pythagoras that is the most that a distance may be off.
    steps = np.hypot(radius, max(grid.spacing) / 8) - radius
    assert not (passed & ~found).any()
    assert found[distance <= radius - steps].all()
    assert not (found & ~passed)[distance > radius + 1e-4].any()


def test_the_volume_of_a_brushed_capsule() -> None:
    grid = Geometry((60, 60, 60), (0.5, 0.5, 0.5))
    found = marks(Scribble(((10.0, 15.0, 15.0), (20.0, 15.0, 15.0)), radius=5.0), grid)
    expected = np.pi * 25 * 10 + 4 / 3 * np.pi * 125
    assert found.sum() * grid.voxel_volume == pytest.approx(expected, rel=0.01)


def test_a_brush_beside_the_image_reaches_into_it() -> None:
    grid = Geometry((10, 10, 10))
    found = voxels_of(Scribble(((-4.0, 2.0, 2.0), (-4.0, 7.0, 2.0)), radius=5.0), grid)
    assert found.count and found.outside and found.box.start[2] == 0 and found.box.stop[2] == 2


# -- lassos


def flower(count: int, radius: float = 12.0, leaves: int = 0) -> np.ndarray:
    """A closed curve (n, 2) around (18, 15.2)."""
    turn = np.arange(count) / count * 2 * np.pi
    distance = radius * (1 + 0.3 * np.cos(leaves * turn))
    return np.stack([18 + distance * np.cos(turn), 15.2 + distance * np.sin(turn)], axis=1)


def area(curve: np.ndarray) -> float:
    x, y = curve.T
    return 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def on(plane: tuple[int, int], curve: np.ndarray, level: float) -> np.ndarray:
    """A curve (n, 2) in a plane of the grid, as indices (n, 3)."""
    points = np.full((len(curve), 3), level)
    points[:, plane] = curve
    return points


@pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)
@pytest.mark.parametrize("level", [7.0, 7.3, 6.51])
def test_a_lasso_in_a_plane_of_the_grid_fills_its_polygon_there(plane: tuple[int, int], level: float) -> None:
    curve = flower(40, 9.0, 5)
    found = marks(Lasso(at(GRID, *on(plane, curve, level))), GRID)
    across = ({0, 1, 2} - set(plane)).pop()
    layer = np.take(found, 7, 2 - across)
    assert layer.sum() == found.sum()
    size = [GRID.size[a] for a in plane]
    expected = polygon2mask(size, curve)
    # Scikit-image and we may differ on centres that lie on the curve itself, nowhere else: these curves have none.
    np.testing.assert_array_equal(layer.T, expected)


def oblique_curve(tilt: tuple[float, float], curve: np.ndarray) -> np.ndarray:
    return np.stack([curve[:, 0], curve[:, 1], 14 + (curve - curve.mean(axis=0)) @ np.asarray(tilt)], axis=1)


@pytest.mark.parametrize("tilt", [(0.1, 0.0), (0.4, -0.3), (0.2, 0.19)])
def test_the_area_of_a_lasso_across_the_grid(tilt: tuple[float, float]) -> None:
    indices = oblique_curve(tilt, flower(60, 10.0, 3))
    points = np.array(at(GRID, *indices))
    found = marks(Lasso(tuple(map(tuple, points))), GRID)
    # One voxel for every column of the axis that the plane is steepest to.
    columns = found.any(axis=0)
    assert (found.sum(axis=0)[columns] == 1).all()
    ends = points - points.mean(axis=0)
    spatial = 0.5 * np.linalg.norm(np.cross(ends, np.roll(ends, -1, axis=0)).sum(axis=0))
    normal = np.cross(*(GRID.to_physical(np.array(way)) - GRID.to_physical(np.zeros(3)) for way in
                        ((1, 0, tilt[0]), (0, 1, tilt[1]))))  # fmt: skip
    assert found.sum() * float(np.linalg.norm(normal)) == pytest.approx(spatial, rel=0.03)
    # And every voxel is one that the plane passes.
    normal /= np.linalg.norm(normal)
    steps = np.asarray(GRID.direction).reshape(3, 3) * np.asarray(GRID.spacing)
    offsets = np.abs((centers(GRID)[found] - points.mean(axis=0)) @ normal)
    assert offsets.max() <= np.abs(steps.T @ normal).max() / 2 + 1e-6


def test_where_a_lasso_crosses_itself_an_odd_number_of_loops_counts() -> None:
    star = flower(5, 14.0)[[0, 2, 4, 1, 3]]
    found = marks(Lasso(at(GRID, *on((0, 1), star, 7))), GRID)[7]
    assert not found[15, 18]
    for x, y in 0.55 * (flower(5, 14.0) - (18, 15.2)) + (18, 15.2):
        assert found[round(y), round(x)]
    eight = np.array([[5.2, 5.2], [25.1, 25.3], [25.3, 5.1], [5.1, 25.2]])
    twice = np.concatenate([eight, eight])
    nothing = marks(Lasso(at(GRID, *on((0, 1), twice, 7))), GRID)
    np.testing.assert_array_equal(nothing, marks(Scribble(at(GRID, *on((0, 1), [*eight, eight[0]], 7))), GRID))
    assert marks(Lasso(at(GRID, *on((0, 1), eight, 7))), GRID).sum() == pytest.approx(200, rel=0.1)


def test_a_lasso_smaller_than_a_voxel_is_its_curve() -> None:
    for level in (7.0, 7.4):
        curve = on((0, 1), flower(6, 0.2), level)
        curve[:, :2] += 0.35
        assert 1 <= marks(Lasso(at(GRID, *curve)), GRID).sum() <= 4
    line = [(3, 4, 5), (9, 4, 5), (6, 4, 5)]
    assert marks(Lasso(at(GRID, *line)), GRID).sum() == 7
    assert marks(Lasso(at(GRID, *[(3, 4, 5)] * 4)), GRID).sum() == 1


def test_a_huge_lasso_has_the_whole_slice_and_one_outside_nothing() -> None:
    found = voxels_of(Lasso(at(GRID, *on((0, 1), flower(20, 5000.0), 7))), GRID)
    assert found.count == 40 * 36 and found.outside
    partly = voxels_of(Lasso(at(GRID, (-20, -20, 7), (9.6, -20, 7), (9.6, 60, 7), (-20, 60, 7))), GRID)
    assert partly.count == 10 * 36 and partly.outside
    for level in (-3.0, 35.0):
        assert not voxels_of(Lasso(at(GRID, *on((0, 1), flower(20, 9.0), level))), GRID).count
    assert not voxels_of(Lasso(at(GRID, *np.add(on((0, 1), flower(20, 9.0), 7), (80, 0, 0)))), GRID).count


@pytest.mark.parametrize("level", [3.0, 2.6, 3.49, 2.5, 3.4999, -0.5, 7.5])
def test_prompts_on_a_thick_slice_stay_in_it(level: float) -> None:
    """0.5 x 0.5 x 7.5 mm, drawn anywhere within a slice, also exactly between two."""
    slice_ = min(int(np.floor(level + 0.5)), 7)
    curve = flower(30, 12.0, 3)
    drawn = [
        Lasso(at(THICK, *on((0, 1), curve, level))),
        Scribble(at(THICK, *on((0, 1), curve, level))),
        Scribble(at(THICK, *on((0, 1), curve, level)), radius=2.0),
        BoxPrompt(at(THICK, (20, 20, level))[0], (9.0, 6.0, 0.0), False, None, OBLIQUE),
        BoxPrompt(at(THICK, (20, 20, level))[0], (9.0, 6.0, 1.0), False, None, OBLIQUE),
        Point(at(THICK, (20, 20, level))[0]),
    ]
    for number, prompt in enumerate(drawn):
        found = voxels_of(prompt, THICK)
        near = abs(level - slice_) * 7.5 + 2 > 7.5 - abs(level - slice_) * 7.5
        if number == 2 and near:
            # The brush is a ball of 2 mm: it may touch the next slice's centre only from nearer than that.
            continue
        assert (found.box.start[0], found.box.stop[0]) == (slice_, slice_ + 1), type(prompt).__name__


@pytest.mark.parametrize("tilt", [(0.0, 0.0), (0.3, 0.2)])
def test_ten_thousand_points_take_well_under_a_second(tilt: tuple[float, float]) -> None:
    grid = Geometry((512, 512, 60), (0.7, 0.7, 1.0), direction=OBLIQUE)
    random = np.random.default_rng(1)
    smooth = flower(10_000, 12.0, 7) * 12 + 20
    wild = random.uniform(0, 511, (10_000, 2))
    for curve in (smooth, wild):
        points = at(grid, *(oblique_curve(tilt, curve) * (1, 1, 0.1) + (0, 0, 20)))
        for prompt in (Lasso(points), Scribble(points), Scribble(points, radius=2.0)):
            if curve is wild and isinstance(prompt, Scribble):
                continue
            assert within_a_second(lambda prompt=prompt: voxels_of(prompt, grid)), type(prompt).__name__


def within_a_second(work: Callable[[], object]) -> bool:
    """Whether one of three does: what others do meanwhile does not count."""
    for _ in range(3):
        started = time.process_time()
        work()
        if time.process_time() - started < 1:
            return True
    return False


# -- boxes


def test_a_box_has_the_centres_within_it() -> None:
    random = np.random.default_rng(4)
    for _ in range(20):
        axes = turned(random.uniform(-1, 1, 3), (1, 1, 1))
        center = np.array(at(GRID, tuple(random.uniform(5, 25, 3)))[0])
        size = random.uniform(7, 25, 3)
        found = spread(box_voxels(BoxPrompt(tuple(center), tuple(size), False, None, tuple(axes.ravel())), GRID), GRID)
        along = np.abs((centers(GRID) - center) @ axes)
        np.testing.assert_array_equal(found, (along <= size / 2).all(axis=-1))


def test_a_box_along_the_grid_has_its_voxels() -> None:
    center = at(GRID, (19.5, 9.5, 14.5))[0]
    size = tuple(n * mm for n, mm in zip((10, 6, 4), GRID.spacing, strict=True))
    found = voxels_of(BoxPrompt(center, size, False, None, OBLIQUE), GRID)
    assert found.box == Box((13, 7, 15), (17, 13, 25)) and found.inside.all() and not found.outside


@pytest.mark.parametrize("side", range(3))
@pytest.mark.parametrize("thickness", [0.0, 0.3])
def test_a_flat_box_is_one_layer(side: int, thickness: float) -> None:
    for shift in (0.0, 0.5, 0.31):
        center = [19.0, 9.0, 14.0]
        center[side] += shift
        size = [20.0, 20.0, 20.0]
        size[side] = thickness
        found = voxels_of(BoxPrompt(at(GRID, tuple(center))[0], tuple(size), False, None, OBLIQUE), GRID)
        assert found.box.shape[2 - side] == 1
        assert found.box.start[2 - side] == np.floor(center[side] + 0.5)


def test_a_tilted_flat_box_has_no_holes() -> None:
    axes = turned((0.4, 0.3, 0.0), (1, 1, 1))
    found = voxels_of(BoxPrompt(at(GRID, (20, 18, 15))[0], (15.0, 15.0, 0.0), False, None, tuple(axes.ravel())), GRID)
    _, parts = ndimage.label(found.inside, np.ones((3, 3, 3)))
    assert parts == 1 and found.count >= 60


def test_boxes_partly_outside_tiny_and_beside() -> None:
    everything = BoxPrompt(at(GRID, (20, 18, 15))[0], (500.0, 500.0, 500.0), False)
    found = voxels_of(everything, GRID)
    assert found.count == np.prod(GRID.shape) and found.outside
    tiny = BoxPrompt(
        at(GRID, (20.3, 18.4, 15.4))[0],
        (0.01, 0.01, 0.01),
        False,
        None,
        tuple(turned((0.5, 0.5, 0.1), (1, 1, 1)).ravel()),
    )
    assert np.argwhere(marks(tiny, GRID)).tolist() == [[15, 18, 20]]
    assert not voxels_of(BoxPrompt(at(GRID, (90, 18, 15))[0], (9.0, 9.0, 9.0), False), GRID).count
    # Its middle lies outside, a part of it within: that part's middle stands for it.
    half = BoxPrompt(at(GRID, (-3, 18, 15))[0], (12.0, 9.0, 9.0), True, None, OBLIQUE)
    assert voxels_of(half, GRID).count == 1 and voxels_of(half, GRID).outside


def test_a_curve_that_is_not_flat_is_said() -> None:
    curve = on((0, 1), flower(30, 9.0), 14)
    curve[::2, 2] += 4
    assert any("not flat" in note for note in voxels_of(Lasso(at(GRID, *curve)), GRID).notes)
    assert not voxels_of(Lasso(at(GRID, *on((0, 1), flower(30, 9.0), 14))), GRID).notes
