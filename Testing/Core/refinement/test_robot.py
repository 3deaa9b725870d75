"""The benchmark's robots, spoilt masks and measures, on phantoms whose answers are known."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.refinement.prompts.voxels import voxels_of

pytest.importorskip("skimage", reason="the benchmark needs scikit-image")
pytest.importorskip("surface_distance", reason="the benchmark measures with surface-distance")

sys.path.insert(0, str(Path(__file__).parents[2] / "Benchmarks"))

from refinement import people, robot
from refinement.measures import auc, dice, nsd
from refinement.spoiling import SPOILERS

SHAPE = (24, 30, 36)
OBLIQUE = Geometry(SHAPE[::-1], (0.7, 1.1, 3.0), (-30.0, 12.0, 5.0), (0.0, -1.0, 0.0, 0.8, 0.0, -0.6, 0.6, 0.0, 0.8))


def ball(center, radius, shape=SHAPE):
    z, y, x = np.indices(shape)
    return (z - center[0]) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2 <= radius**2


def voxel_of(point):
    """(z, y, x) of a point that lies in the middle of a voxel."""
    index = OBLIQUE.to_index(np.array([point.position]))[0, ::-1]
    assert np.allclose(index, np.round(index), atol=1e-6)
    return tuple(int(n) for n in np.round(index))


def test_click_lies_in_the_middle_of_the_largest_error_and_says_what_is_wrong():
    large, small = ball((12, 14, 10), 6), ball((6, 8, 28), 4)
    nothing = np.zeros(SHAPE, bool)
    missing = robot.click(nothing, large | small, OBLIQUE)
    assert missing.include and voxel_of(missing) == (12, 14, 10)
    too_much = robot.click(large | small, small, OBLIQUE)
    assert not too_much.include and voxel_of(too_much) == (12, 14, 10)
    left = robot.click(large, large | small, OBLIQUE)
    assert left.include and voxel_of(left) == (6, 8, 28)
    assert robot.click(large, large, OBLIQUE) is None


def test_depth_is_counted_in_voxels_and_ends_at_the_image():
    # A slab of 24 x 7 x 7 voxels: in mm its shortest way out would be another one than in voxels.
    slab = np.zeros(SHAPE, bool)
    slab[:, 10:17, 20:27] = True
    z, y, x = voxel_of(robot.click(np.zeros(SHAPE, bool), slab, OBLIQUE))
    assert (y, x) == (13, 23) and 3 <= z <= 20


def test_ties_are_drawn_in_the_same_way_each_time():
    cube = np.zeros(SHAPE, bool)
    cube[4:10, 4:10, 4:10] = True
    found = {voxel_of(robot.click(np.zeros(SHAPE, bool), cube, OBLIQUE)) for _ in range(3)}
    assert len(found) == 1 and set(found.pop()) <= {6, 7}


def test_scribble_runs_along_the_middle_of_the_widest_slice():
    bar = np.zeros(SHAPE, bool)
    bar[9, 10:15, 4:32] = True
    bar[10, 12, 4:12] = True
    stroke = robot.scribble(np.zeros(SHAPE, bool), bar, OBLIQUE)
    found = voxels_of(stroke, OBLIQUE)
    z, y, x = (axis + start for axis, start in zip(np.nonzero(found.inside), found.box.start, strict=True))
    assert stroke.include and set(z) == {9}
    assert np.median(y) == 12 and x.max() - x.min() > 15
    assert bar[z, y, x].all()


def test_curve_of_known_area():
    assert auc([0.8] * 5) == pytest.approx(0.8)
    assert auc([0, 1, 1, 1, 1]) == pytest.approx(3.5 / 4)


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
def test_measures_of_known_shifts():
    block = np.zeros((20, 40, 40), bool)
    block[8:12, 5:35, 5:33] = True
    aside, above = np.roll(block, 1, axis=2), np.roll(block, 1, axis=0)
    assert dice(block, aside) == pytest.approx(27 / 28)
    assert nsd(block, aside, (5.0, 1.0, 1.0)) == 1.0
    # Above and below the two are 5 mm apart: of them only the rim, and the sides where they overlap, are near.
    assert nsd(block, above, (5.0, 1.0, 1.0)) < 0.6
    assert nsd(block, above, (1.0, 1.0, 5.0)) == 1.0
    assert nsd(block, block & False, (1.0, 1.0, 1.0)) == 0.0
    assert nsd(block[9:10], aside[9:10], (5.0, 1.0, 1.0)) == 1.0


@pytest.fixture
def phantom():
    """A bright ball with a bright rod that does not belong to it."""
    mask = ball((12, 14, 12), 6)
    rod = np.zeros(SHAPE, bool)
    rod[11:14, 13:16, 18:36] = True
    noise = np.random.default_rng(0).normal(0, 3, SHAPE)
    return mask, rod & ~mask, (noise + 100 * (mask | rod)).astype(np.float32)


@pytest.mark.parametrize("kind", SPOILERS)
def test_spoilt_masks_are_the_same_each_time(kind, phantom):
    mask, _, image = phantom
    first, second = (SPOILERS[kind](mask, image, (1.0, 1.0, 1.0), 3) for _ in range(2))
    assert np.array_equal(first, second) and not np.array_equal(first, mask)


def test_missed_part_is_a_third_in_one_piece(phantom):
    mask, _, image = phantom
    gone = mask & ~SPOILERS["missed"](mask, image, (1.0, 1.0, 1.0), 0)
    assert np.count_nonzero(gone) == round(0.3 * np.count_nonzero(mask))
    assert ndimage.label(gone, np.ones((3, 3, 3)))[1] == 1


def test_leak_runs_where_the_image_resembles_the_mask(phantom):
    mask, rod, image = phantom
    spoilt = SPOILERS["leak"](mask, image, (1.0, 1.0, 1.0), 0)
    assert spoilt[mask].all()
    assert ndimage.label(spoilt, np.ones((3, 3, 3)))[1] == 1
    more = spoilt & ~mask
    assert np.count_nonzero(more) == round(0.3 * np.count_nonzero(mask))
    assert np.count_nonzero(more & rod) > 0.6 * np.count_nonzero(rod)


@pytest.mark.parametrize(("seed", "axis", "steps"), [(0, 2, 2), (1, 1, 2), (2, 2, -2), (3, 1, -2)])
def test_shifted_mask(seed, axis, steps, phantom):
    mask, _, image = phantom
    assert np.array_equal(SPOILERS["shifted"](mask, image, (1.0, 1.0, 1.0), seed), np.roll(mask, steps, axis))


def test_painted_strokes_keep_every_pixel():
    painted = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(60, 50)), 2) > 0.05
    painted[5, 5:9] = painted[6, 9] = True
    geometry = Geometry((50, 60, 1), (1.0, 1.0, 1.0))
    again = np.zeros_like(painted)
    for stroke in people._parts(painted, True, geometry):
        voxels = voxels_of(stroke, geometry)
        again[voxels.box.slices[1:]] |= voxels.inside[0]
    assert again[painted].all()
    # A step across a corner may take the pixel beside it.
    assert np.count_nonzero(again & ~painted) <= 0.01 * np.count_nonzero(painted)
