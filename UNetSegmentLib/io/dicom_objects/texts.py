"""Texts of strangers as DICOM's short texts, and the character set that holds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...labels import Label
from ...text import shown

LONGEST = 64
"""Characters that DICOM's short texts (LO) hold (PS3.5, 6.2)."""

_UNICODE = "ISO_IR 192"


def short_text(text: str, longest: int = LONGEST) -> str:
    """A text in one line without what DICOM's short texts cannot hold: control characters, and the backslash, which
    separates values; cut where it is too long."""
    return shown(text, None).replace("\\", "/")[:longest].strip()


def mend_character_set(data: Any) -> None:
    """Makes a header's character set one that there is: none in place of an empty one, Unicode of an unknown one."""
    from pydicom.charset import python_encoding

    if "SpecificCharacterSet" not in data:
        return
    stated = data.SpecificCharacterSet
    if not stated:
        del data.SpecificCharacterSet
    elif not all(name in python_encoding for name in ([stated] if isinstance(stated, str) else stated)):
        data.decode()
        data.SpecificCharacterSet = _UNICODE


def set_character_set(made: Any, first: Any, texts: Iterable[str]) -> None:
    """Gives an object about a series that series' character set, or Unicode where it does not hold our texts.

    Args:
        made: the object (pydicom); all its texts are decoded.
        first: header of a file of the series.
        texts: that the object has beside those of the series.
    """
    stated = first.get("SpecificCharacterSet") or None
    wanted = stated if all(text.isascii() for text in texts) else _UNICODE
    if wanted:
        made.SpecificCharacterSet = wanted
    elif "SpecificCharacterSet" in made:
        del made.SpecificCharacterSet


def meanings_of(label: Label) -> list[str]:
    """What the codes of a label say."""
    meaning = label.terminology
    if meaning is None:
        return []
    terms = (meaning.category, meaning.type, meaning.type_modifier, meaning.region, meaning.region_modifier)
    return [term.meaning for term in terms if term is not None]
