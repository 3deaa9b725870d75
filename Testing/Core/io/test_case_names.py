"""What a case is called, and which of two files is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io.case_names import IMAGE_ENDINGS, are_channels, case_name, cases_by_name, is_image_file


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("1.3.6.1.4.1.1000.nii.gz", "1.3.6.1.4.1.1000"),
        ("1.3.6.1.4.1.1000", "1.3.6.1.4.1.1000"),
        ("1.3.6.1.4.1.1000.dcm", "1.3.6.1.4.1.1000"),
        ("rec02.x1909.NII.GZ", "rec02.x1909"),
        ("liver.seg.nrrd", "liver"),
        ("liver.seg.v2.nrrd", "liver.seg.v2"),
        ("a.gz", "a.gz"),
        (".nii", ".nii"),
        ("photo.1.JPEG", "photo.1"),
        ("Mu\u0308ller.nii", "M\u00fcller"),
    ],
)
def test_the_name_of_a_case(file: str, name: str) -> None:
    assert case_name(Path("somewhere.else") / file) == name


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="/\\\0:", exclude_categories=("Cc", "Cs")), min_size=1),
    st.sampled_from(IMAGE_ENDINGS),
)
def test_an_ending_is_taken_off_once_and_nothing_else(name: str, ending: str) -> None:
    name = "x" + name + "x"
    assert case_name(name + ending) == case_name(name + "-")[:-1]
    assert case_name(name + ending + ending).lower().endswith(ending)


@pytest.mark.parametrize(
    ("names", "channels", "are"),
    [
        ("a_0000 a_0001 b_0000 b_0001", 2, True),
        ("a_0000 b_0000", 1, True),
        ("a_0000 a_0001 b_0000 b_0001", 1, True),
        ("a_0000", 1, True),
        ("patient_0000 patient_0001 patient_0002", 1, False),
        ("patient_0007", 1, False),
        ("a_0000 b", 2, False),
        ("photograph_0012", 3, False),
        ("image_0001 image_0002 image_0003 image_0004", 3, False),
        ("", 1, False),
    ],
)
def test_numbers_of_channels_and_of_cases(names: str, channels: int, are: bool) -> None:
    assert are_channels(names.split(), channels) is are


def test_two_files_of_one_name_are_refused_by_their_names(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("p.1.nii.gz", "p.2.nii.gz", "p.1.seg.nrrd")]
    assert list(cases_by_name(files[:2])) == ["p.1", "p.2"]
    with pytest.raises(InputError, match=r"'p\.1\.nii\.gz' and 'p\.1\.seg\.nrrd' are two files of one case"):
        cases_by_name(files)


def test_what_lies_among_the_cases_and_is_none(tmp_path: Path) -> None:
    for name in ("a.nii", ".a.nii", "a.json", "README.md", "a.raw", "a.zraw", "a.mhd"):
        (tmp_path / name).touch()
    (tmp_path / "folder.nii").mkdir()
    assert sorted(p.name for p in tmp_path.iterdir() if is_image_file(p)) == ["a.mhd", "a.nii"]
