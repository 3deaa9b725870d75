"""Frozen dataclasses to JSON and back, driven by their type hints alone.

Reading is strict: a missing, unknown or wrongly typed field is an error that names the field, what was found and what
is expected. Nothing is looked up by a name that stands in the file.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Collection
from functools import cache
from typing import Any, TypeVar

from ..errors import ModelError
from ..text import shown

T = TypeVar("T")

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_LINE = 110
# Not a number compares with nothing, so it is refused with what is too large.
_LARGEST = 1e300

LEFT_OUT_EMPTY = {"left out when empty": True}
"""Metadata of a dataclass's field: a file mentions it only where it holds something."""


def to_json(value: Any) -> Any:
    """Plain dicts, lists and scalars of a dataclass value.

    Fields that are None, and so by default, are left out; so are empty ones with the metadata ``LEFT_OUT_EMPTY``.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(f, getattr(value, f.name)) for f in dataclasses.fields(value)]
        return {f.name: to_json(item) for f, item in fields if not _left_out(f, item)}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    return value


def from_json(kind: type[T], value: Any, where: str = "") -> T:
    """The value of type ``kind`` that ``value`` (out of a JSON file) describes.

    Args:
        kind: a dataclass, or any type made of str, int, float, bool, None, ``X | None``, tuple, ``dict[str, X]``, and
            unions of dataclasses that their ``TAGS`` tell apart.
        value: what ``json.loads`` returned.
        where: path of the field, for messages.

    Raises:
        ModelError: a field is missing, unknown or of the wrong type.
    """
    return typing.cast(T, _read(kind, value, where))


def fail(where: str, found: Any, expected: str) -> ModelError:
    """The error for one bad field of a card."""
    return ModelError(
        f"The model card's field '{shown(where)}' is {in_words(found)}; expected is {expected}.",
        "Correct the field in model.json, or get the model again from its source.",
    )


def require(condition: Any, where: str, found: Any, expected: str) -> None:
    """Raises :func:`fail`'s error where ``condition`` does not hold."""
    if not condition:
        raise fail(where, found, expected)


def one_of(found: Any, where: str, allowed: Collection[Any]) -> None:
    """Raises :func:`fail`'s error where ``found`` is none of the ``allowed``."""
    require(found in allowed, where, found, "one of " + ", ".join(map(str, allowed)))


def in_words(found: Any) -> str:
    """A wrong value as messages show it: short, and harmless in a terminal."""
    if isinstance(found, str) and not found.isidentifier():
        return shown(found, 80)
    try:
        # Cut before it becomes text: a damaged file may hold a list of a million numbers.
        part = list(found)[:40] if isinstance(found, list | tuple) else found
        return shown(json.dumps(part, default=str), 80)
    except (ValueError, RecursionError):
        return f"a {type(found).__name__}"


def readable(value: Any, indent: int = 0) -> str:
    """JSON text for people: indented, with short lists and objects kept on one line."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    nested = isinstance(value, dict) and any(isinstance(v, dict | list) for v in value.values())
    if not isinstance(value, dict | list) or not value or (len(flat) + indent <= _LINE and not nested):
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        rows = [f"{pad}{json.dumps(key, ensure_ascii=False)}: {readable(v, indent + 2)}" for key, v in value.items()]
        left, right = "{", "}"
    else:
        rows = [pad + readable(item, indent + 2) for item in value]
        left, right = "[", "]"
    return left + "\n" + ",\n".join(rows) + "\n" + " " * indent + right


def _left_out(field: dataclasses.Field[Any], value: Any) -> bool:
    if value is None:
        return field.default is None
    return not value and any(key in field.metadata for key in LEFT_OUT_EMPTY)


def _read(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(typing.cast(type, kind), value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _read_optional(arguments, value, where)
    if origin is tuple:
        return _read_tuple(arguments, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise fail(where, value, "an object of name and value pairs")
        return {key: _read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    return _read_scalar(kind, value, where)


def _read_dataclass(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise fail(where or "(whole card)", value, "an object")
    hints, fields = _hints(kind), {f.name: f for f in dataclasses.fields(kind)}
    prefix = f"{where}." if where else ""
    for key in value:
        if key not in fields:
            near = difflib.get_close_matches(key[:80], fields, 1)
            hint = f"'{near[0]}' (did you mean that?)" if near else "one of " + ", ".join(fields)
            raise ModelError(
                f"The model card has an unknown field '{prefix}{shown(key, 80)}'; expected is {hint}.",
                "Correct or remove the field in model.json, or update UNetSegment if the model is newer than it.",
            )
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise ModelError(
                f"The model card lacks the field '{prefix}{name}'; expected is {_describe(hints[name])}.",
                "Add the field to model.json, or get the model again from its source.",
            )
    return kind(**{key: _read(hints[key], item, prefix + key) for key, item in value.items()})


def _read_optional(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    kinds = [option for option in options if option is not type(None)]
    if len(kinds) == 1:
        return _read(kinds[0], value, where)
    return _read(_tagged(kinds, value, where), value, where)


def _tagged(kinds: list[Any], value: Any, where: str) -> Any:
    """The dataclass among ``kinds`` whose ``TAGS`` hold the value's ``architecture``; the first when it has none."""
    if not isinstance(value, dict):
        raise fail(where, value, "an object")
    tag = value.get("architecture", kinds[0].TAGS[0])
    for kind in kinds:
        if tag in kind.TAGS:
            return kind
    known = ", ".join(sorted(tag for kind in kinds for tag in kind.TAGS))
    raise ModelError(
        f"The model asks for the architecture '{shown(tag, 80)}', which this version does not know.",
        f"Known are: {known}. Update UNetSegment or choose another model.",
    )


def _read_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise fail(where, value, _describe(tuple[kinds]))  # type: ignore[valid-type]
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise fail(where, value, f"a list of {len(kinds)} entries")
    return tuple(_read(kind, item, f"{where}[{n}]") for n, (kind, item) in enumerate(zip(kinds, value, strict=True)))


def _read_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind in (str, bool) and isinstance(value, kind):
        return value
    if not isinstance(value, bool) and isinstance(value, int | float) and abs(value) <= _LARGEST:
        if kind is float:
            return float(value)
        if kind is int and isinstance(value, int):
            return value
    raise fail(where, value, _describe(kind))


def _describe(kind: Any) -> str:
    """A type in words, for messages."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join("null" if a is type(None) else _describe(a) for a in arguments)
    if typing.get_origin(kind) is tuple:
        return "a list" if Ellipsis in arguments else f"a list of {len(arguments)} entries"
    return _WORDS.get(kind, "an object")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
