"""JSON objects of foreign files, read with errors that name the file and the field."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ModelError
from ...text import shown as shown_text
from .. import typed_json
from ..json_text import parse_json
from .archive import SourceFiles, read_bytes, shown

_MAX_JSON_BYTES = 32 * 1024**2
_CURE = "Use the file as the training program wrote it, or get the model again from its source."


class Fields:
    """One JSON object.

    Args:
        data: the object.
        where: the file and the path in it, for messages.
    """

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        self.data = data
        self.where = where

    def __contains__(self, key: str) -> bool:
        return self.data.get(key) is not None

    def get(self, key: str, default: Any = None) -> Any:
        """The raw value; ``default`` where it is absent or null."""
        return self.data[key] if key in self else default

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._kind(key, default, (str,), "text"))

    def flag(self, key: str, default: bool | None = None) -> bool:
        return bool(self._kind(key, default, (bool,), "true or false"))

    def number(self, key: str, default: float | None = None) -> float:
        return self._finite(key, self._kind(key, default, (int, float), "a number"))

    def whole(self, key: str, default: int | None = None) -> int:
        value = self._kind(key, default, (int,), "a whole number")
        return int(self._finite(key, value))

    def numbers(self, key: str, count: int | None = None) -> tuple[float, ...]:
        values = self.sequence(key, count)
        return tuple(self._finite(key, value) for value in values)

    def wholes(self, key: str, count: int | None = None) -> tuple[int, ...]:
        """Whole numbers, which may be written as ``3.0``."""
        values = self.numbers(key, count)
        if any(value != int(value) for value in values):
            raise self.wrong(key, "whole numbers")
        return tuple(int(value) for value in values)

    def sequence(self, key: str, count: int | None = None) -> Sequence[Any]:
        value = self._kind(key, None, (list, tuple), "a list")
        if count is not None and len(value) != count:
            raise self.wrong(key, f"a list of {count} entries")
        return list(value)

    def object(self, key: str) -> Fields:
        value = self._kind(key, None, (dict,), "an object")
        return Fields(value, f"{self.where}: {key}")

    def wrong(self, key: str, expected: str) -> ModelError:
        """The error for a field that is not what it must be."""
        found = typed_json.in_words(self.data.get(key))
        return ModelError(
            f"In {shown_text(self.where)}, '{shown_text(key, 80)}' is {found}; expected is {expected}.", _CURE
        )

    def _kind(self, key: str, default: Any, kinds: tuple[type, ...], words: str) -> Any:
        if key not in self:
            if default is None:
                raise ModelError(f"In {self.where}, the entry '{key}' is missing ({words}).", _CURE)
            return default
        value = self.data[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.wrong(key, words)
        return value

    def _finite(self, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.wrong(key, "numbers")
        return value


def read_json(files: SourceFiles, name: str) -> Fields:
    """The object in a JSON file.

    Raises:
        ModelError: the file is missing, far too large, not JSON, or no object.
    """
    try:
        data = parse_json(read_bytes(files, name, _MAX_JSON_BYTES))
    except ValueError as error:
        raise ModelError(f"{shown(files, name)} is not readable JSON: {error}.", _CURE) from None
    if not isinstance(data, dict):
        raise ModelError(f"{shown(files, name)} holds no JSON object.", _CURE)
    return Fields(data, name.rpartition("/")[2])
