"""Segments that have one code are one, whatever they are called."""

from __future__ import annotations

import numpy as np
import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io.segment_codes import code_key, matched, names_by_code
from UNetSegmentLib.io.segment_names import match_names
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.volume import Segmentation

ORGAN = CodedTerm("SCT", "123037004", "Anatomical Structure")
LEFT, RIGHT = CodedTerm("SCT", "7771000", "Left"), CodedTerm("SCT", "24028007", "Right")


def label(value: int, name: str, code: str = "", side: CodedTerm | None = None, scheme: str = "SCT") -> Label:
    meaning = Terminology(ORGAN, CodedTerm(scheme, code, name), side) if code else None
    return Label(value, name, terminology=meaning)


LIVER, KIDNEY = "10200004", "64033007"


def test_a_code_goes_before_the_name() -> None:
    files = {"a": [label(1, "liver", LIVER), label(2, "spleen")], "b": [label(7, "Leber", LIVER), label(3, "Spleen")]}
    found = match_names(files)
    assert [one.name for one in found.labels] == ["liver", "spleen"]
    assert any("by their codes: 'Leber' = 'liver'" in note for note in found.notes)
    voxels = np.array([[[0, 7, 3]]], np.uint8)
    grid = Geometry((3, 1, 1), (1, 1, 1), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert found.apply(Segmentation(voxels, grid, tuple(files["b"])), "b").voxels.tolist() == [[[0, 1, 2]]]


def test_the_old_snomed_is_the_new_one() -> None:
    assert code_key(label(1, "x", "T-62000", scheme="SRT")) == code_key(label(1, "y", LIVER))


def test_sides_are_different_things() -> None:
    ours = [label(1, "a", KIDNEY, LEFT), label(2, "b", KIDNEY, RIGHT)]
    theirs = [label(5, "c", KIDNEY, RIGHT), label(6, "d", KIDNEY, LEFT)]
    assert matched(ours, theirs) == {1: 6, 2: 5}


def test_codes_that_several_share_tell_nothing() -> None:
    tissue = Terminology(CodedTerm("SCT", "85756007", "Tissue"), CodedTerm("SCT", "85756007", "Tissue"))
    general = [Label(n, name, terminology=tissue) for n, name in ((1, "a"), (2, "b"))]
    assert code_key(general[0]) is None
    ribs = {"x": [label(1, "rib 1", "113197003"), label(2, "rib 2", "113197003")], "y": [label(1, "rib", "113197003")]}
    assert names_by_code(ribs) == {}
    assert matched(ribs["x"], ribs["y"]) == {}


def test_a_code_never_makes_two_segments_of_a_file_one() -> None:
    files = {"a": [label(1, "liver", LIVER)], "b": [label(1, "Leber", LIVER), label(2, "liver", "4711")]}
    found = match_names(files)
    assert {one.name for one in found.labels} == {"liver", "Leber"} and not found.codes


def test_names_decide_where_one_side_has_no_codes() -> None:
    assert matched([label(1, "Liver", LIVER), label(2, "spleen")], [label(9, "liver"), label(8, "SPLEEN")]) == {
        1: 9,
        2: 8,
    }


def test_structures_that_a_data_set_does_not_name_are_left_out_of_dicom_alone() -> None:
    files = {"rt": [label(1, "BODY"), label(2, "Liver")], "plain": []}
    found = match_names(files, {4: "liver"}, loose=["rt"])
    assert [(one.value, one.name) for one in found.labels] == [(4, "liver")]
    assert found.left_out == {"body"} and any("'BODY'" in note for note in found.notes)
    assert found.wanted(files["rt"]) == ("Liver",)
    twice = {"rt": [label(1, "ring"), label(2, "ring"), label(3, "Liver")]}  # of no interest, so no matter
    assert match_names(twice, {4: "liver"}, loose=["rt"]).wanted(twice["rt"]) == ("Liver",)
    with pytest.raises(InputError, match="two segments of one name"):
        match_names(twice)
    with pytest.raises(InputError, match=r"has no segment that dataset\.json names"):
        match_names({"rt": [label(1, "BODY")]}, {4: "liver"}, loose=["rt"])
    with pytest.raises(InputError, match="BODY"):
        match_names({"x": files["rt"]}, {1: "liver"})
