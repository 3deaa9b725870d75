"""Names of cases are each their own, whatever files are called."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from UNetSegmentLib.cohort.case import CohortCase, Source
from UNetSegmentLib.cohort.finding.names import renamed, with_own_names

_STEMS = st.sampled_from(["T1", "t1", "T1-2", "a-T1", "b", "Ä", "A\u0308", "straße", "STRASSE", "T1-2-2"])
_FOLDERS = st.sampled_from(["a", "b", "a/b", "b/a"])


def case_of(path: str, name: str = "") -> CohortCase:
    return CohortCase(name or Path(path).stem, (Source(Path(path)),))


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


@given(st.lists(st.tuples(_FOLDERS, _STEMS), max_size=12))
def test_no_two_share_a_name_and_whoever_is_alone_keeps_it(files: list[tuple[str, str]]) -> None:
    cases = [CohortCase(stem, (Source(Path("/in", folder, f"{stem}.nrrd")),)) for folder, stem in files]
    named = with_own_names(cases)
    assert [case.images for case in named] == [case.images for case in cases]
    assert len({folded(case.name) for case in named}) == len(cases)
    stems = [folded(stem) for _, stem in files]
    if len(set(stems)) == len(stems):
        assert [folded(case.name) for case in named] == stems


@pytest.mark.parametrize("letter", ["a", "ж", "患", "𠀀"])
def test_no_name_is_longer_than_file_systems_take(letter: str) -> None:
    """They count bytes, and a Chinese character has three; '-kept-12' must fit behind it too."""
    folders = [f"/in/{letter * 55}/{letter * 50}{end}" for end in "12"]
    named = [case.name for case in with_own_names([case_of(f"{folder}/{letter * 40}.nrrd") for folder in folders])]
    assert all(len(f"{name}-kept-12".encode()) <= 255 for name in named)
    assert len(set(named)) == 2 and all(name.rstrip("-2").endswith(letter * 3) for name in named)


def test_a_name_with_its_folders_ends_with_the_images_own() -> None:
    deep = "/".join(["患者検査画像" * 12] * 3)
    named = [case.name for case in with_own_names([case_of(f"/in/{deep}/{end}/頭部.nrrd") for end in "甲乙"])]
    assert [name[-4:] for name in named] == ["甲-頭部", "乙-頭部"]


@pytest.mark.parametrize(
    "name", ["cases.csv", "Report.HTML", "audit.jsonl", "audit-1-of-12.jsonl", "cases.parquet", "images"]
)
def test_no_case_has_the_name_of_a_file_of_the_run(name: str) -> None:
    before = [case_of("/in/a.nrrd", name), case_of("/in/b.nrrd", "b"), case_of("/in/c.nrrd", f"{name}-2")]
    after = with_own_names(before)
    assert [case.name for case in after] == [f"{name}-2", "b", f"{name}-2-2"]
    assert (
        f"1 case has the name of a file of the run, and is called otherwise: '{name}' is here '{name}-2'."
        in renamed(before, after)
    )
