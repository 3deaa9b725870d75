from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.volume import Segmentation, Volume, check_voxels, stack_channels, values_in

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


def test_an_image_of_an_array_is_what_simpleitk_makes_of_it() -> None:
    array = np.random.default_rng(0).normal(size=(4, 5, 6))
    turned = (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    volume = Volume.from_array(array, spacing=(0.5, 2, 3), origin=(1, 2, 3), direction=turned, name="a")
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.5, 2, 3))
    image.SetOrigin((1, 2, 3))
    image.SetDirection(turned)
    point = volume.geometry.to_physical(np.array([5, 4, 3]))
    np.testing.assert_allclose(point, image.TransformIndexToPhysicalPoint((5, 4, 3)))
    assert volume.voxels[0, 3, 4, 5] == image[5, 4, 3] and volume.name == "a"
    assert np.shares_memory(volume.voxels, array)
    rows = np.array(turned).reshape(3, 3)
    again = Volume.from_array(array, spacing=(0.5, 2, 3), origin=(1, 2, 3), direction=rows)
    assert again.geometry == volume.geometry


def test_slices_channels_and_masks_become_images() -> None:
    assert Volume.from_array(np.zeros((4, 6))).geometry.size == (6, 4, 1)
    assert Volume.from_array(np.zeros((2, 3, 4, 6))).channels == 2
    assert Volume.from_array([[[1, 2], [3, 4]]]).voxels.tolist() == [[[[1, 2], [3, 4]]]]
    mask = np.eye(4, dtype=bool)
    assert Volume.from_array(mask).voxels.dtype == np.uint8
    found = Segmentation.from_array(mask, labels=[Label(1, "line")], spacing=(1, 2, 3))
    assert found.voxels.dtype == np.uint8 and found.geometry.spacing == (1, 2, 3) and found.mask(1).sum() == 4
    assert Segmentation.from_array([[[0.0, 300.0]]]).voxels.dtype == np.uint16


@pytest.mark.parametrize(
    "array", [np.zeros(3), np.zeros((1,) * 5), np.zeros((0, 2, 2)), ["a"], np.zeros((2, 2), complex)]
)
def test_what_is_no_image(array: object) -> None:
    with pytest.raises(InputError):
        Volume.from_array(array)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1, 65536, 0.5, np.nan, np.inf])
def test_what_is_no_label_map(value: float) -> None:
    with pytest.raises(InputError, match="whole numbers"):
        Segmentation.from_array(np.full((2, 2, 2), value))


@pytest.mark.parametrize(
    "grid", [{"spacing": (1, 1)}, {"spacing": (1, 0, 1)}, {"direction": np.ones((3, 3))}, {"origin": (1, 2)}]
)
def test_what_is_no_grid(grid: dict) -> None:
    with pytest.raises(GeometryError):
        Volume.from_array(np.zeros((2, 2, 2)), **grid)


def test_a_repr_is_one_short_line() -> None:
    volume = Volume.from_array(np.zeros((2, 3, 4, 5), np.int16), spacing=(0.5, 1, 2.25), name="a\x1bb" * 200)
    text = repr(volume)
    assert "5 x 4 x 3 voxels of 0.5 x 1 x 2.25 mm (x, y, z)" in text and "2 channels" in text and "int16" in text
    assert "\x1b" not in text and len(text) < 320
    labels = [Label(n, f"organ {n}") for n in range(1, 100)]
    text = repr(Segmentation.from_array(np.zeros((3, 4, 5)), labels=labels))
    assert text.startswith("Segmentation(5 x 4 x 3 voxels") and "1 organ 1" in text and "and 93 more" in text
    assert len(text) < 200


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_values_of_a_label_map(dtype: type) -> None:
    voxels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (3, 4, 5)).astype(dtype)
    assert values_in(voxels) == np.unique(voxels).tolist()
    assert values_in(np.zeros((1, 2, 3), dtype)) == [0]
