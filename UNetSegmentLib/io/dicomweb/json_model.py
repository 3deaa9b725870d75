"""Attributes in DICOM's JSON (PS3.18, annex F), as a server may send them: of another form than they should be, too."""

from __future__ import annotations

import re
from typing import Any

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_UID = 64


def is_uid(text: str) -> bool:
    """Whether a text may be a UID (PS3.5, 9.1), and so a part of an address or of a file name. Zeros in front, which
    the standard forbids, are met with."""
    return len(text) <= _LONGEST_UID and bool(_UID.fullmatch(text))


def values_in(item: Any, keyword: str) -> list[Any]:
    """The values of an attribute; none where it is missing or nothing of the kind."""
    from pydicom.datadict import tag_for_keyword

    element = item.get(f"{tag_for_keyword(keyword):08X}") if isinstance(item, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def text_in(item: Any, keyword: str) -> str:
    """The first value as text; empty where there is none."""
    values = values_in(item, keyword)
    return str(values[0]).strip() if values and isinstance(values[0], str | int | float) else ""


def number_in(item: Any, keyword: str) -> int:
    """The first value as a whole number; 0 where there is none."""
    text = text_in(item, keyword)
    return int(text) if text.isdecimal() and len(text) < 10 else 0
