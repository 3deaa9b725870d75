"""Who drew a segment stays what the file states, from one format to another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, save_source
from pydicom import Dataset, dcmread

from UNetSegmentLib.cli.segmenting.authors import authors_for
from UNetSegmentLib.io import write_segmentation
from UNetSegmentLib.io.dicom_objects import Author, source_of, write_seg
from UNetSegmentLib.io.seg_nrrd import Algorithm
from UNetSegmentLib.io.segment_names import read_algorithms

pytest.importorskip("highdicom")

MODEL, CORRECTED, HAND = (
    Algorithm("levels 1.0"),
    Algorithm("levels 1.0 + 1 prompt", "SEMIAUTOMATIC"),
    Algorithm("", "MANUAL"),
)
FIRST, SECOND = (label.value for label in LABELS[:2])


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return save_source(tmp_path / "ct", grid_of(ORIENTATIONS["axial"]))


def drawn(path: Path, first: Algorithm, second: Algorithm) -> Path:
    found = labels_on(grid_of(ORIENTATIONS["axial"]))
    write_segmentation(found, path, algorithms={FIRST: first, SECOND: second})
    return path


def stated(path: Path) -> dict[str, tuple[str, str]]:
    names = {label.name: label.value for label in LABELS}
    described: list[Dataset] = list(dcmread(path).SegmentSequence)
    return {
        names[one.SegmentLabel]: (one.SegmentAlgorithmType, one.get("SegmentAlgorithmName", ""))
        for one in described
        if one.SegmentLabel in names
    }


def test_what_drew_each_segment_goes_into_a_seg_and_back(
    run_json: Callable[..., Any], series: Path, tmp_path: Path
) -> None:
    source = drawn(tmp_path / "a.seg.nrrd", CORRECTED, MODEL)
    run_json("convert", source, tmp_path / "b.dcm", "--image", series, "--report", tmp_path / "sr.dcm")
    assert stated(tmp_path / "b.dcm") == {
        FIRST: ("SEMIAUTOMATIC", "levels 1.0 + 1 prompt"),
        SECOND: ("AUTOMATIC", "levels 1.0"),
    }
    assert b"levels 1.0 + 1 prompt" in (tmp_path / "sr.dcm").read_bytes()
    run_json("convert", tmp_path / "b.dcm", tmp_path / "c.seg.nrrd")
    assert read_algorithms(tmp_path / "c.seg.nrrd") == {FIRST: CORRECTED, SECOND: MODEL}


def test_what_was_drawn_by_hand_stays_so(run_json: Callable[..., Any], series: Path, tmp_path: Path) -> None:
    source = drawn(tmp_path / "a.seg.nrrd", HAND, Algorithm("SlicerEditor", "SEMIAUTOMATIC"))
    run_json("convert", source, tmp_path / "b.dcm", "--image", series)
    assert stated(tmp_path / "b.dcm") == {FIRST: ("MANUAL", ""), SECOND: ("SEMIAUTOMATIC", "SlicerEditor")}
    run_json("convert", tmp_path / "b.dcm", tmp_path / "c.seg.nrrd")
    back = read_algorithms(tmp_path / "c.seg.nrrd")
    assert back == {FIRST: HAND, SECOND: Algorithm("SlicerEditor", "SEMIAUTOMATIC")}


def test_a_models_version_and_weights_are_kept_from_seg_to_seg(
    run_json: Callable[..., Any], series: Path, tmp_path: Path
) -> None:
    author = Author("levels", "1.2", "ab" * 32)
    write_seg(labels_on(grid_of(ORIENTATIONS["axial"])), source_of(series), tmp_path / "a.dcm", author)
    run_json("convert", tmp_path / "a.dcm", tmp_path / "b.dcm", "--image", series)
    one = dcmread(tmp_path / "b.dcm").SegmentSequence[-1]
    identified = one.SegmentationAlgorithmIdentificationSequence[0]
    assert (identified.AlgorithmName, identified.AlgorithmVersion) == ("levels", "1.2")
    assert "ab" * 32 in identified.AlgorithmParameters


def test_the_command_may_say_otherwise(run_json: Callable[..., Any], series: Path, tmp_path: Path) -> None:
    source, target = drawn(tmp_path / "a.seg.nrrd", MODEL, HAND), tmp_path / "b.dcm"
    run_json("convert", source, target, "--image", series, "--name", "other 2")
    assert stated(target) == {FIRST: ("AUTOMATIC", "other 2"), SECOND: ("MANUAL", "")}
    run_json("convert", source, target, "--image", series, "--corrected", "--force")
    assert {kind for kind, _ in stated(target).values()} == {"SEMIAUTOMATIC"}


def test_an_object_says_who_drew_it_and_a_note_that_nobody_stated_it(
    run_json: Callable[..., Any], series: Path, tmp_path: Path
) -> None:
    write_segmentation(labels_on(grid_of(ORIENTATIONS["axial"])), tmp_path / "a.seg.nrrd")
    answer = run_json("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm", "--image", series)
    assert any("Nothing states who drew" in note and "AUTOMATIC" in note for note in answer["notes"])
    asked = ("--image", series, "--name", "levels 1.0", "--force")
    assert not run_json("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm", *asked)["notes"]


def test_structures_say_it_too(run_json: Callable[..., Any], series: Path, tmp_path: Path) -> None:
    source = drawn(tmp_path / "a.seg.nrrd", CORRECTED, HAND)
    run_json("convert", source, tmp_path / "b.dcm", "--image", series, "--dicom", "rtstruct")
    kinds = [roi.ROIGenerationAlgorithm for roi in dcmread(tmp_path / "b.dcm").StructureSetROISequence]
    assert sorted(kinds) == ["MANUAL", "SEMIAUTOMATIC"]


def test_a_page_names_all_of_them(tmp_path: Path) -> None:
    source = drawn(tmp_path / "a.seg.nrrd", CORRECTED, HAND)
    assert authors_for(source, LABELS, "", False).words() == "levels 1.0 + 1 prompt, by hand"
    plain = tmp_path / "p.seg.nrrd"
    write_segmentation(labels_on(grid_of(ORIENTATIONS["axial"])), plain)
    assert authors_for(plain, LABELS, "", False).words() == ""


def test_numbers_that_a_binary_seg_gives_are_said(run_json: Callable[..., Any], series: Path, tmp_path: Path) -> None:
    source = drawn(tmp_path / "a.seg.nrrd", MODEL, HAND)
    answer = run_json("convert", source, tmp_path / "b.dcm", "--image", series, "--dicom", "binary")
    assert any("'left kidney' (value 5) is 2." in note for note in answer["notes"])
    assert stated(tmp_path / "b.dcm")[SECOND] == ("MANUAL", "")
    assert run_json("convert", source, tmp_path / "c.dcm", "--image", series)["notes"] == []
