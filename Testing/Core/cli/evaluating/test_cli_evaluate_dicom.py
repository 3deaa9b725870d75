"""``unetsegment evaluate`` with DICOM segmentations on either side."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, save_source
from pydicom import dcmread
from seg_files import plain_seg, segment
from typer.testing import Result

from UNetSegmentLib.io import write_segmentation
from UNetSegmentLib.io.dicom_objects import Author, source_of, write_rtstruct, write_seg
from UNetSegmentLib.volume import Segmentation

pytest.importorskip("highdicom")

AUTHOR = Author("nobody", "1")


class Case:
    """A CT and its labels in every form."""

    def __init__(self, folder: Path) -> None:
        self.grid = grid_of(ORIENTATIONS["oblique"])
        self.image = save_source(folder / "ct", self.grid)
        self.truth = labels_on(self.grid)
        source = source_of(self.image)
        self.seg = write_seg(self.truth, source, folder / "seg.dcm", AUTHOR)
        self.binary = write_seg(self.truth, source, folder / "binary.dcm", AUTHOR, "binary")
        self.structures = write_rtstruct(self.truth, source, folder / "structures.dcm", AUTHOR)
        self.plain = folder / "plain.nii.gz"
        write_segmentation(self.truth, self.plain)
        self.slicer = folder / "slicer.seg.nrrd"
        write_segmentation(self.truth, self.slicer)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("case"))


PAIRS = [
    "seg plain",
    "plain seg",
    "seg binary",
    "seg structures",
    "structures plain",
    "slicer structures",
    "slicer seg",
]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_same_labels_in_two_forms_agree(run_json: Callable[..., Any], case: Case, pair: str) -> None:
    files = [getattr(case, form) for form in pair.split()]
    scores = run_json("evaluate", *files)
    rows = next(iter(scores["cases"].values()))
    assert {row["name"] for row in rows} == {"liver", "left kidney"}
    assert all(row["dice"] == 1 for row in rows)


def test_two_structure_sets_need_their_image(
    run: Callable[..., Result], run_json: Callable[..., Any], case: Case
) -> None:
    result = run("evaluate", case.structures, case.structures)
    assert result.exit_code == 3 and "--images" in result.output
    scores = run_json("evaluate", case.structures, case.structures, "--images", case.image)
    assert [row["dice"] for row in scores["cases"]["structures"]] == [1, 1]


def test_a_seg_of_some_slices_against_a_whole_label_map(
    run_json: Callable[..., Any], tmp_path: Path, case: Case
) -> None:
    """Frames without anything are left out of a SEG; what a prediction has there is too much, not outside."""
    more = case.truth.voxels.copy()
    more[0, 0, 0] = 1
    write_segmentation(replace(case.truth, voxels=more), tmp_path / "more.nii.gz")
    liver = run_json("evaluate", tmp_path / "more.nii.gz", case.seg)["cases"]["more"][0]
    count = np.count_nonzero(case.truth.voxels == 1)
    assert liver["dice"] == pytest.approx(2 * count / (2 * count + 1), abs=1e-6)
    both = plain_seg(tmp_path / "a.dcm", np.ones((1, 2, 4)), [(0, 0, 0)], [1], segments=[segment(1, "x")])
    other = plain_seg(tmp_path / "b.dcm", np.ones((1, 2, 4)), [(0, 0, 5)], [1], segments=[segment(1, "x")])
    assert run_json("evaluate", both, other)["cases"]["a"][0]["dice"] == 0


def test_only_the_segments_that_are_asked_for(
    run: Callable[..., Result], run_json: Callable[..., Any], tmp_path: Path, case: Case
) -> None:
    rows = run_json("evaluate", case.plain, case.structures, "--segment", "Left Kidney")["cases"]["plain"]
    assert [(row["name"], row["dice"]) for row in rows] == [("left kidney", 1)]
    assert "no segment 'spleen'" in run("evaluate", case.plain, case.seg, "-s", "spleen").output
    # Overlapping segments can be compared one by one.
    masks = np.ones((2, 2, 4))
    parts = [segment(1, "organ"), segment(2, "tumour")]
    path = plain_seg(tmp_path / "o.dcm", masks, [(0, 0, 0)] * 2, [1, 2], segments=parts)
    assert "overlap" in run("evaluate", path, path).output
    assert run_json("evaluate", path, path, "-s", "tumour")["cases"]["o"][0]["dice"] == 1


def test_folders_pair_by_name_whatever_the_files_are(
    run: Callable[..., Result], run_json: Callable[..., Any], tmp_path: Path, case: Case
) -> None:
    ours, theirs, images = (tmp_path / name for name in ("ours", "theirs", "images"))
    for folder in (ours, theirs, images / "p1", images / "p2"):
        folder.mkdir(parents=True)
    (ours / "p1.dcm").write_bytes(case.seg.read_bytes())
    (ours / "p2").write_bytes(case.structures.read_bytes())
    (ours / "note.txt").write_text("words")
    for name in ("p1", "p2"):
        (theirs / f"{name}.nii.gz").write_bytes(case.plain.read_bytes())
        (theirs / f"{name}.json").write_bytes(case.plain.with_name("plain.json").read_bytes())
        for file in case.image.iterdir():
            (images / name / file.name).write_bytes(file.read_bytes())
    for more in ([], ["--images", images]):
        scores = run_json("evaluate", ours, theirs, *more)["cases"]
        assert {name: [row["dice"] for row in rows] for name, rows in scores.items()} == {"p1": [1, 1], "p2": [1, 1]}
    nested = tmp_path / "nested"
    for name in ("p1", "p2"):
        (nested / name / "deep").mkdir(parents=True)
        (nested / name / "deep" / "x.dcm").write_bytes(case.seg.read_bytes())
    scores = run_json("evaluate", nested, theirs)["cases"]
    assert all(row["dice"] == 1 for rows in scores.values() for row in rows)
    (nested / "p1" / "y.dcm").write_bytes(case.binary.read_bytes())
    result = run("evaluate", nested, theirs)
    assert result.exit_code == 3 and "holds 2 segmentations" in result.output


def test_codes_bring_segments_together(run_json: Callable[..., Any], tmp_path: Path, case: Case) -> None:
    translated = (replace(LABELS[0], name="Leber", value=3), replace(LABELS[1], name="linke Niere", value=2))
    voxels = np.where(case.truth.voxels == 1, 3, np.where(case.truth.voxels == 5, 2, 0)).astype(np.uint8)
    write_segmentation(Segmentation(voxels, case.grid, translated), tmp_path / "german.seg.nrrd")
    answer = run_json("evaluate", tmp_path / "german.seg.nrrd", case.seg)
    assert [row["dice"] for row in answer["cases"]["german"]] == [1, 1]
    assert any("by their codes" in note for note in answer["notes"])


def test_another_patient_is_refused(run: Callable[..., Result], tmp_path: Path, case: Case) -> None:
    elsewhere = {"FrameOfReferenceUID": "1.2.9", "SeriesInstanceUID": "1.2.8"}
    other = save_source(tmp_path / "other", case.grid, **elsewhere)
    result = run("evaluate", case.seg, case.plain, "--images", other)
    assert result.exit_code == 3 and "another frame of reference" in result.output.replace("\n", " ")


def test_a_report_is_no_segmentation(run: Callable[..., Result], shared_data: Path, case: Case) -> None:
    report = shared_data / "dicom_objects" / "sr-example" / "sr.dcm"
    result = run("evaluate", report, case.plain)
    assert result.exit_code == 3 and "'seg.dcm' beside it" in result.output.replace("\n", " ")


def test_the_image_of_one_case_may_lie_deeper_in_its_folder(
    run: Callable[..., Result], run_json: Callable[..., Any], tmp_path: Path, case: Case
) -> None:
    study = tmp_path / "study"
    shutil.copytree(case.image, study / "T1")
    scores = run_json("evaluate", case.structures, case.seg, "--images", study)
    assert [row["dice"] for row in scores["cases"]["structures"]] == [1, 1]
    shutil.copytree(case.image, study / "T2")
    for path in (study / "T2").iterdir():
        data = dcmread(path)
        data.SeriesInstanceUID, data.SOPInstanceUID = "1.2.8", f"{data.SOPInstanceUID}.1"
        data.save_as(path)
    result = run("evaluate", case.structures, case.seg, "--images", study)
    assert result.exit_code == 3 and "series" in result.output
