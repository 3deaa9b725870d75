"""Finding models by words, anatomy, modality and licence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from UNetSegmentLib.models.library import search
from UNetSegmentLib.models.library.entries import Entry


def names(*arguments: str, **filters: object) -> list[str]:
    return [entry.name for entry in search(*arguments, **filters)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("liver tumor", "totalsegmentator-liver-vessels"),
        ("hepatic lesions", "totalsegmentator-liver-lesions"),
        ("renal cyst", "totalsegmentator-kidney-cysts"),
        ("prostate zones", "monai-prostate-mri"),
        ("brain tumour", "monai-brats-mri"),
        ("pulmonary vessels", "totalsegmentator-lung-vessels"),
        ("haemorrhage", "totalsegmentator-cerebral-bleed"),
        ("teeth cone beam", "dentalsegmentator"),
        ("couinaud", "totalsegmentator-liver-segments"),
        ("skull stripping brain mri", ""),
        ("vertebrae_L3", "totalsegmentator-total"),
        ("nodul", "totalsegmentator-lung-nodules"),
    ],
)
def test_people_find_what_they_mean(text: str, expected: str) -> None:
    found = names(text)
    assert expected in found if expected else not found


def test_the_name_counts_more_than_the_text() -> None:
    assert names("liver vessels")[0] == "totalsegmentator-liver-vessels"
    assert names("spleen")[0] == "monai-spleen-ct"
    assert names("hd-bet")[0] == "hd-bet"


def test_filters() -> None:
    assert {"MR"} <= {m for e in search(modality="MRI") for m in e.modalities}
    assert all("CT" in entry.modalities for entry in search(modality="ct"))
    assert "mrsegmentator" in names(modality="CT") and "mrsegmentator" in names(modality="mr")
    assert all("NC" not in entry.licence for entry in search(commercial_only=True))
    assert names(licence="by-nc") and "totalsegmentator-brain-aneurysm" not in names(commercial_only=True)
    assert "totalsegmentator-liver-lesions-mr" in names(anatomy="liver", modality="MR")
    assert names(anatomy="abdomen liver tumour")[0].startswith("totalsegmentator-liver")
    assert not names(modality="PET") and not names("xyzzy")


def test_labels_that_only_help_the_network_are_not_found(make_entry: Callable[..., Entry]) -> None:
    entry = make_entry("https://x.org/a.zip", labels=((1, "cyst"), (2, "ureter")), hidden=("ureter",))
    assert search("cyst", entries=[entry]) == [entry] and not search("ureter", entries=[entry])


def test_everything_is_listed_by_name() -> None:
    assert names() == sorted(names()) and len(names()) == 66


def test_other_entries_than_the_catalogues(make_entry: Callable[..., Entry]) -> None:
    one, two = make_entry("https://x.org/a.zip"), make_entry("https://x.org/a.zip", name="b", anatomy="Heart")
    assert search("cardiac", entries=[one, two]) == [two]
