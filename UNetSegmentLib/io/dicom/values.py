"""Numbers and texts out of a header, whatever a stranger wrote into it: a value that makes no sense is absent."""

from __future__ import annotations

import math
from typing import Any

# pydicom's Dataset; the library loads late, so that nobody waits for it who reads no DICOM.
Dataset = Any

_DELIMITERS = {9, 10, 12, 13}
# Plain ASCII: what goes beyond it was written by somebody who forgot to say in which set.
_NONE_STATED = {"", "ISO_IR 6", "ISO 2022 IR 6"}


def numbers(data: Dataset | None, name: str, count: int) -> tuple[float, ...] | None:
    """``count`` finite numbers of an element; None where it is absent, empty, of another length or no numbers."""
    value = element(data, name)
    if value is None or isinstance(value, str | bytes):
        return None
    try:
        values = tuple(float(v) for v in value) if hasattr(value, "__len__") else (float(value),)
    except (TypeError, ValueError, OverflowError):
        return None
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def number(data: Dataset | None, name: str) -> float | None:
    """One finite number, or None."""
    values = numbers(data, name, 1)
    return None if values is None else values[0]


def count(data: Dataset | None, name: str, default: int = 0) -> int:
    """A number of things, at least 0."""
    value = number(data, name)
    return default if value is None else max(int(value), 0)


def item(data: Dataset | None, name: str) -> Dataset | None:
    """The first item of a sequence, or None."""
    value = element(data, name)
    try:
        return value[0] if value else None
    except (TypeError, IndexError, KeyError):
        return None


def items(data: Dataset | None, name: str) -> list[Dataset]:
    """All items of a sequence."""
    value = element(data, name)
    return list(value) if value is not None and not isinstance(value, str | bytes) and hasattr(value, "__len__") else []


def element(data: Dataset | None, name: str) -> Any:
    """An element's value; None where it is absent or cannot be made sense of."""
    if data is None:
        return None
    try:
        return data.get(name)
    # pydicom decodes late, so that any value may fail here, in as many ways as there are types.
    except Exception:
        return None


def texts(data: Dataset | None, name: str) -> tuple[str, ...]:
    """The parts of an element of plain ASCII with several values (image type), in capitals."""
    value = element(data, name)
    if value is None:
        return ()
    parts = [value] if isinstance(value, str) else value if hasattr(value, "__len__") else [value]
    return tuple(str(part).strip(" \0").upper() for part in parts)


def text(data: Dataset, tag: int) -> str:
    """A text in the file's own character set (several, and those switched within a text, included).

    Where no set is stated, or the text is not in the one that is: UTF-8 where it is that, else Latin-1, which most
    writers mean.
    """
    from pydicom.charset import convert_encodings, decode_bytes

    try:
        raw = data.get_item(tag).value if tag in data else None
        if not isinstance(raw, bytes):
            return "" if raw is None else _clean(str(raw))
        stated = data.get("SpecificCharacterSet") or ""
        listed = [stated] if isinstance(stated, str) else [str(part) for part in stated]
        if not set(listed) <= _NONE_STATED:
            decoded = decode_bytes(raw, convert_encodings(listed), set(_DELIMITERS))
            if "\ufffd" not in decoded:
                return _clean(decoded)
    # An unknown or misspelt character set must not lose the series.
    except Exception:
        raw = raw if isinstance(raw, bytes) else b""
    return _clean(_guess(raw))


def _guess(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _clean(decoded: str) -> str:
    return decoded.strip(" \0\t\r\n")
