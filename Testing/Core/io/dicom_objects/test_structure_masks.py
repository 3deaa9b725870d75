"""Curves between the slices: which of them each slice takes."""

from __future__ import annotations

import numpy as np
import pytest

from UNetSegmentLib.io.dicom_objects.reading.structure_masks import Curve, patches_of


@pytest.mark.parametrize("off", [0.0, 0.03, 0.27, 0.5])
def test_islands_at_different_heights_of_a_turned_series_are_both_there(off: float) -> None:
    """Drawn in planes that lie between the slices and a little aslant: neither island takes a slice from the other."""

    def square(left: float) -> np.ndarray:
        return np.array([[left, 2], [left + 4, 2], [left + 4, 6], [left, 6]]) - 0.5

    heights = [z + 0.3 for z in range(2, 8)]
    curves = [Curve(z, square(2)) for z in heights] + [Curve(z + off, square(12)) for z in heights]
    patches, _ = patches_of(curves, (12, 10, 20))
    found = np.zeros((12, 10, 20), bool)
    for patch in patches:
        found[(patch.plane, *patch.where)] = patch.mask
    expected = np.zeros_like(found)
    expected[2:8, 2:6, 2:6] = True
    first = round(2.3 + off)
    expected[first : first + 6, 2:6, 12:16] = True
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("gap", [0.09, 0.4, 2.5])
def test_each_slice_has_the_curves_of_one_plane_however_far_these_lie_apart(gap: float) -> None:
    """A cone, whose next curve would otherwise count as a hole in the one before."""
    heights = np.arange(3.05, 9.0, gap)
    curves = [Curve(h, np.array([[0, 0], [h, 0], [h, h], [0, h]]) + 0.75) for h in heights]
    patches, _ = patches_of(curves, (12, 12, 12))
    for patch in patches:
        nearest = heights[np.argmin(np.abs(heights - patch.plane))]
        assert patch.mask.sum() == len([n for n in range(12) if 0.75 < n < nearest + 0.75]) ** 2
    assert [patch.plane for patch in patches] == list(range(patches[0].plane, patches[-1].plane + 1))
    assert len(patches) >= 6
