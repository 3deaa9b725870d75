"""Labels as the segments of a SEG: codes, colours, who made them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ....labels import CodedTerm, Label, Terminology
from ..author import MANUFACTURER, Author
from ..needed import highdicom
from ..texts import LONGEST, short_text

_TISSUE = CodedTerm("SCT", "85756007", "Tissue")
UNKNOWN = Terminology(_TISSUE, _TISSUE)
"""Of a label without codes."""

_FAMILY = CodedTerm("DCM", "123109", "Artificial Intelligence")


def segment_descriptions(
    labels: Sequence[Label],
    author: Author,
    numbers: Sequence[int],
    about: str,
    others: Mapping[int, Author] | None = None,
) -> list[Any]:
    """One description for each label (highdicom's).

    Args:
        author: of every segment that ``others`` (by label value) does not name.
        numbers: of the segments, in the order of ``labels``.
        about: UID of what was segmented; with the label's value it makes the tracking identifier, so that the same
            segment of the same series has the same one in SEG and report.
    """
    hd = highdicom()
    found = []
    for number, label in zip(numbers, labels, strict=True):
        meaning = label.terminology or UNKNOWN
        by = (others or {}).get(label.value, author)
        description = hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=short_text(label.name) or f"Label {label.value}",
            segmented_property_category=code_of(meaning.category),
            segmented_property_type=code_of(meaning.type),
            algorithm_type=by.kind,
            algorithm_identification=_algorithm(by),
            tracking_uid=tracking_uid(about, label.value),
            tracking_id=tracking_id(label),
            anatomic_regions=[code_of(meaning.region)] if meaning.region else None,
            display_color=hd.color.CIELabColor.from_rgb(*label.color),
        )
        _add_modifiers(description, meaning)
        found.append(description)
    return found


def _algorithm(author: Author) -> Any:
    """None for what was drawn by hand."""
    if author.by_hand:
        return None
    return highdicom().AlgorithmIdentificationSequence(
        name=short_text(author.name) or MANUFACTURER,
        family=code_of(_FAMILY),
        version=short_text(author.version) or "unknown",
        source=MANUFACTURER,
        parameters={"weights": author.digest} if author.digest else None,
    )


def tracking_uid(about: str, value: int) -> str:
    """A UID made of a UID and a label value, the same every time (DICOM PS3.5, B.2: a UUID below 2.25)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{about}/{value}').int}"


def tracking_id(label: Label) -> str:
    """What the segment of a label is called in SEG and report."""
    return f"{short_text(label.name, LONGEST - 6)} {label.value}".strip()


def _add_modifiers(description: Any, meaning: Terminology) -> None:
    """Left and right, which stand below the type and the region."""
    places = (
        ("SegmentedPropertyTypeCodeSequence", "SegmentedPropertyTypeModifierCodeSequence", meaning.type_modifier),
        ("AnatomicRegionSequence", "AnatomicRegionModifierSequence", meaning.region_modifier),
    )
    for above, name, term in places:
        if term is None or above not in description:
            continue
        setattr(description[above][0], name, [code_of(term)])


def code_of(term: CodedTerm) -> Any:
    """A term as highdicom takes it."""
    return highdicom().sr.CodedConcept(
        term.code, short_text(term.scheme, 16), short_text(term.meaning) or short_text(term.code)
    )
