from __future__ import annotations

import numpy as np
import pytest

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.volume import Segmentation, Volume, check_voxels, stack_channels

GRID = Geometry((5, 4, 3), (1.0, 2.0, 3.0))


def _volume(*values: float, grid: Geometry = GRID) -> Volume:
    return Volume(np.stack([np.full(grid.shape, v, np.float32) for v in values]), grid, "scan")


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 5, 4, 3), (1, 3, 4)])
def test_voxels_must_fit_their_grid(shape: tuple[int, ...]) -> None:
    with pytest.raises(GeometryError, match="does not fit"):
        Volume(np.zeros(shape), GRID)


def test_a_label_map_must_fit_its_grid() -> None:
    with pytest.raises(GeometryError, match="does not fit"):
        Segmentation(np.zeros((5, 4, 3), np.uint8), GRID)


def test_a_crop_is_a_view_in_its_place() -> None:
    volume = Volume(np.arange(60).reshape(1, 3, 4, 5), GRID)
    part = volume.cropped(Box((1, 1, 2), (3, 3, 5)))
    assert part.voxels.shape == (1, 2, 2, 3) and np.shares_memory(part.voxels, volume.voxels)
    assert part.geometry.origin == (2.0, 2.0, 3.0)


def test_values_of_labels_are_unique() -> None:
    with pytest.raises(InputError, match="share one value"):
        Segmentation(np.zeros((3, 4, 5), np.uint8), GRID, (Label(1, "a"), Label(1, "b")))


def test_masks_and_labels() -> None:
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[0] = 2
    segmentation = Segmentation(voxels, GRID, (Label(2, "liver"),))
    assert segmentation.mask(2).sum() == 20
    assert segmentation.label(2).name == "liver"
    assert segmentation.label(9).name == "Label 9"


def test_channels_are_stacked_on_one_grid() -> None:
    assert stack_channels([_volume(1), _volume(2, 3)]).voxels[:, 0, 0, 0].tolist() == [1, 2, 3]
    with pytest.raises(GeometryError, match="do not share a grid"):
        stack_channels([_volume(1), _volume(1, grid=Geometry((5, 4, 3)))])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_refused(bad: float) -> None:
    volume = Volume(np.random.default_rng(0).random((1, 3, 4, 5)), GRID, "scan")
    volume.voxels[0, 1, 1, 1] = bad
    with pytest.raises(InputError, match="'scan' holds 1 voxels that are NaN or infinite"):
        check_voxels(volume)


def test_constant_voxels_are_refused() -> None:
    with pytest.raises(InputError, match="constant"):
        check_voxels(_volume(7))


ORGAN = CodedTerm("SCT", "123037004", "Anatomical Structure")


@pytest.mark.parametrize(
    "terminology",
    [
        Terminology(ORGAN, CodedTerm("SCT", "10200004", "Liver")),
        Terminology(ORGAN, CodedTerm("SCT", "64033007", "Kidney"), CodedTerm("SCT", "7771000", "Left")),
        Terminology(
            ORGAN,
            CodedTerm("SCT", "4147007", "Mass"),
            None,
            CodedTerm("SCT", "64033007", "Kidney"),
            CodedTerm("SCT", "24028007", "Right"),
        ),
    ],
)
def test_terminology_goes_through_slicers_text(terminology: Terminology) -> None:
    text = terminology.slicer_entry()
    assert text.count("~") == 6
    assert Terminology.from_slicer_entry(text) == terminology


def test_slicers_own_text() -> None:
    """As Slicer 5.13 writes it for its default 'Tissue'."""
    text = (
        "Segmentation category and type - 3D Slicer General Anatomy list~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~"
        "Anatomic codes - DICOM master list~^^~^^"
    )
    terminology = Terminology.from_slicer_entry(text)
    assert terminology is not None and terminology.type == CodedTerm("SCT", "85756007", "Tissue")
    assert terminology.slicer_entry() == text


@pytest.mark.parametrize("text", ["", "~~~~~~", "a~b~c", "c~^^~^^~^^~r~^^~^^"])
def test_text_that_names_nothing(text: str) -> None:
    assert Terminology.from_slicer_entry(text) is None
