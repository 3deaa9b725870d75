"""Standard terms for labels that have a name only."""

from __future__ import annotations

from ...labels import CodedTerm, Terminology

_TISSUE = Terminology(
    CodedTerm("SCT", "85756007", "Tissue"),
    CodedTerm("SCT", "85756007", "Tissue"),
)


def terminology(name: str) -> Terminology:
    """The standard meaning of a structure; the generic "Tissue" for a name that is not in the table."""
    return _TISSUE
