"""What a label value means: name, colour, and the standard terms behind it."""

from __future__ import annotations

from dataclasses import dataclass

GENERAL_ANATOMY_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"


@dataclass(frozen=True)
class CodedTerm:
    """One entry of a coding scheme, e.g. ``CodedTerm("SCT", "10200004", "Liver")``."""

    scheme: str
    code: str
    meaning: str


@dataclass(frozen=True)
class Terminology:
    """The standard (DICOM) meaning of a segment: category, type and optional modifier and region terms."""

    category: CodedTerm
    type: CodedTerm
    type_modifier: CodedTerm | None = None
    region: CodedTerm | None = None
    region_modifier: CodedTerm | None = None
    context: str = GENERAL_ANATOMY_CONTEXT
    region_context: str = "Anatomic codes - DICOM master list"

    def slicer_entry(self) -> str:
        """The text that Slicer stores in a segment's ``TerminologyEntry`` tag (and ``.seg.nrrd`` headers)."""
        terms = (self.category, self.type, self.type_modifier)
        regions = (self.region, self.region_modifier)
        return "~".join([self.context, *map(_triplet, terms), self.region_context, *map(_triplet, regions)])

    @classmethod
    def from_slicer_entry(cls, text: str) -> Terminology | None:
        """Reads :meth:`slicer_entry`'s form; None when the text is not of that form or names no category and type."""
        parts = text.split("~")
        if len(parts) != 7:
            return None
        category, kind = _term(parts[1]), _term(parts[2])
        if category is None or kind is None:
            return None
        return cls(category, kind, _term(parts[3]), _term(parts[5]), _term(parts[6]), parts[0], parts[4])


@dataclass(frozen=True)
class Label:
    """One structure of a segmentation.

    Args:
        value: its number in the label map, 1 or more (0 is background).
        name: what people read.
        color: red, green, blue, 0 to 255.
        terminology: its standard meaning, where there is one.
    """

    value: int
    name: str
    color: tuple[int, int, int] = (128, 174, 128)
    terminology: Terminology | None = None


def _triplet(term: CodedTerm | None) -> str:
    return f"{term.scheme}^{term.code}^{term.meaning}" if term else "^^"


def _term(text: str) -> CodedTerm | None:
    parts = text.split("^")
    return CodedTerm(*parts) if len(parts) == 3 and all(parts) else None
