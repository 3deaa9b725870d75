"""Checked numbers out of a bundle's arguments, turned to our order of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .refusal import refused


def number(value: Any, what: str) -> float:
    """A finite number. Raises ModelError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise refused(f"{what} is {_shown(value)}, where a number is expected")
    return float(value)


def whole(value: Any, what: str, least: int = 1) -> int:
    """A whole number (which may be written ``3.0``)."""
    result = number(value, what)
    if result != int(result) or result < least or result > 1_000_000:
        raise refused(f"{what} is {_shown(value)}, where a whole number from {least} is expected")
    return int(result)


def wholes(value: Any, what: str, least: int = 1) -> tuple[int, ...]:
    """A list of whole numbers."""
    if not isinstance(value, list | tuple):
        raise refused(f"{what} is {_shown(value)}, where a list of numbers is expected")
    return tuple(whole(item, what, least) for item in value)


def flag(value: Any, what: str) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    raise refused(f"{what} is {_shown(value)}, where true or false is expected")


def per_axis(value: Any, dimension: int, what: str, least: int = 1) -> tuple[int, ...]:
    """One whole number for every axis, or one for all, turned from x, y, z to z, y, x."""
    if isinstance(value, list | tuple):
        if len(value) != dimension:
            raise refused(f"{what} has {len(value)} entries for {dimension} axes")
        return tuple(reversed(wholes(value, what, least)))
    return (whole(value, what, least),) * dimension


def single(value: Any, what: str) -> Any:
    """The one value of a list that repeats it, or the value itself."""
    if not isinstance(value, list | tuple):
        return value
    if not value or any(item != value[0] for item in value):
        raise refused(f"{what} differs from axis to axis or key to key ({_shown(value)})")
    return value[0]


def for_key(value: Any, names: Sequence[str], wanted: str, what: str) -> Any:
    """The value for one of a transform's keys: a list may hold one for each."""
    if isinstance(value, list | tuple) and len(value) == len(names) > 1 and wanted in names:
        return value[names.index(wanted)]
    return single(value, what)


def keys(value: Any) -> tuple[str, ...]:
    """The ``keys`` of a dictionary transform."""
    items: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
    return tuple(str(item) for item in items)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
