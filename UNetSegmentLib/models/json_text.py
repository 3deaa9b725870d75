"""JSON and the plain values of YAML as they come from strangers: read with an end to depth, numbers and odd texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

MAX_NESTING = 64
MAX_VALUES = 2_000_000
# Whole numbers beyond 64 bits are in no honest file, and torch and numpy cannot hold them.
_LARGEST = 2**63 - 1


def parse_json(
    text: str | bytes,
    constant: Callable[[str], Any] | None = None,
    pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """The values of a JSON text.

    Args:
        text: in UTF-8, 16 or 32 where bytes.
        constant, pairs: as ``parse_constant`` and ``object_pairs_hook`` of :func:`json.loads`.

    Raises:
        ValueError: not JSON, or what :func:`check_values` refuses; the message says what in a few words.
    """
    try:
        data = json.loads(text, parse_constant=constant, object_pairs_hook=pairs)
    except RecursionError:
        raise ValueError("it is nested without end") from None
    check_values(data)
    return data


def check_values(data: Any, most: int = MAX_VALUES) -> None:
    """Refuses plain values that no honest file holds.

    Raises:
        ValueError: nested deeper than ``MAX_NESTING``, more than ``most`` values, a whole number of more than 64 bits,
            or a text with half of a surrogate pair, which cannot be written anywhere.
    """
    todo: list[tuple[Any, int]] = [(data, 0)]
    count = 0
    while todo:
        value, depth = todo.pop()
        count += 1
        if count > most:
            raise ValueError(f"it has more than {most} values")
        if depth > MAX_NESTING:
            raise ValueError(f"it is nested more than {MAX_NESTING} levels deep")
        if isinstance(value, str):
            check_text(value)
        elif isinstance(value, int) and abs(value) > _LARGEST:
            raise ValueError("it has a number of more than 64 bits")
        elif isinstance(value, dict):
            todo += [(item, depth + 1) for item in (*value.keys(), *value.values())]
        elif isinstance(value, list):
            todo += [(item, depth + 1) for item in value]


def check_text(text: str) -> None:
    """Refuses half of a surrogate pair.

    Raises:
        ValueError: there is one.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"a text has half of a character (\\u{ord(text[error.start]):04x})") from None
