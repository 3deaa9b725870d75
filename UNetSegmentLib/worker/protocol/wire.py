"""Frozen dataclasses to JSON and back, checked against their type annotations.

Understands what messages are made of: str, int, float, bool, ``X | None``, tuples (fixed and open), ``dict[str, X]``,
``Any``, and dataclasses of these. Unknown keys are ignored, missing ones take the field's default.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
import types
import typing
from typing import Any, TypeVar

import numpy as np

from ...errors import UNetSegmentError
from ..errors import ProtocolError

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """``value`` as plain dicts, lists and scalars.

    Raises:
        ProtocolError: something that JSON cannot carry (an array, a NaN, an arbitrary object).
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            raise ProtocolError(f"A message cannot carry the number {value}.")
        return float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_json(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        if _plain(value):
            return list(value)
        return [to_json(entry) for entry in value]
    raise ProtocolError(f"A message cannot carry a {type(value).__name__}.")


def from_json(kind: type[T], value: Any, where: str = "message") -> T:
    """``value`` (parsed JSON) as an instance of the dataclass ``kind``.

    Raises:
        ProtocolError: a missing key or a value of the wrong type, named by its path.
    """
    result: T = _convert(kind, value, where)
    return result


def _convert(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _dataclass(typing.cast(type, kind), value, where)
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional(kind, value, where)
    if origin is tuple:
        return _tuple(typing.get_args(kind), value, where)
    if origin is dict:
        _require(isinstance(value, dict), where, "an object", value)
        entry_kind = typing.get_args(kind)[1]
        return {key: _convert(entry_kind, entry, f"{where}.{key}") for key, entry in value.items()}
    return _scalar(kind, value, where)


def _dataclass(kind: type, value: Any, where: str) -> Any:
    _require(isinstance(value, dict), where, "an object", value)
    arguments = {}
    for name, (annotation, required) in _fields(kind).items():
        if name in value:
            arguments[name] = _convert(annotation, value[name], f"{where}.{name}")
        elif required:
            raise ProtocolError(f"'{where}' lacks '{name}'.")
    try:
        return kind(**arguments)
    except UNetSegmentError as error:
        raise ProtocolError(f"'{where}' is not usable: {error.cause}", error.cure, error.detail) from error


@functools.cache
def _fields(kind: type) -> dict[str, tuple[Any, bool]]:
    """Name -> (annotation, required) of a dataclass's fields."""
    hints = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return {
        field.name: (hints[field.name], field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(kind)
        if field.init
    }


def _optional(kind: Any, value: Any, where: str) -> Any:
    options = [option for option in typing.get_args(kind) if option is not type(None)]
    if value is None and len(options) < len(typing.get_args(kind)):
        return None
    return _convert(options[0], value, where)


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    _require(isinstance(value, list), where, "a list", value)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    _require(len(value) == len(kinds), where, f"a list of {len(kinds)}", value)
    if _plain(value) and all(kind is float for kind in kinds):
        return tuple(value)
    return tuple(_convert(k, v, f"{where}[{n}]") for n, (k, v) in enumerate(zip(kinds, value, strict=True)))


def _plain(values: list[Any] | tuple[Any, ...]) -> bool:
    """Whether all are finite floats: then there is nothing to convert. Strokes have many thousands of them."""
    return all(type(value) is float for value in values) and all(map(math.isfinite, values))


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        _require(abs(value) <= sys.float_info.max, where, "a number of double precision", value)
        return float(value)
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if kind is float:
        fits = fits and math.isfinite(value)
    _require(fits, where, kind.__name__, value)
    return value


def _require(condition: bool, where: str, expected: str, value: Any) -> None:
    if not condition:
        raise ProtocolError(f"'{where[:200]}' should be {expected}, not {repr(value)[:80]}.")
