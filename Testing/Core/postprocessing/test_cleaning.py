"""Clean-up steps on phantoms whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.models import PostprocessingStep
from UNetSegmentLib.postprocessing import clean, label_boxes
from UNetSegmentLib.volume import Segmentation


def segmentation(voxels: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Segmentation:
    return Segmentation(voxels, Geometry(voxels.shape[::-1], spacing))


def cleaned(voxels: np.ndarray, *steps: PostprocessingStep, spacing: tuple = (1.0, 1.0, 1.0)) -> np.ndarray:
    before = voxels.copy()
    result = clean(segmentation(voxels, spacing), steps)
    assert np.array_equal(voxels, before)
    assert result.voxels.dtype == voxels.dtype
    return result.voxels


@pytest.fixture
def two_pieces() -> np.ndarray:
    """Label 1: 27 and 8 voxels; label 2: 8 voxels touching the small piece of 1, and one voxel alone."""
    voxels = np.zeros((12, 12, 12), np.uint8)
    voxels[1:4, 1:4, 1:4] = 1
    voxels[6:8, 6:8, 6:8] = 1
    voxels[6:8, 6:8, 8:10] = 2
    voxels[11, 0, 11] = 2
    return voxels


def test_keep_largest_judges_each_label_alone(two_pieces: np.ndarray) -> None:
    result = cleaned(two_pieces, PostprocessingStep("keep-largest", (1, 2)))
    expected = two_pieces.copy()
    expected[6:8, 6:8, 6:8] = 0
    expected[11, 0, 11] = 0
    assert np.array_equal(result, expected)


def test_keep_largest_together_judges_the_union(two_pieces: np.ndarray) -> None:
    two_pieces[1:4, 1:4, 3] = 0  # 18 voxels left, the pair of small pieces has 16
    two_pieces[8, 6:8, 6:9] = 2  # and now 22
    result = cleaned(two_pieces, PostprocessingStep("keep-largest", (1, 2), together=True))
    assert (result == 1).sum() == 8
    assert (result == 2).sum() == 14
    assert not result[:5].any()


def test_equally_large_pieces_all_stay() -> None:
    voxels = np.zeros((6, 6, 6), np.uint8)
    voxels[0, 0, :2] = voxels[3, 3, :2] = 1
    voxels[5, 5, 5] = 1
    result = cleaned(voxels, PostprocessingStep("keep-largest", (1,)))
    voxels[5, 5, 5] = 0
    assert np.array_equal(result, voxels)


@pytest.mark.parametrize("seed", range(5))
def test_keep_largest_is_nnunets(seed: int) -> None:
    """On noise, where ties are many: components by faces, edges and corners, all of the greatest size."""
    measure = pytest.importorskip("skimage.measure")
    voxels = np.random.default_rng(seed).choice(3, (9, 10, 11), p=(0.96, 0.02, 0.02)).astype(np.uint8)
    pieces = measure.label(voxels > 0)
    sizes = np.bincount(pieces.ravel())[1:]
    expected = np.where(np.isin(pieces, 1 + np.flatnonzero(sizes == sizes.max())), voxels, 0)
    assert np.array_equal(cleaned(voxels, PostprocessingStep("keep-largest", (1, 2), together=True)), expected)


def test_pieces_that_meet_at_a_corner_are_one() -> None:
    voxels = np.zeros((4, 4, 4), np.uint8)
    voxels[:2, :2, :2] = 1
    voxels[2:, 2:, 2:] = 1
    assert np.array_equal(cleaned(voxels, PostprocessingStep("keep-largest", (1,))), voxels)


@pytest.mark.parametrize(("size", "left"), [(8.0 * 3, 35), (8.0 * 3 + 0.1, 27), (27.0 * 3, 27), (27.0 * 3 + 0.1, 0)])
def test_minimum_size_is_in_mm3_and_keeps_what_just_reaches_it(two_pieces: np.ndarray, size: float, left: int) -> None:
    step = PostprocessingStep("minimum-size", (1,), size_mm3=size)
    result = cleaned(two_pieces, step, spacing=(0.5, 2.0, 3.0))
    assert (result == 1).sum() == left
    assert (result == 2).sum() == 9


def test_holes_are_filled_without_touching_what_lies_in_them() -> None:
    voxels = np.zeros((9, 9, 9), np.uint16)
    voxels[1:8, 1:8, 1:8] = 300
    voxels[2:7, 2:7, 2:7] = 0
    voxels[4, 4, 4] = 7
    result = cleaned(voxels, PostprocessingStep("fill-holes", (300,)))
    assert (result == 300).sum() == 7**3 - 1
    assert result[4, 4, 4] == 7


def test_a_cavity_open_to_the_outside_is_no_hole() -> None:
    voxels = np.ones((5, 5, 5), np.uint8)
    voxels[1:4, 1:4, 1:4] = 0
    voxels[0, 2, 2] = 0
    assert np.array_equal(cleaned(voxels, PostprocessingStep("fill-holes", (1,))), voxels)
    voxels[0, 2, 2] = 1
    assert cleaned(voxels, PostprocessingStep("fill-holes", (1,))).all()


def test_a_hole_between_two_labels_needs_both_and_goes_to_the_nearest() -> None:
    voxels = np.zeros((7, 7, 10), np.uint8)
    voxels[:, :, :5] = 1
    voxels[:, :, 5:] = 2
    voxels[3, 3, 3:8] = 0
    assert np.array_equal(cleaned(voxels, PostprocessingStep("fill-holes", (1, 2))), voxels)
    result = cleaned(voxels, PostprocessingStep("fill-holes", (1, 2), together=True))
    assert result.all()
    assert list(result[3, 3, 2:9]) == [1, 1, 1, 1, 2, 2, 2] or list(result[3, 3, 2:9]) == [1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_single_slice_has_holes_too(axis: int) -> None:
    plane = np.zeros((8, 8), np.uint8)
    plane[1:7, 1:7] = 1
    plane[3:5, 3:5] = 0
    plane[0, 7] = 1  # a corner neighbour of nothing but [1, 6]: the same piece
    voxels = np.expand_dims(plane, axis)
    result = cleaned(voxels, PostprocessingStep("fill-holes", (1,)), PostprocessingStep("keep-largest", (1,)))
    assert result.sum() == 37


def test_steps_run_in_order_and_absent_labels_are_passed_over(two_pieces: np.ndarray) -> None:
    steps = (
        PostprocessingStep("minimum-size", (2,), size_mm3=100.0),
        PostprocessingStep("keep-largest", (2, 9)),
        PostprocessingStep("fill-holes", (9,), together=True),
    )
    result = cleaned(two_pieces, *steps)
    assert not (result == 2).any()
    assert (result == 1).sum() == 35


def test_an_empty_map_stays_empty() -> None:
    voxels = np.zeros((3, 3, 3), np.uint8)
    assert not cleaned(voxels, PostprocessingStep("keep-largest", (1,))).any()


@pytest.mark.parametrize("step", [PostprocessingStep("erode", (1,)), PostprocessingStep("minimum-size", (1,))])
def test_senseless_steps_are_refused(step: PostprocessingStep) -> None:
    with pytest.raises(InputError):
        clean(segmentation(np.ones((2, 2, 2), np.uint8)), [step])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 7)] * 3))
def test_boxes_are_tight(seed: int, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    voxels = rng.integers(0, 5, shape).astype(np.uint8) * (rng.random(shape) < 0.3)
    boxes = label_boxes(voxels)
    assert list(boxes) == [v for v in range(1, 5) if (voxels == v).any()]
    for value, box in boxes.items():
        where = np.argwhere(voxels == value)
        assert box == Box(tuple(where.min(axis=0).tolist()), tuple((where.max(axis=0) + 1).tolist()))
