"""Folders of every layout become the same kind of table of contents, and what is wrong with one is said in words."""

from __future__ import annotations

import json
from pathlib import Path

import layout_cases as make
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.training.layouts import open_layout, read_case


def test_decathlon(tmp_path: Path) -> None:
    data = open_layout(make.decathlon(tmp_path))
    assert (data.layout, data.name, data.channels, data.modality) == ("decathlon", "Toy", ("MRI",), "MRI")
    assert data.names == ["a_0", "a_1", "a_2", "a_3"]
    assert data.labels == {1: "shell", 2: "core"}
    volume, segmentation = read_case(data, "a_1")
    assert volume.voxels.shape == (1, *make.SHAPE)
    assert set(np.unique(segmentation.voxels)) == {0, 1, 2}


def test_a_decathlon_file_with_its_channels_along_a_fourth_axis(tmp_path: Path) -> None:
    make.decathlon(tmp_path, 1)
    path = tmp_path / "imagesTr" / "a_0.nii.gz"
    first = sitk.ReadImage(str(path))
    sitk.WriteImage(sitk.JoinSeries(first, first * 2), str(path))
    table = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps({**table, "modality": {"0": "FLAIR", "1": "T1w"}}))
    volume, _ = read_case(open_layout(tmp_path), "a_0")
    assert volume.channels == 2
    assert np.allclose(volume.voxels[1], 2 * volume.voxels[0])


def test_4d_in_a_name_is_no_fourth_axis(tmp_path: Path) -> None:
    """A file that is cut short is refused by its case, whatever it is called."""
    make.write_image(tmp_path / "images" / "scan4D.nii", make.image(0, make.nested_boxes((1,))))
    make.write_image(tmp_path / "labels" / "scan4D.nii", make.nested_boxes((1,)))
    file = tmp_path / "images" / "scan4D.nii"
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"Case scan4D: 'scan4D\.nii' is cut short"):
        read_case(open_layout(tmp_path), "scan4D")


def test_nnunet(tmp_path: Path) -> None:
    data = open_layout(make.nnunet(tmp_path))
    assert (data.layout, data.channels, data.modality) == ("nnunet", ("T1", "T2"), "MR")
    assert data.labels == {1: "shell", 2: "core"}
    assert data.regions == ()
    volume, _ = read_case(data, "a_2")
    assert volume.channels == 2


def test_nnunet_with_regions_and_an_ignored_label(tmp_path: Path) -> None:
    data = open_layout(make.nnunet(tmp_path, regions=True))
    assert [(r.name, r.values, r.value) for r in data.regions] == [("ball", (1, 2), 1), ("core", (2,), 2)]
    assert data.labels == {1: "Label 1", 2: "core"}
    table = json.loads((tmp_path / "dataset.json").read_text())
    table["labels"] = {"background": 0, "shell": 1, "ignore": 2}
    (tmp_path / "dataset.json").write_text(json.dumps(table))
    data = open_layout(tmp_path)
    assert (data.labels, data.ignored) == ({1: "shell"}, 2)
    read_case(data, "a_0")


def test_nnunet_with_files_that_lie_elsewhere(tmp_path: Path) -> None:
    make.nnunet(tmp_path / "files")
    (tmp_path / "raw" / "imagesTr").mkdir(parents=True)
    table = json.loads((tmp_path / "files" / "dataset.json").read_text())
    images = [f"../files/imagesTr/a_1_{n:04}.nii.gz" for n in range(2)]
    table["dataset"] = {"one": {"images": images, "label": "../files/labelsTr/a_1.nii.gz"}}
    (tmp_path / "raw" / "dataset.json").write_text(json.dumps(table))
    data = open_layout(tmp_path / "raw")
    assert data.names == ["one"]
    assert read_case(data, "one")[0].channels == 2
    table["dataset"]["one"]["label"] = "nowhere.nii.gz"
    (tmp_path / "raw" / "dataset.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match=r"The case one names .*nowhere"):
        open_layout(tmp_path / "raw")


def test_csv(tmp_path: Path) -> None:
    make.nnunet(tmp_path / "files")
    line = "files/imagesTr/a_{0}_0000.nii.gz,files/imagesTr/a_{0}_0001.nii.gz,files/labelsTr/a_{0}.nii.gz,{1}"
    rows = ["image,image2,label,fold", *(line.format(n, n % 2) for n in range(3))]
    (tmp_path / "cases.csv").write_text("\n".join(rows))
    data = open_layout(tmp_path / "cases.csv")
    assert data.channels == ("image", "image2")
    assert data.folds == (("a_0_0000", "a_2_0000"), ("a_1_0000",))
    assert read_case(data, "a_1_0000")[0].channels == 2
    assert open_layout(tmp_path).layout == "csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,label\nmissing.nii,missing.nii", "Line 2 .* not there"),
        ("picture,label\n", "columns picture, label"),
        ("image,label\n,b", "Line 2 .* no 'image'"),
        ("image,label\n", "no cases"),
    ],
)
def test_a_csv_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        open_layout(tmp_path / "list.csv")


def test_two_cases_of_one_name(tmp_path: Path) -> None:
    make.decathlon(tmp_path, 1)
    row = "imagesTr/a_0.nii.gz,labelsTr/a_0.nii.gz"
    (tmp_path / "list.csv").write_text(f"image,label\n{row}\n{row}\n")
    with pytest.raises(InputError, match="2 cases named a_0"):
        open_layout(tmp_path / "list.csv")


@pytest.mark.parametrize(("layout", "labels"), [("lits", {1, 2}), ("kits", {1, 2, 3})])
def test_ct_challenges(tmp_path: Path, layout: str, labels: set[int]) -> None:
    data = open_layout(getattr(make, layout)(tmp_path))
    assert (data.layout, data.modality, len(data.cases)) == (layout, "CT", 3)
    assert set(data.labels) == labels
    assert read_case(data, data.names[1])[1].voxels.max() == 2


def test_brats_has_four_channels_and_overlapping_regions(tmp_path: Path) -> None:
    data = open_layout(make.brats(tmp_path))
    assert len(data.channels) == 4
    volume, segmentation = read_case(data, data.names[0])
    assert volume.channels == 4
    whole, core, enhancing = (int(np.isin(segmentation.voxels, r.values).sum()) for r in data.regions)
    # Boxes in each other: oedema (2) around necrosis (1) around enhancing tumour (4, read as 3).
    assert whole == 4 * 14 * 14
    assert core == 4 * 12 * 12
    assert enhancing == 4 * 10 * 10
    # Painted in order, the regions give the label map again.
    painted = np.zeros_like(segmentation.voxels)
    for region in data.regions:
        painted[np.isin(segmentation.voxels, region.values)] = region.value
    assert np.array_equal(painted, segmentation.voxels)


def test_brats_by_the_names_of_2023(tmp_path: Path) -> None:
    name = "BraTS-GLI-00000-000"
    for ending in ("t1n", "t1c", "t2w", "t2f"):
        make.write_image(tmp_path / name / f"{name}-{ending}.nii.gz", np.zeros(make.SHAPE, np.float32))
    with pytest.raises(InputError, match="no file ending in '_seg'"):
        open_layout(tmp_path)
    make.write_image(tmp_path / name / f"{name}-seg.nii.gz", make.nested_boxes((2, 1, 3)))
    files = open_layout(tmp_path).cases[0]
    assert [p.name[-10:-7] for p in files.images] == ["t1n", "t1c", "t2w", "t2f"]


def test_drive_judges_the_field_of_view_only(tmp_path: Path) -> None:
    data = open_layout(make.drive(tmp_path))
    assert data.layout == "drive"
    assert len(data.folds) == 4
    volume, segmentation = read_case(data, "21_training")
    assert volume.voxels.shape == (3, 1, 48, 48)
    mask = np.asarray(Image.open(tmp_path / "masks" / "21_training_mask.gif")) > 0
    assert np.array_equal(segmentation.voxels[0] == data.ignored, ~mask)
    assert set(np.unique(segmentation.voxels[0][mask])) == {0, 1}


def test_stare(tmp_path: Path) -> None:
    picture = np.full((20, 24, 3), 90, np.uint8)
    for n in (1, 2):
        Image.fromarray(picture).save(tmp_path / f"im000{n}.ppm")
        Image.fromarray(np.eye(20, 24, dtype=np.uint8) * 255).save(tmp_path / f"im000{n}.ah.ppm", "PPM")
    data = open_layout(tmp_path)
    assert (data.layout, data.names) == ("stare", ["im0001", "im0002"])
    volume, segmentation = read_case(data, "im0001")
    assert volume.channels == 3
    assert segmentation.voxels.sum() == 20


def test_membranes_are_the_label_and_folds_are_runs_of_slices(tmp_path: Path) -> None:
    make.isbi(tmp_path, 12)
    data = open_layout(tmp_path, "isbi2012")
    assert data.names == [str(n) for n in range(12)]
    assert data.folds[0] == ("0", "1")
    assert sum(map(len, data.folds)) == 12
    _, segmentation = read_case(data, "0")
    assert np.array_equal(segmentation.voxels[0] == 1, np.asarray(Image.open(tmp_path / "labels" / "0.png")) == 0)


def test_the_real_folders(shared_data: Path) -> None:
    drive = open_layout(shared_data / "drive")
    assert (drive.layout, len(drive.cases), [len(f) for f in drive.folds]) == ("drive", 20, [5] * 4)
    volume, segmentation = read_case(drive, "21_training")
    assert volume.voxels.shape == (3, 1, 584, 565)
    judged = segmentation.voxels != drive.ignored
    assert 0.6 < judged.mean() < 0.8
    assert 0.08 < (segmentation.voxels == 1).sum() / judged.sum() < 0.2
    cells = open_layout(shared_data / "isbi2012", "isbi2012")
    assert [len(f) for f in cells.folds] == [6] * 5
    assert 0.15 < (read_case(cells, "3")[1].voxels == 1).mean() < 0.3
    assert open_layout(shared_data / "msd_hippocampus").labels[1] == "anterior hippocampus"


def test_label_maps_without_an_image_are_said(tmp_path: Path) -> None:
    """Left out they must be; but three patients fewer to learn from is nothing to keep quiet about."""
    nnunet, pairs, decathlon = tmp_path / "nnunet", tmp_path / "pairs", tmp_path / "decathlon"
    make.nnunet(nnunet, count=4)
    for number in (1, 2):
        for channel in range(2):
            (nnunet / "imagesTr" / f"a_{number}_{channel:04}.nii.gz").unlink()
    assert open_layout(nnunet).notes == (
        "2 label maps in labelsTr have no image and cannot be learned from: 'a_1', 'a_2'.",
    )
    make.decathlon(decathlon)
    (decathlon / "imagesTr" / "a_3.nii.gz").unlink()
    table = json.loads((decathlon / "dataset.json").read_text())
    (decathlon / "dataset.json").write_text(json.dumps({**table, "training": []}))
    expected = "1 label map in {} has no image and cannot be learned from: 'a_3'."
    assert open_layout(decathlon).notes == (expected.format("labelsTr"),)
    pairs.mkdir()
    (decathlon / "imagesTr").rename(pairs / "images")
    (decathlon / "labelsTr").rename(pairs / "labels")
    assert open_layout(pairs).notes == (expected.format("labels"),)


def test_channels_that_the_table_of_contents_does_not_name_are_said(tmp_path: Path) -> None:
    make.nnunet(tmp_path)
    table = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps({**table, "channel_names": {"0": "T1"}}))
    data = open_layout(tmp_path)
    assert all(len(case.images) == 1 for case in data.cases)
    assert len(data.notes) == 1 and data.notes[0].endswith("they are left out: 0001.")


def _no_label(root: Path) -> str:
    make.nnunet(root)
    (root / "labelsTr" / "a_1.nii.gz").unlink()
    return "a_1 has an image but no label"


def _no_channel(root: Path) -> str:
    make.nnunet(root)
    (root / "imagesTr" / "a_1_0001.nii.gz").unlink()
    return "a_1 has no file for channel 0001"


def _strange_name(root: Path) -> str:
    make.nnunet(root)
    (root / "imagesTr" / "a_1_0001.nii.gz").rename(root / "imagesTr" / "second.nii.gz")
    return "second.nii.gz' does not end in the number"


def _listed_file_is_gone(root: Path) -> str:
    make.decathlon(root)
    (root / "imagesTr" / "a_1.nii.gz").unlink()
    return "names the image a_1.nii.gz"


def _no_segmentation(root: Path) -> str:
    make.lits(root)
    (root / "segmentation-1.nii").unlink()
    return "volume-1.nii has no segmentation"


def _no_mask(root: Path) -> str:
    make.drive(root)
    (root / "masks" / "22_training_mask.gif").unlink()
    return "22_training.tif has no mask"


def _nothing(root: Path) -> str:
    (root / "notes.txt").write_text("")
    return "no layout that is known"


@pytest.mark.parametrize(
    "spoil", [_no_label, _no_channel, _strange_name, _listed_file_is_gone, _no_segmentation, _no_mask, _nothing]
)
def test_a_folder_that_cannot_be_used(tmp_path: Path, spoil) -> None:
    message = spoil(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        open_layout(tmp_path)
    assert caught.value.cure


def _other_grid(root: Path) -> str:
    make.write_image(root / "labelsTr" / "a_0.nii.gz", make.nested_boxes((1, 2)), (1.0, 1.0, 3.0))
    return "does not lie on the image's grid"


def _other_grids_of_channels(root: Path) -> str:
    make.write_image(root / "imagesTr" / "a_0_0001.nii.gz", np.zeros(make.SHAPE, np.float32), (2.0, 1.0, 1.0))
    return "do not share a grid"


def _unnamed(root: Path) -> str:
    make.write_image(root / "labelsTr" / "a_0.nii.gz", make.nested_boxes((1, 2, 5)))
    return "value 5, which the data set does not name"


@pytest.mark.parametrize("spoil", [_other_grid, _other_grids_of_channels, _unnamed])
def test_a_case_that_cannot_be_used_is_named(tmp_path: Path, spoil) -> None:
    data = open_layout(make.nnunet(tmp_path))
    message = spoil(tmp_path)
    with pytest.raises(InputError, match=f"Case a_0: .*{message}"):
        read_case(data, "a_0")


def test_folds_are_made_where_there_are_none(tmp_path: Path) -> None:
    data = open_layout(make.decathlon(tmp_path, 4))
    made = data.with_folds(5)
    assert sorted(name for fold in made.folds for name in fold) == data.names
    assert len(made.folds) == 4
    assert made.folds == data.with_folds(5).folds
    assert data.with_folds(2).with_folds(4).folds == data.with_folds(2).folds


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"ignored": "255"}, "'ignored' of .* is 255"),
        ({"ignored": 2**62}, "'ignored'"),
        ({"channels": "T1"}, "no list of names"),
        ({"labels": {"one": "liver"}}, "no table of values and names"),
        ({"labels": 5}, "no table of values and names"),
        ({"folds": 7}, "no lists of case names"),
        ([], "no JSON object"),
    ],
)
def test_a_table_of_contents_that_means_nothing(tmp_path: Path, entry: object, words: str) -> None:
    make.isbi(tmp_path, 2)
    (tmp_path / "dataset.json").write_text(json.dumps(entry))
    with pytest.raises(InputError, match=words):
        open_layout(tmp_path)


def test_values_of_regions_that_are_none(tmp_path: Path) -> None:
    make.nnunet(tmp_path, regions=True)
    table = json.loads((tmp_path / "dataset.json").read_text())
    for order in ("12", [None, 2]):
        (tmp_path / "dataset.json").write_text(json.dumps({**table, "regions_class_order": order}))
        with pytest.raises(InputError, match="no list of values"):
            open_layout(tmp_path)
