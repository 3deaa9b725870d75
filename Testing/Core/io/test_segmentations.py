from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from UNetSegmentLib.errors import GeometryError, InputError, OutputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.io import place_on_grid, read_segmentation, write_segmentation
from UNetSegmentLib.io.label_table import table_path, write_label_table
from UNetSegmentLib.io.segment_names import read_names
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.text import shown
from UNetSegmentLib.volume import Segmentation

LIVER = Terminology(CodedTerm("SCT", "123037004", "Anatomical Structure"), CodedTerm("SCT", "10200004", "Liver"))
KIDNEY = Terminology(
    CodedTerm("SCT", "123037004", "Anatomical Structure"),
    CodedTerm("SCT", "64033007", "Kidney"),
    CodedTerm("SCT", "7771000", "Left"),
)
LABELS = (Label(1, "Liver – Leber", (221, 130, 101), LIVER), Label(2, "left kidney", (185, 102, 83), KIDNEY))
GRID = Geometry((9, 8, 7), (0.7, 1.3, 2.9), (-11.5, 22.25, 300.0), (0, 1, 0, -1, 0, 0, 0, 0, 1))


def _example(dtype: type = np.uint8) -> Segmentation:
    voxels = np.zeros(GRID.shape, dtype)
    voxels[1:3, 2:5, 3:8] = 1
    voxels[4:6, 2:5, 3:8] = 2
    return Segmentation(voxels, GRID, LABELS)


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha"])
def test_reads_back_what_was_written(tmp_path: Path, ending: str) -> None:
    write_segmentation(_example(), tmp_path / f"s{ending}")
    back = read_segmentation(tmp_path / f"s{ending}")
    np.testing.assert_array_equal(back.voxels, _example().voxels)
    assert back.voxels.dtype == np.uint8
    assert back.labels == LABELS
    assert back.geometry.is_close(GRID)


def test_header_of_seg_nrrd(tmp_path: Path) -> None:
    write_segmentation(_example(), tmp_path / "s.seg.nrrd", algorithm="hippocampus-t1 1.0")
    image = sitk.ReadImage(str(tmp_path / "s.seg.nrrd"))
    assert image.GetMetaData("Segment0_Name") == "Liver – Leber"
    assert image.GetMetaData("Segment1_LabelValue") == "2"
    assert image.GetMetaData("Segment0_Extent") == "0 8 0 7 0 6"
    red, green, blue = (float(v) for v in image.GetMetaData("Segment0_Color").split())
    assert (red, green, blue) == pytest.approx((221 / 255, 130 / 255, 101 / 255), abs=1e-5)
    tags = image.GetMetaData("Segment0_Tags").split("|")
    assert "DICOM.SegmentAlgorithmType:AUTOMATIC" in tags
    assert "DICOM.SegmentAlgorithmName:hippocampus-t1 1.0" in tags
    assert any(tag.startswith("TerminologyEntry:") and "SCT^10200004^Liver" in tag for tag in tags)
    assert image.GetPixelIDValue() == sitk.sitkUInt8


def test_values_beyond_255_need_two_bytes(tmp_path: Path) -> None:
    voxels = np.zeros(GRID.shape, np.uint16)
    voxels[0, 0, 0] = 1000
    write_segmentation(Segmentation(voxels, GRID, (Label(1000, "x"),)), tmp_path / "s.nii.gz")
    back = read_segmentation(tmp_path / "s.nii.gz")
    assert back.voxels.dtype == np.uint16 and back.voxels[0, 0, 0] == 1000


def test_a_value_without_a_label_gets_a_plain_one(tmp_path: Path) -> None:
    voxels = _example().voxels.copy()
    voxels[0, 0, 0] = 9
    write_segmentation(Segmentation(voxels, GRID, LABELS), tmp_path / "s.seg.nrrd")
    assert [label.name for label in read_segmentation(tmp_path / "s.seg.nrrd").labels][-1] == "Label 9"


def test_label_table_is_readable_json(tmp_path: Path) -> None:
    write_segmentation(_example(), tmp_path / "s.nii.gz")
    table = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert table["labels"][1]["name"] == "left kidney"
    assert table["labels"][1]["color"] == [185, 102, 83]
    assert table["labels"][1]["terminology"]["type"] == {"scheme": "SCT", "code": "64033007", "meaning": "Kidney"}


def test_foreign_json_is_neither_read_nor_overwritten(tmp_path: Path) -> None:
    sidecar = tmp_path / "s.json"
    sidecar.write_text('{"EchoTime": 0.003}')
    with pytest.raises(OutputError, match="not a label table"):
        write_segmentation(_example(), tmp_path / "s.nii.gz")
    assert sidecar.read_text() == '{"EchoTime": 0.003}'
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
    sitk.WriteImage(sitk.GetImageFromArray(_example().voxels), str(tmp_path / "s.nii.gz"))
    assert read_segmentation(tmp_path / "s.nii.gz").labels == ()


def test_broken_label_table(tmp_path: Path) -> None:
    write_segmentation(_example(), tmp_path / "s.nii.gz")
    (tmp_path / "s.json").write_text('{"format": "unetsegment-labels", "labels": [{"value": 1}]}')
    with pytest.raises(InputError, match=r"label table 's\.json' is broken"):
        read_segmentation(tmp_path / "s.nii.gz")


def test_unknown_ending(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"Use one of \.seg\.nrrd"):
        write_segmentation(_example(), tmp_path / "s.txt")


def test_one_slice_as_png(tmp_path: Path) -> None:
    voxels = np.array([[[0, 1, 2]]], np.uint8)
    write_segmentation(Segmentation(voxels, Geometry((3, 1, 1)), LABELS), tmp_path / "s.png")
    back = read_segmentation(tmp_path / "s.png")
    np.testing.assert_array_equal(back.voxels, voxels)
    assert back.labels == LABELS
    with pytest.raises(OutputError, match="one slice"):
        write_segmentation(_example(), tmp_path / "v.png")


@pytest.mark.parametrize("value", [0.5, -1.0, np.nan, 70000.0])
def test_an_image_is_not_a_label_map(tmp_path: Path, value: float) -> None:
    array = np.zeros((3, 4, 5), np.float32)
    array[1, 1, 1] = value
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "i.nrrd"))
    with pytest.raises(InputError, match="not a label map"):
        read_segmentation(tmp_path / "i.nrrd")


def write(voxels: np.ndarray, path: Path) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))
    return path


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("levels", "kind"), [(200, np.uint8), (3000, np.int16), (60000, np.uint16)])
def test_a_grey_image_of_whole_numbers_is_not_a_label_map(tmp_path: Path, levels: int, kind: type, seed: int) -> None:
    """A smooth field with noise of a hundredth of its range, as scanners make them."""
    rng = np.random.default_rng(seed)
    smooth = sum(np.sin(axis / rng.uniform(3, 9) + rng.uniform(0, 6)) for axis in np.indices((20, 24, 28)))
    field = np.clip((smooth + 3) / 6 + rng.normal(0, 0.01, smooth.shape), 0, 1)
    path = write((field * levels).astype(kind), tmp_path / "grey.nii.gz")
    with pytest.raises(InputError, match="neighbouring voxels seldom share"):
        read_segmentation(path)
    # Whoever names the numbers means them.
    write_label_table(table_path(path), [Label(7, "seven")])
    assert read_segmentation(path).label(7).name == "seven"


@pytest.mark.parametrize("cells", [33, 300, 1500])
def test_many_objects_with_a_number_each_are_labels(tmp_path: Path, cells: int) -> None:
    """Every voxel has the number of the nearest of many centres: no background, and objects of nine voxels at last."""
    from scipy.spatial import cKDTree

    centres = np.random.default_rng(cells).uniform(0, 24, (cells, 3))
    _, nearest = cKDTree(centres).query(np.stack(np.indices((24, 24, 24)), axis=-1))
    voxels = (nearest + 1).astype(np.uint16)
    assert np.array_equal(read_segmentation(write(voxels, tmp_path / "cells.nii.gz")).voxels, voxels)


def test_real_images_and_label_maps_are_told_apart(shared_data: Path) -> None:
    refused = ("interactive/cord_t2", "ct/ct_oblique", "isbi2012/images/0", "msd_hippocampus/images/hippocampus_065")
    for name in refused:
        (path,) = shared_data.glob(f"{name}.[np]*")
        with pytest.raises(InputError, match="not a label map"):
            read_segmentation(path)
    taken = ("interactive/cord_t2_labels", "brain_labels/training_seg_13", "isbi2012/labels/14")
    for name in taken:
        (path,) = shared_data.glob(f"{name}.[np]*")
        assert read_segmentation(path).voxels.any()


def test_whole_numbers_stored_as_floats_are_labels(tmp_path: Path) -> None:
    array = np.zeros((3, 4, 5), np.float32)
    array[1, 1, 1] = 3
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "i.nii"))
    back = read_segmentation(tmp_path / "i.nii")
    assert back.voxels.dtype == np.uint8 and back.voxels[1, 1, 1] == 3


def _layers(path: Path, layers: list[np.ndarray], segments: list[tuple[str, int, int]]) -> None:
    """A several-layer file as Slicer writes it; segments are (name, layer, value)."""
    image = sitk.GetImageFromArray(np.stack(layers, axis=-1), isVector=True)
    for n, (name, layer, value) in enumerate(segments):
        for key, text in {"ID": f"s{n}", "Name": name, "Layer": str(layer), "LabelValue": str(value)}.items():
            image.SetMetaData(f"Segment{n}_{key}", text)
    sitk.WriteImage(image, str(path))


def test_layers_that_do_not_overlap_are_merged(tmp_path: Path) -> None:
    first, second = np.zeros((2, 4, 5, 6), np.uint8)
    first[0], second[2] = 1, 1
    first[1] = 2
    _layers(tmp_path / "s.seg.nrrd", [first, second], [("A", 0, 1), ("B", 1, 1), ("C", 0, 2)])
    back = read_segmentation(tmp_path / "s.seg.nrrd")
    # Value 1 occurs in both layers, so the segments are numbered anew in the file's order.
    assert [(label.name, label.value) for label in back.labels] == [("A", 1), ("B", 2), ("C", 3)]
    assert back.voxels[:, 0, 0].tolist() == [1, 3, 2, 0]


def test_a_segment_of_layers_is_found_by_the_number_that_it_is_listed_under(tmp_path: Path) -> None:
    """Whether the others are read too or not: a name that two have is told apart by numbers alone."""
    first, second = (np.zeros((2, 4, 5), np.uint8) for _ in range(2))
    first[0, 0], first[0, 1], second[0, 1] = 1, 2, 1
    path = tmp_path / "s.seg.nrrd"
    _layers(path, [first, second], [("A", 0, 1), ("B", 1, 1), ("B", 0, 2)])
    assert [(label.name, label.value) for label in read_names(path)] == [("A", 1), ("B", 2), ("B", 3)]
    for value, mask in ((1, first == 1), (2, second == 1), (3, first == 2)):
        read = read_segmentation(path, segments=[str(value)])
        assert [label.value for label in read.labels] == [value]
        assert np.array_equal(read.voxels, mask * value)


def test_layers_that_overlap_are_refused(tmp_path: Path) -> None:
    first, second = np.zeros((2, 4, 5, 6), np.uint8)
    first[:2], second[1:] = 1, 1
    _layers(tmp_path / "s.seg.nrrd", [first, second], [("A", 0, 1), ("B", 1, 1)])
    with pytest.raises(InputError, match="'A' and 'B' overlap in 30 voxels"):
        read_segmentation(tmp_path / "s.seg.nrrd")


# -- placing on a grid ---------------------------------------------------------------------------------------------


def test_a_cropped_label_map_is_placed_on_its_grid() -> None:
    whole = _example()
    box = Box((1, 2, 3), (6, 5, 8))
    part = Segmentation(whole.voxels[box.slices], GRID.cropped(box), LABELS)
    np.testing.assert_array_equal(place_on_grid(part, GRID).voxels, whole.voxels)
    first, note = place_on_grid(replace(part, notes=("as read",)), GRID, "'a.nii.gz'").notes
    size = " x ".join(map(str, GRID.size))
    part_size = " x ".join(map(str, part.geometry.size))
    assert first == "as read" and f"{part_size} (from voxel 3, 2, 1 on) voxels, not {size}" in note


def test_the_same_grid_in_other_axes_is_no_part_of_it() -> None:
    whole = _example()
    turned, axis_map = GRID.reoriented("SAR")
    assert place_on_grid(Segmentation(axis_map.apply(whole.voxels), turned, LABELS), GRID).notes == ()


def test_a_turned_label_map_is_placed_on_its_grid() -> None:
    whole = _example()
    turned, axis_map = GRID.reoriented("SAR")
    part = Segmentation(axis_map.apply(whole.voxels), turned, LABELS)
    np.testing.assert_array_equal(place_on_grid(part, GRID).voxels, whole.voxels)


def test_a_grid_turned_about_its_diagonal_is_refused() -> None:
    # First and last voxel stay where they are, and nothing between them does.
    grid = Geometry((9, 9, 9))
    x, y, z = np.full(3, 3**-0.5)
    cross = np.array([(0, -z, y), (z, 0, -x), (-y, x, 0)])
    angle = np.radians(5)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    turned = Geometry(grid.size, direction=tuple(turn.ravel()))
    for corner in ((0, 0, 0), (8, 8, 8)):
        np.testing.assert_allclose(turned.to_physical(np.array(corner)), grid.to_physical(np.array(corner)), atol=1e-12)
    with pytest.raises(GeometryError, match="does not lie on the image's grid"):
        place_on_grid(Segmentation(np.ones(grid.shape, np.uint8), turned, LABELS[:1]), grid)


def test_half_a_voxel_off_or_outside_is_refused() -> None:
    whole = _example()
    shifted = Geometry(GRID.size, GRID.spacing, tuple(GRID.to_physical(np.array([0.5, 0, 0]))), GRID.direction)
    with pytest.raises(GeometryError, match="does not lie on the image's grid"):
        place_on_grid(whole, shifted)
    with pytest.raises(GeometryError, match="outside the image"):
        place_on_grid(whole, GRID.cropped(Box((0, 0, 0), (5, 8, 9))))


@pytest.mark.parametrize("name", ["half \ud83d", "byte \udce4", "two\nlines", "nul \x00 x", "\x1b[2J", "x" * 100_000])
@pytest.mark.parametrize("ending", ["seg.nrrd", "nii.gz"])
def test_hostile_names_are_written_as_text(name: str, ending: str, tmp_path: Path) -> None:
    """A half surrogate is no UTF-8, a zero byte ends a text in the reader: each becomes its visible escape."""
    target = tmp_path / f"out.{ending}"
    found = Segmentation.from_array(np.ones((2, 3, 4), np.uint8), labels=[Label(1, name), Label(2, "Größe, 肝臓")])
    write_segmentation(found, target, algorithm="model\ud83d 1")
    names = [label.name for label in read_segmentation(target).labels]
    assert names == [shown(name, 1000), "Größe, 肝臓"]
