"""JSON that people write or strangers send: read strictly, and with a sentence where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from .plain_files import read_limited

_LARGEST = 1 << 25


def read_json(path: Path | str, limit: int = _LARGEST) -> Any:
    """What a JSON file says. A byte order mark (Windows' Notepad writes one) does not matter.

    Args:
        limit: bytes that such a file has at most.

    Raises:
        InputError: no ordinary file, too large, not UTF-8, or :func:`parse_json`'s reasons.
    """
    path = Path(path)
    return parse_json(read_limited(path, limit), path.name)


def parse_json(text: str, name: str) -> Any:
    """What a JSON text says.

    Raises:
        InputError: no JSON; a key that an object has twice (one of its values would be lost without a word); a number
            that JSON has not (NaN, Infinity), or one of thousands of digits; brackets within brackets without end.
    """
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=no_constant, object_pairs_hook=unique_keys)
    except RecursionError:
        raise _unreadable(name, "its brackets are nested too deeply") from None
    except ValueError as error:
        raise _unreadable(name, str(error)) from None


def _unreadable(name: str, why: str) -> InputError:
    return InputError(f"'{name}' is not readable JSON: {why.rstrip('.')}.", "Correct or replace the file.")


def no_constant(text: str) -> Any:
    """``parse_constant`` of :func:`json.loads`: refuses NaN and Infinity with a ValueError."""
    raise ValueError(f"{text} is no number of JSON")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """``object_pairs_hook`` of :func:`json.loads`: refuses a key that stands twice with a ValueError."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key '{key}' stands twice in one object")
        result[key] = value
    return result
