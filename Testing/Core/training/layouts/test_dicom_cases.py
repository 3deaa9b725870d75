"""Data sets whose images are DICOM series and whose label maps are SEG or structure sets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, save_source
from seg_files import plain_seg, segment

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io import write_segmentation
from UNetSegmentLib.io.dicom_objects import Author, source_of, write_rtstruct, write_seg
from UNetSegmentLib.labels import Label
from UNetSegmentLib.training.layouts import open_layout, read_case
from UNetSegmentLib.training.layouts.naming import numbered_like
from UNetSegmentLib.training.planning.fingerprint import take_fingerprint
from UNetSegmentLib.volume import Segmentation

pytest.importorskip("highdicom")

AUTHOR = Author("nobody", "1")
BODY = Label(9, "BODY")


def truth(name: str) -> Segmentation:
    """Of a case, with an outline of the patient that a clinic's structure sets have too."""
    labels = labels_on(grid_of(ORIENTATIONS[name]), seed=len(name))
    voxels = np.where(labels.voxels == 0, 9, labels.voxels)
    return replace(labels, voxels=voxels, labels=(BODY, *LABELS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four cases: a SEG as a file, a structure set, a folder with a binary SEG, a label image."""
    cases = {"a": "axial", "b": "oblique", "c": "sagittal"}
    (tmp_path / "labels").mkdir()
    for name, orientation in cases.items():
        image = save_source(tmp_path / "images" / name, grid_of(ORIENTATIONS[orientation]))
        source = source_of(image)
        labels = truth(orientation)
        if name == "a":
            write_seg(labels, source, tmp_path / "labels" / "a.dcm", AUTHOR)
        elif name == "b":
            write_rtstruct(labels, source, tmp_path / "labels" / "b.dcm", AUTHOR)
        else:
            write_segmentation(
                replace(labels_on(grid_of(ORIENTATIONS[orientation]), len(orientation))),
                tmp_path / "labels" / "c.seg.nrrd",
            )
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"1": "left kidney", "2": "liver"}}))
    return tmp_path


def wanted(orientation: str) -> np.ndarray:
    """In the numbering of the data set."""
    voxels = labels_on(grid_of(ORIENTATIONS[orientation]), len(orientation)).voxels
    return np.where(voxels == 1, 2, np.where(voxels == 5, 1, 0))


def test_names_decide_and_the_outline_is_left_out(folder: Path) -> None:
    data = open_layout(folder)
    assert data.layout == "pairs" and data.names == ["a", "b", "c"]
    assert data.labels == {1: "left kidney", 2: "liver"}
    assert any("does not name them: 'BODY'" in note for note in data.notes)
    for name, orientation in (("a", "axial"), ("b", "oblique"), ("c", "sagittal")):
        image, labels = read_case(data, name)
        assert image.geometry == labels.geometry
        assert np.array_equal(labels.voxels, wanted(orientation)), name
    present = take_fingerprint(data).present
    assert (present["1"], present["2"]) == (3, 3)


def test_a_table_names_folders(folder: Path) -> None:
    deep = folder / "labels" / "folder-of-a"
    deep.mkdir()
    (folder / "labels" / "a.dcm").rename(deep / "x.dcm")
    table = folder / "cases.csv"
    table.write_text("case,image,label\na,images/a,labels/folder-of-a\nb,images\\b,labels/b.dcm\n")
    data = open_layout(table)
    assert data.names == ["a", "b"]
    for name, orientation in (("a", "axial"), ("b", "oblique")):
        assert np.array_equal(read_case(data, name)[1].voxels, wanted(orientation))


def test_a_model_numbers_by_codes(folder: Path) -> None:
    """Whatever it calls the organ, and whatever number it gives it."""
    (folder / "dataset.json").unlink()
    data = open_layout(folder)
    liver = replace(LABELS[0], value=7, name="Leber")
    numbered = numbered_like(data, [liver])
    assert numbered.labels[7] == "liver"
    assert np.array_equal(read_case(numbered, "a")[1].voxels == 7, truth("axial").voxels == 1)


def test_a_label_map_of_another_patient_is_named(folder: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    plain_seg(
        folder / "labels" / "a.dcm",
        np.ones((1, *grid.shape[1:])),
        [grid.origin],
        [1],
        segments=[segment(1, "liver")],
        FrameOfReferenceUID="1.2.99",
    )
    data = open_layout(folder)
    with pytest.raises(InputError, match=r"Case a: 'a\.dcm' lies in another frame of reference"):
        read_case(data, "a")


def test_sub_volumes_are_placed(folder: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    place = grid.to_physical(np.array([(2, 1, 3)]))
    plain_seg(folder / "labels" / "a.dcm", np.ones((1, 2, 4)), place, [1], segments=[segment(1, "liver")], between=None)
    labels = read_case(open_layout(folder), "a")[1].voxels
    assert np.argwhere(labels == 2).min(axis=0).tolist() == [3, 1, 2] and np.count_nonzero(labels) == 8
