"""What the segments of a SEG are: numbers, names, colours, codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ....errors import InputError
from ....labels import CodedTerm, Label, Terminology
from ....text import shown
from ...dicom.values import Dataset, element, item, items, number, numbers
from ...label_names import find_label
from .cielab import rgb_of

_LARGEST = 0xFFFF
_BACKGROUND = ("DCM", "125040")
_LABELMAP = "LABELMAP"
ANATOMY = CodedTerm("SCT", "123037004", "Anatomical Structure")
"""The category of a type that came without one."""


@dataclass(frozen=True)
class Segments:
    """The segments of a SEG.

    Args:
        labels: what is not background, in the file's order.
        values: the label's value by the number in the file.
        background: the number that stands for background in the pixels of a label map.
    """

    labels: tuple[Label, ...]
    values: dict[int, int]
    background: int = 0


def segments_of(data: Dataset, kind: str, file: str) -> Segments:
    """The segments that a header names.

    In a label map one number is background: that of the Pixel Padding Value, or else 0 (PS3.3, C.8.20.2).

    Raises:
        InputError: none, or two of one number.
    """
    padding = number(data, "PixelPaddingValue") if kind == _LABELMAP else None
    background = 0 if padding is None else int(padding)
    labels: list[Label] = []
    values: dict[int, int] = {}
    taken = {int(number(description, "SegmentNumber") or 0) for description in items(data, "SegmentSequence")}
    for description in items(data, "SegmentSequence"):
        stored = number(description, "SegmentNumber")
        if stored is None or not 0 <= stored <= _LARGEST or int(stored) in values:
            raise InputError(f"The segments of '{file}' have no numbers that tell them apart.", "Export it again.")
        if kind == _LABELMAP and (int(stored) == background or _is_background(description)):
            continue
        # A segment 0 exists where another value is the background; in a label map of ours it cannot be 0.
        value = int(stored) or max(taken) + 1
        values[int(stored)] = value
        labels.append(Label(value, _name(description, value), _colour(description), _meaning(description)))
    if not labels:
        raise InputError(f"'{file}' holds no segment.", "Give another segmentation.")
    return Segments(tuple(labels), values, background)


def _is_background(description: Dataset) -> bool:
    code = code_in(description, "SegmentedPropertyTypeCodeSequence")
    if code is not None and (code.scheme, code.code) == _BACKGROUND:
        return True
    return number(description, "SegmentNumber") == 0 and _name(description, 0).strip().casefold() == "background"


def _name(description: Dataset, value: int) -> str:
    return shown(str(element(description, "SegmentLabel") or ""), 200) or f"Segment {value}"


def _colour(description: Dataset) -> tuple[int, int, int]:
    stored = numbers(description, "RecommendedDisplayCIELabValue", 3)
    try:
        return rgb_of(stored) if stored is not None else Label(1, "x").color
    except ValueError:
        return Label(1, "x").color


def _meaning(description: Dataset) -> Terminology | None:
    category = code_in(description, "SegmentedPropertyCategoryCodeSequence")
    kind = code_in(description, "SegmentedPropertyTypeCodeSequence")
    if category is None or kind is None:
        return None
    side = code_in(item(description, "SegmentedPropertyTypeCodeSequence"), "SegmentedPropertyTypeModifierCodeSequence")
    region = code_in(description, "AnatomicRegionSequence")
    region_side = code_in(item(description, "AnatomicRegionSequence"), "AnatomicRegionModifierSequence")
    return Terminology(category, kind, side, region, region_side)


def code_in(data: Dataset | None, name: str) -> CodedTerm | None:
    """The first code of a sequence; None where it is absent or incomplete."""
    found: Any = item(data, name)
    value = next((str(v) for n in ("CodeValue", "LongCodeValue", "URNCodeValue") if (v := element(found, n))), "")
    scheme, meaning = (str(element(found, n) or "") for n in ("CodingSchemeDesignator", "CodeMeaning"))
    return CodedTerm(scheme, value, shown(meaning, 200)) if value and scheme and meaning else None


def chosen(labels: Sequence[Label], wanted: Sequence[str], file: str) -> tuple[Label, ...]:
    """The labels that somebody names by their names or values, in the order of ``labels``; all where nobody does.

    Raises:
        InputError: there is none of a name.
    """
    if not wanted:
        return tuple(labels)
    found = {find_label(labels, text, file).value for text in wanted}
    return tuple(label for label in labels if label.value in found)
