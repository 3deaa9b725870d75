"""Colours and standard terms for labels that come with a name only."""

from __future__ import annotations

import itertools

import pytest

from UNetSegmentLib.models.importing.colours import colour
from UNetSegmentLib.models.importing.terminology import terminology


def test_colours_are_told_apart() -> None:
    colours = [colour(n) for n in range(200)]
    assert len(set(colours)) == 200
    for first, second in itertools.pairwise(colours):
        assert sum(abs(a - b) for a, b in zip(first, second, strict=True)) >= 60


@pytest.mark.parametrize(
    ("name", "code", "modifier"),
    [
        ("liver", "10200004", None),
        ("kidney_left", "64033007", "7771000"),
        ("Right Kidney", "64033007", "24028007"),
        ("rib_right_12", "43993008", "24028007"),
        ("vertebrae_T4", "73071006", None),
        ("heart_atrium_left", "82471001", None),
        ("lung_upper_lobe_left", "45653009", "7771000"),
        ("leftKidney", "64033007", "7771000"),
        ("urinary_bladder", "89837001", None),
        ("gizmo", "85756007", None),
        ("left", "85756007", None),
        ("liver and spleen", "85756007", None),
    ],
)
def test_anatomy(name: str, code: str, modifier: str | None) -> None:
    """Codes of SNOMED CT, as in DICOM's own tables (PS3.16)."""
    found = terminology(name)
    assert found.type.code == code
    assert (found.type_modifier.code if found.type_modifier else None) == modifier


def test_disease_in_an_organ() -> None:
    found = terminology("kidney_cyst_left")
    assert (found.category.code, found.type.meaning) == ("49755003", "Cyst")
    assert found.region
    assert found.region.meaning == "Kidney"
    assert found.region_modifier
    assert found.region_modifier.meaning == "Left"
    assert terminology("unheard-of tumor").type.meaning == "Tissue"
