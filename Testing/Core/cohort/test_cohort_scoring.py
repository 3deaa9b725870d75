"""Dice with references that name other segments than the model finds, and within regions."""

from __future__ import annotations

import numpy as np
import pytest

from UNetSegmentLib.cohort.running.scoring import dice_with
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation

LIVER, SPLEEN = Label(1, "liver"), Label(2, "spleen")


def two_organs(*labels: Label) -> Segmentation:
    voxels = np.zeros((6, 8, 10), np.uint8)
    voxels[1:5, 1:4, 1:5] = 1
    voxels[1:5, 5:7, 6:9] = 2
    return Segmentation.from_array(voxels, labels=labels)


def only(segmentation: Segmentation, *values: int) -> np.ndarray:
    return np.where(np.isin(segmentation.voxels, values), segmentation.voxels, 0)


def test_what_the_reference_does_not_name_has_no_dice() -> None:
    found = two_organs(LIVER, SPLEEN)
    reference = Segmentation.from_array(only(found, 1), labels=(LIVER,))
    scores, notes = dice_with(found, reference)
    assert scores == {1: 1.0}
    assert notes == ("No Dice of what the reference does not name: 'spleen'.",)


def test_what_the_reference_names_and_lacks_has_none_right() -> None:
    found = two_organs(LIVER, SPLEEN)
    reference = Segmentation.from_array(only(found, 1), labels=(LIVER, SPLEEN))
    assert dice_with(found, reference) == ({1: 1.0, 2: 0.0}, ())


def test_numbers_of_the_reference_may_be_others() -> None:
    found = two_organs(LIVER, SPLEEN)
    voxels = np.where(found.voxels == 2, 1, 0)
    voxels[0] = 7
    reference = Segmentation.from_array(voxels, labels=(Label(1, "Spleen"), Label(7, "table")))
    scores, notes = dice_with(found, reference)
    assert scores == {2: 1.0}
    assert "'table'" in notes[0] and "'liver'" in notes[1]


def test_a_plain_label_image_tells_by_its_values_alone() -> None:
    found = two_organs(LIVER, SPLEEN)
    assert dice_with(found, Segmentation.from_array(only(found, 1))) == ({1: 1.0, 2: 0.0}, ())


def test_values_are_compared_where_no_name_is_common() -> None:
    found = two_organs(LIVER, SPLEEN, Label(3, "kidney"))
    reference = Segmentation.from_array(found.voxels, labels=(Label(1, "Leber"), Label(2, "Milz")))
    scores, notes = dice_with(found, reference)
    assert scores == {1: 1.0, 2: 1.0}
    assert "values are compared" in notes[0] and notes[1].endswith("does not name: 'kidney'.")


@pytest.mark.parametrize("labels", [(), (LIVER, SPLEEN)])
def test_within_a_region_the_reference_counts_there_alone(labels: tuple[Label, ...]) -> None:
    """The model has not looked elsewhere, and what it could not find it has not missed."""
    whole, region = two_organs(LIVER, SPLEEN), Box((0, 0, 0), (3, 8, 5))
    voxels = np.zeros_like(whole.voxels)
    voxels[region.slices] = whole.voxels[region.slices]
    found = Segmentation.from_array(voxels, labels=(LIVER, SPLEEN))
    reference = Segmentation.from_array(whole.voxels, labels=labels)
    assert dice_with(found, reference, region) == ({1: 1.0}, ("Dice is that within the region (roi) alone.",))
    assert dice_with(found, reference, Box.whole(voxels.shape))[1] == ()


def test_without_a_reference_there_is_nothing_to_say() -> None:
    assert dice_with(two_organs(LIVER), None) == ({}, ())


def test_a_reference_of_another_size_is_told() -> None:
    found = two_organs(LIVER, SPLEEN)
    box = Box((0, 0, 0), (6, 7, 9))
    part = Segmentation(found.voxels[box.slices], found.geometry.cropped(box), found.labels)
    scores, (note,) = dice_with(found, part)
    assert scores == {1: 1.0, 2: 1.0}
    assert note.startswith("The reference covers another part than the image: 9 x 7 x 6 voxels, not 10 x 8 x 6")
